from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray


class Moments(msgspec.Struct, array_like=True):
    """Count, mean, variance and extremes of numbers.

    Two halves are joined by Chan, Golub and LeVeque's formula (1979), of which Welford's is the case of one value:
    M₂ = M₂ᵃ + M₂ᵇ + (μᵇ - μᵃ)² · nᵃ·nᵇ/n. The mean is joined by weights, nᵃ/n·μᵃ + nᵇ/n·μᵇ, which cannot overflow
    where the values do not. Count and extremes are exact, mean and variance to a float's rounding, in any order.
    Values beyond 1e154 have an infinite variance. Not for what a few outliers must not move: take `Quantiles`.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # M₂: the sum of squared distances from the mean
    low: float = np.inf
    high: float = -np.inf

    def update(self, ordered: NDArray[np.float64]) -> None:
        """Of finite numbers in ascending order."""
        count = len(ordered)
        if not count:
            return
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(ordered.mean())
            if not np.isfinite(mean):
                mean = float((ordered / count).sum())
            squares = float(np.square(ordered - mean).sum())
        self.merge(type(self)(count, mean, squares, float(ordered[0]), float(ordered[-1])))

    def merge(self, other: Self) -> None:
        if not other.count:
            return
        count = self.count + other.count
        mine, theirs = self.count / count, other.count / count
        apart = other.mean - self.mean
        self.squares += other.squares + (apart * mine) * (apart * other.count)
        self.mean = mine * self.mean + theirs * other.mean
        self.count = count
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def variance(self) -> float:
        """Of the population, as `numpy.var` and Evidently have it."""
        return self.squares / self.count if self.count else float("nan")

    @property
    def deviation(self) -> float:
        return float(np.sqrt(self.variance))

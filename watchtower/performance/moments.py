import math
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.estimate import Estimate, student_quantile, unknown

Numbers = NDArray[np.float64]


class Mean(msgspec.Struct):
    """A mean and its variance, merged exactly: Chan, Golub and LeVeque (1983).

    The interval is Student's; it promises its level for sums that are near normal. With fewer than some 30 rows of a
    heavy-tailed loss it is too narrow, and a bounded mean that is watched all the time wants a confidence sequence.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # of the distances from the mean

    def update(self, values: Numbers) -> None:
        if values.size:
            mean = float(values.mean())
            self._add(int(values.size), mean, float(np.square(values - mean).sum()))

    def merge(self, other: Self) -> None:
        if other.count:
            self._add(other.count, other.mean, other.squares)

    def _add(self, count: int, mean: float, squares: float) -> None:
        total = self.count + count
        step = mean - self.mean
        self.squares += squares + step * step * (self.count * count / total)
        self.mean += step * (count / total)
        self.count = total

    def estimate(self, alpha: float, least: float = -math.inf) -> Estimate:
        """`least` is what no mean of these values can be below."""
        if self.count == 0 or not math.isfinite(self.mean):
            return unknown(self.count, alpha)
        if self.count == 1 or not math.isfinite(self.squares):
            return Estimate(self.mean, None, None, self.count, alpha)
        half = student_quantile(alpha, self.count - 1) * math.sqrt(self.squares / (self.count - 1) / self.count)
        return Estimate(self.mean, max(least, self.mean - half), self.mean + half, self.count, alpha)

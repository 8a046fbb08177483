"""A confidence sequence for a bounded mean: an interval that may be looked at after every value, at no cost in error.

Formula. For values in [lo, hi] with the mean μ, and a candidate mean m, a gambler bets the fraction c of his capital
against "μ ≤ m":

    K(m) = Π (1 − c + c·(x − lo)/(m − lo))        and against "μ ≥ m":   Π (1 − c + c·(hi − x)/(hi − m))

Each factor's expectation is at most 1 under the hypothesis, so K is a nonnegative supermartingale, and by Ville's
inequality the chance that it *ever* reaches 1/a is at most a. Nobody knows the best c, so capital is divided once
over a geometric grid of them; a mixture of supermartingales is one. K falls (rises) with m for every c, so the means that
were not refuted are an interval, whose ends are found by halving.

Error rate: the chance that the interval ever excludes μ is at most `alpha`, half of it for each end, without asymptotics,
for any distribution in [lo, hi], provided that the conditional mean, given the past, stays μ.

State. Values are put onto fixed levels, in two neighbouring parts that keep the mean. The logarithm of a factor is
concave in x, so that only lowers K: the promise holds, and the state is a few counts, whatever the order of the values,
their batches or their number; two states merge by addition. On values that are levels (0 and 1; −1, 0 and 1) it is exact.

Sources: Waudby-Smith and Ramdas 2024 (JRSS B 86, "Estimating means of bounded random variables by betting"), of which
this is the hedged capital with a mixture in the place of a predictable bet; Robbins 1970 and Cover 1991 for the mixture.

Not for values without bounds, and not where values come in bursts of copies: a hundred retries of one request are one.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VERSION: Final = 1
# Fractions from nearly all down to a millionth: a factor 2 from the best costs a sixth of the growth at most, and the
# smallest serves some 10^12 values. Larger bets get more of the capital, for they decide early; none gets under 1/80.
BETS: Final[Array] = np.concatenate(([0.99], 0.5 ** np.arange(1, 20)))
LOG_WEIGHTS: Final[Array] = np.log(1 / np.arange(1.0, len(BETS) + 1) / (1 / np.arange(1.0, len(BETS) + 1)).sum())
_HALVINGS: Final = 30
_NEAREST: Final = 1e-290  # to the bound: a level's distance can still be divided by so little
_MOST: Final = 1e7  # times as many values as there are: beyond it, "how many more" is not a number that helps

SHARES: Final[Array] = np.array([0.0, 1.0])
SIGNS: Final[Array] = np.array([-1.0, 0.0, 1.0])
_HALF: Final[Array] = 2.0 ** (np.arange(-64, 1) / 4)
FRACTIONS: Final[Array] = np.concatenate(([0.0], _HALF))  # finer towards 0, where rates are
DIFFERENCES: Final[Array] = np.concatenate((-_HALF[::-1], [0.0], _HALF))


class BoundedMean:
    """Counts on `levels`, whose first and last are the bounds; values outside count as the bound."""

    __slots__ = ("counts", "levels")

    def __init__(self, levels: Array, counts: Array | None = None) -> None:
        self.levels = levels
        self.counts: Array = np.zeros(len(levels)) if counts is None else counts

    @property
    def count(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        count = self.count
        return float(self.counts @ self.levels) / count if count else math.nan

    def update(self, values: Array) -> None:
        """NaN is no value: who has none leaves it out."""
        levels = self.levels
        clipped = np.clip(values, levels[0], levels[-1])
        below = np.minimum(np.searchsorted(levels, clipped, side="right") - 1, len(levels) - 2)
        part = (clipped - levels[below]) / (levels[below + 1] - levels[below])
        self.counts += np.bincount(below, 1 - part, len(levels)) + np.bincount(below + 1, part, len(levels))

    def merge(self, other: "BoundedMean") -> None:
        self.counts += other.counts

    def evidence_above(self, m: float) -> float:
        """Logarithm of the capital won against "the mean is at most m"."""
        return _log_capital(self.counts, (self.levels - self.levels[0]), m - float(self.levels[0]))

    def evidence_below(self, m: float) -> float:
        """Logarithm of the capital won against "the mean is at least m"."""
        return _log_capital(self.counts, (self.levels[-1] - self.levels), float(self.levels[-1]) - m)

    def interval(self, alpha: float) -> tuple[float, float]:
        return self.low(alpha / 2), self.high(alpha / 2)

    def low(self, alpha: float) -> float:
        """With the chance `alpha` at most, it is ever above the mean."""
        bound, mean = float(self.levels[0]), self.mean
        return (
            bound + _end(self.counts, self.levels - bound, mean - bound, math.log(1 / alpha)) if self.count else bound
        )

    def high(self, alpha: float) -> float:
        """With the chance `alpha` at most, it is ever below the mean."""
        bound, mean = float(self.levels[-1]), self.mean
        return (
            bound - _end(self.counts, bound - self.levels, bound - mean, math.log(1 / alpha)) if self.count else bound
        )

    def more(self, m: float, alpha: float) -> int | None:
        """About how many more values, like those so far, until m lies outside; None where there is no end of it."""
        start = self if self.count else BoundedMean(self.levels, _one_best(self.levels))
        is_above, wanted = start.mean > m, math.log(2 / alpha)

        def is_enough(factor: float) -> bool:
            scaled = BoundedMean(start.levels, start.counts * factor)
            return (scaled.evidence_above(m) if is_above else scaled.evidence_below(m)) >= wanted

        factor = least_factor(is_enough)
        return None if factor is None else max(1, math.ceil(start.count * factor - self.count))

    def state(self) -> bytes:
        return msgspec.msgpack.encode((VERSION, self.counts.tobytes()))

    def restore(self, state: bytes) -> None:
        version, counts = msgspec.msgpack.decode(state)
        if version != VERSION or len(counts) != self.counts.nbytes:
            raise ValueError(f"a state of a mean, version {version} with {len(counts)} bytes, does not fit here")
        self.counts = np.frombuffer(counts, np.float64).copy()


def least_factor(is_enough: Callable[[float], bool]) -> float | None:
    """How many times the values there are would be enough, to a twentieth; None where nothing is."""
    if not is_enough(_MOST):
        return None
    few, many = 1.0, _MOST
    while many > few * 1.05:
        middle = math.sqrt(few * many)
        few, many = (few, middle) if is_enough(middle) else (middle, many)
    return many


def binary_capital(ones: float, count: float, p: float) -> float:
    """Logarithm of the capital won against "the chance of a one is at most p", of which nothing but two counts is needed."""
    return _mixed(ones * np.log1p(BETS * (1 / p - 1)) + (count - ones) * np.log1p(-BETS))


def _log_capital(counts: Array, distances: Array, m: float) -> float:
    """`distances` of the levels from the bound, and m's."""
    if m <= 0:
        # The mean would be the bound itself, which any other value refutes.
        return math.inf if counts[distances > 0].sum() > 0 else 0.0
    used = counts > 0
    factors = np.log1p(BETS[:, None] * (distances[used] / m - 1)[None, :])
    return _mixed(factors @ counts[used])


def _mixed(logs: Any) -> float:
    terms = logs + LOG_WEIGHTS
    largest = float(terms.max())
    return largest + math.log(float(np.exp(terms - largest).sum()))


def _end(counts: Array, distances: Array, mean: float, wanted: float) -> float:
    """The largest m below the mean, both as distances from the bound, that is refuted: the interval begins there."""
    low, high = 0.0, mean
    if mean <= _NEAREST or _log_capital(counts, distances, mean * 2.0**-_HALVINGS) < wanted:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _log_capital(counts, distances, middle) >= wanted:
            low = middle
        else:
            high = middle
    return low


def _one_best(levels: Array) -> Array:
    """One value that tells no difference: what a shadow like its primary will bring."""
    counts = np.zeros(len(levels))
    counts[int(np.abs(levels).argmin())] = 1.0
    return counts

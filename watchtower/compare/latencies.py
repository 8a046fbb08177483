"""A confidence sequence for a quantile of latencies, by counting how many lie at or below.

Formula. With q the p-quantile, the number of values at or below q is a sum of indicators whose mean is at least p, and
of those below q one whose mean is at most p. The betting process of `confidence` gives for every n a count s_low that
the first never falls to, and a count s_high that the second never reaches, but with the chance a. So q lies between
the order statistics s_low + 1 and s_high. Both are read off one histogram: no grid of thresholds is tested, so none
has to be paid for.

Error rate: at most `alpha` over all times, half of it for each end, if the values come from one distribution, in any
order. Latencies of one minute resemble each other; where load changes, so does the quantile, and the interval is of
the mixture only as far as the changes come at random.

Bins are 1/64 of an octave, 1.1 % wide, from 1 µs to 73 minutes; an end is rounded outwards to its bin's edge, so
rounding costs width and no error. Merging adds counts, and is exact.

Source: Howard and Ramdas 2022 (Bernoulli 28, "Sequential estimation of quantiles"), section 3 for a fixed quantile,
with their boundary replaced by the mixture of bets.
"""

import math
from typing import Any, Final

import msgspec
import numpy as np

from watchtower.compare.confidence import Array, binary_capital

VERSION: Final = 1
_PER_OCTAVE: Final = 64
_FIRST: Final = 10  # 2^10 ns
_OCTAVES: Final = 32
_BINS: Final = _PER_OCTAVE * _OCTAVES + 2  # one below, one above
# Bin i holds edges[i] <= ns < edges[i + 1].
EDGES: Final[Array] = np.concatenate(
    ([0.0], 2.0 ** (_FIRST + np.arange(_PER_OCTAVE * _OCTAVES + 1) / _PER_OCTAVE), [math.inf])
)


class Latencies:
    __slots__ = ("counts",)

    def __init__(self, counts: Array | None = None) -> None:
        self.counts: Array = np.zeros(_BINS) if counts is None else counts

    @property
    def count(self) -> float:
        return float(self.counts.sum())

    def update(self, values_ns: Any) -> None:
        octaves = np.log2(np.maximum(np.asarray(values_ns, np.float64), 1.0)) - _FIRST
        bins = np.clip(np.floor(octaves * _PER_OCTAVE) + 1, 0, _BINS - 1).astype(np.intp)
        self.counts += np.bincount(bins, minlength=_BINS)

    def merge(self, other: "Latencies") -> None:
        self.counts += other.counts

    def scaled(self, factor: float) -> "Latencies":
        return Latencies(self.counts * factor)

    def quantile(self, p: float) -> float:
        """In nanoseconds, the middle of its bin; NaN without values."""
        count = self.count
        if not count:
            return math.nan
        place = self._bin(max(1.0, p * count))
        low, high = float(EDGES[place]), float(EDGES[place + 1])
        return math.sqrt(low * high) if low and high < math.inf else (low or high)

    def interval(self, p: float, alpha: float) -> tuple[float, float]:
        """Of the p-quantile, in nanoseconds; the upper end is infinite until there are enough values."""
        count = self.count
        below, above = critical_counts(count, p, alpha)
        low = 0.0 if below < 0 else float(EDGES[self._bin(min(count, below + 1))])
        return low, math.inf if above > count else float(EDGES[self._bin(above) + 1])

    def _bin(self, place: float) -> int:
        """Where the value lies that is the place-th from below."""
        # Half a value of slack: sums of scaled counts are whole only nearly.
        return min(_BINS - 1, int(np.searchsorted(np.cumsum(self.counts), place - 1e-6 * place)))

    def state(self) -> bytes:
        used = np.flatnonzero(self.counts)
        return msgspec.msgpack.encode((VERSION, used.tolist(), self.counts[used].tolist()))

    def restore(self, state: bytes) -> None:
        version, used, counts = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a state of latencies of version {version}, and {VERSION} is read")
        self.counts = np.zeros(_BINS)
        self.counts[used] = counts


def critical_counts(count: float, p: float, alpha: float) -> tuple[int, int]:
    """The largest number of ones that refutes a chance of at least p (−1: none does), and the smallest that refutes at most p."""
    whole = math.floor(count)
    wanted = math.log(2 / alpha)
    low, high = -1, math.ceil(p * whole)  # low refutes or is none; high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binary_capital(whole - middle, whole, 1 - p) >= wanted else (low, middle)
    below = low
    low, high = math.floor(p * whole), whole + 1  # low does not refute; high does or is more than there are
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if binary_capital(middle, whole, p) >= wanted else (middle, high)
    return below, high

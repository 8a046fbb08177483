"""The mean of bounded values of which some are not known: an interval that holds whatever those are.

The lower end is `BoundedMean`'s with every unknown value at the lower bound, the upper end with every one at the upper
bound. The mean of all values lies between those two means, at any time, so the interval misses it no more often than
either of them its own: `alpha` in all. Nothing is asked of why a value is unknown, least of all that it is by chance.

Source: Manski 1989 ("Anatomy of the Selection Problem"), whose worst-case bounds these are.
"""

import math
from typing import Final

import msgspec
import numpy as np

from watchtower.compare.confidence import Array, BoundedMean

_FIRST: Final = 0
_LAST: Final = -1


class PartlyKnownMean:
    def __init__(self, levels: Array) -> None:
        self._known = BoundedMean(levels)
        self._unknown = 0.0

    @property
    def count(self) -> float:
        return self._known.count + self._unknown

    @property
    def mean(self) -> float:
        """Of the values that are known."""
        return self._known.mean

    @property
    def unknown(self) -> float:
        """Their share."""
        return self._unknown / self.count if self.count else math.nan

    @property
    def extent(self) -> tuple[float, float]:
        """Between which the mean of all values lies."""
        return self._filled(_FIRST).mean, self._filled(_LAST).mean

    def update(self, values: Array) -> None:
        """NaN is a value that is not known."""
        is_known = ~np.isnan(values)
        self._known.update(values[is_known])
        self._unknown += len(values) - int(is_known.sum())

    def interval(self, alpha: float) -> tuple[float, float]:
        return self._filled(_FIRST).low(alpha / 2), self._filled(_LAST).high(alpha / 2)

    def scaled(self, factor: float) -> "PartlyKnownMean":
        """As if each value had come so often."""
        found = PartlyKnownMean(self._known.levels)
        found._known.counts = self._known.counts * factor
        found._unknown = self._unknown * factor
        return found

    def more(self, m: float, alpha: float) -> int | None:
        """About how many more values, like those so far, until m lies outside; None where there is no end of it."""
        low, high = self.extent
        if low <= m < high:
            return None
        return self._filled(_FIRST if low > m else _LAST).more(m, alpha)

    def _filled(self, level: int) -> BoundedMean:
        if not self._unknown:
            return self._known
        counts = self._known.counts.copy()
        counts[level] += self._unknown
        return BoundedMean(self._known.levels, counts)

    def state(self) -> bytes:
        return msgspec.msgpack.encode((self._unknown, self._known.state()))

    def restore(self, state: bytes) -> None:
        self._unknown, known = msgspec.msgpack.decode(state)
        self._known.restore(known)

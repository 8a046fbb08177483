"""The primary's own noise, measured by a twin, taken off what a shadow shows: as Diffy does, with an interval.

For each column: excess = share of rows that disagree at the shadow − the same at the twin. Each share has a confidence
sequence at half of alpha (`confidence`, rows as values), so their difference lies in [low_s − high_t, high_s − low_t]
with a chance of error of alpha at most, at all times. Rows of one request resemble each other, so for requests of many
rows the interval of a column is too narrow: the verdict, whose unit is the pair, is what decides; this says where to look.

Source: twitter/diffy, whose "raw" and "noise" differences these are; it compares their counts without an interval.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from watchtower.compare.aggregate import ShadowTotals
from watchtower.compare.column_totals import ColumnTotals
from watchtower.compare.confidence import SHARES, BoundedMean
from watchtower.compare.readings import Measure

_EMPTY: Final = ColumnTotals()


class Excess(NamedTuple):
    shadow: float  # share of rows that disagree with the primary
    twin: float
    low: float  # of the difference of the two
    high: float

    @property
    def value(self) -> float:
        return self.shadow - self.twin

    @property
    def is_noise(self) -> bool:
        """The twin disagrees as often, as far as can be told."""
        return self.low <= 0


def excess(shadow: tuple[int, int], twin: tuple[int, int], alpha: float) -> Excess:
    """Each as (disagreeing, all)."""
    (low_s, high_s), (low_t, high_t) = _interval(*shadow, alpha / 2), _interval(*twin, alpha / 2)
    return Excess(_share(*shadow), _share(*twin), low_s - high_t, high_s - low_t)


def column_excess(shadow: ShadowTotals, twin: ShadowTotals, alpha: float) -> dict[tuple[str, Measure], Excess]:
    """Of every column of the shadow; alpha is divided among them, for people look at the largest."""
    each = alpha / max(1, len(shadow.columns))
    return {
        key: excess(_counts(totals, shadow.equal_rows), _counts(twin.columns.get(key, _EMPTY), twin.equal_rows), each)
        for key, totals in shadow.columns.items()
    }


def _counts(totals: ColumnTotals, equal: int) -> tuple[int, int]:
    return totals.disagreeing, totals.rows + equal


def _share(some: int, every: int) -> float:
    return some / every if every else math.nan


def _interval(some: int, every: int, alpha: float) -> tuple[float, float]:
    return BoundedMean(SHARES, np.array([every - some, some], np.float64)).interval(alpha)

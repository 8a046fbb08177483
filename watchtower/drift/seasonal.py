"""One reference for each hour of the week, where a history shows that the hour matters and is long enough to know it.

A service that is used by offices has other rows at night than at noon, and against one baseline every night is drift.
The references are counts in the baseline's own bins, one set for each of 168 hours, in UTC.

They are chosen when three things hold, and the answer says which does not:

1. every hour of the week was seen in at least two different weeks, so that no single night is taken for all nights;
2. every hour has at least 1,000 rows, below which its own sampling error would be larger than the drift it explains;
3. for some column the hour explains more than chance does: Cramér's V of hours × bins, with Bergsma's correction for
   bias (2013), is at least 0.05. Else the hours are only a smaller sample of the same thing, and the plain one is better.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.drift.bins import Counts

HOURS: Final = 168
LEAST_WEEKS: Final = 2
LEAST_ROWS: Final = 1000
LEAST_EFFECT: Final = 0.05
VERSION: Final = 1

_HOUR_NS: Final = 3_600_000_000_000
_THURSDAY: Final = 72  # hours from Monday to the day that 1970 began with
_MOST_WEEKS: Final = 104


class Choice(StrEnum):
    SEASONAL = "seasonal"
    TOO_SHORT = "too_short"  # an hour of the week was seen in fewer than two weeks
    TOO_FEW_ROWS = "too_few_rows"
    NO_SEASON = "no_season"  # the hour explains nothing


def hour_of_week(at_ns: int) -> int:
    """0 is Monday's first hour in UTC."""
    return (at_ns // _HOUR_NS + _THURSDAY) % HOURS


class SeasonsState(msgspec.Struct, array_like=True):
    weeks: list[list[int]]
    rows: list[int]
    counts: dict[str, list[list[int]]]


class Seasons:
    """Counts by hour of the week; it merges by addition, and belongs to the bins that its counts were made in."""

    def __init__(self) -> None:
        self.weeks: list[set[int]] = [set() for _ in range(HOURS)]
        self.rows = np.zeros(HOURS, np.int64)
        self.counts: dict[str, NDArray[np.int64]] = {}

    def update(self, start_ns: int, rows: int, counts: Mapping[str, Counts]) -> None:
        """A window of at most an hour, by when it began."""
        hour = hour_of_week(start_ns)
        self.rows[hour] += rows
        if len(self.weeks[hour]) < _MOST_WEEKS:
            self.weeks[hour].add((start_ns // _HOUR_NS + _THURSDAY) // HOURS)
        for name, added in counts.items():
            self._table(name, len(added))[hour] += added

    def merge(self, other: "Seasons") -> None:
        self.rows += other.rows
        self.weeks = [mine | theirs for mine, theirs in zip(self.weeks, other.weeks, strict=True)]
        for name, table in other.counts.items():
            self._table(name, table.shape[1])[:] += table

    def choice(self) -> Choice:
        if min(map(len, self.weeks)) < LEAST_WEEKS:
            return Choice.TOO_SHORT
        if int(self.rows.min()) < LEAST_ROWS:
            return Choice.TOO_FEW_ROWS
        strongest = max((explained(table) for table in self.counts.values()), default=0.0)
        return Choice.SEASONAL if strongest >= LEAST_EFFECT else Choice.NO_SEASON

    def reference(self, start_ns: int) -> dict[str, Counts]:
        """The counts of that hour in all weeks."""
        hour = hour_of_week(start_ns)
        return {name: table[hour] for name, table in self.counts.items()}

    def state(self) -> bytes:
        weeks = [sorted(seen) for seen in self.weeks]
        counts = {name: table.tolist() for name, table in self.counts.items()}
        return msgspec.msgpack.encode((VERSION, SeasonsState(weeks, self.rows.tolist(), counts)))

    @classmethod
    def restore(cls, state: bytes) -> Self:
        version, kept = msgspec.msgpack.decode(state, type=tuple[int, SeasonsState])
        if version != VERSION:
            raise ValueError(f"seasons of version {version}, where {VERSION} is known")
        seasons = cls()
        seasons.weeks = [set(seen) for seen in kept.weeks]
        seasons.rows = np.array(kept.rows, np.int64)
        seasons.counts = {name: np.array(table, np.int64) for name, table in kept.counts.items()}
        return seasons

    def _table(self, name: str, slots: int) -> NDArray[np.int64]:
        return self.counts.setdefault(name, np.zeros((HOURS, slots), np.int64))


def explained(table: NDArray[np.int64]) -> float:
    """Bergsma's Cramér's V of a table of counts: 0 where the rows of the table differ by chance only, 1 at most."""
    kept = table[table.any(axis=1)][:, table.any(axis=0)].astype(np.float64)
    hours, slots, total = *kept.shape, kept.sum()
    if hours < 2 or slots < 2 or total < 2:
        return 0.0
    expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / total
    phi = float(np.sum(np.square(kept - expected) / expected)) / total
    corrected = max(phi - (hours - 1) * (slots - 1) / (total - 1), 0.0)
    sides = (side - (side - 1) ** 2 / (total - 1) - 1 for side in (hours, slots))
    return float(np.sqrt(corrected / max(min(sides), np.finfo(float).tiny)))

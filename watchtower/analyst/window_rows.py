"""A window as the analyst holds it: every row's profile, and a few rows as they were, for what only whole rows show."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

import msgspec

from watchtower.drift.baseline import Baseline
from watchtower.drift.profiles import Profiles
from watchtower.drift.reservoir import Reservoir

# As many as the joint detector looks at; what it bets on are rows, and more of one minute tell it little.
ROWS_KEPT: Final = 500
# In vectors: of 1,536 each some 170 rows, 8 MB while the window is open, and 2.3 MB in every commit.
NUMBERS_KEPT: Final = 256 * 1024


class WindowRowsState(msgspec.Struct, array_like=True):
    profiles: bytes
    kept: dict[str, list[object]]
    seen: int = 0
    size: int = ROWS_KEPT


class WindowRows:
    """The rows that are kept are a uniform sample, as the baseline's are.

    Rows come by variant and by shape: the first of each would be a mixture that the traffic never was.
    """

    def __init__(self, profiles: Profiles) -> None:
        self.profiles = profiles
        self.forget()

    @property
    def kept(self) -> dict[str, list[object]]:
        return self._sample.columns

    @property
    def count(self) -> int:
        """Of the rows that are kept."""
        return self._sample.rows

    def update(self, names: Sequence[str], columns: Sequence[Sequence[object]], wanted: Mapping[str, int]) -> None:
        """`wanted`: columns whose rows are kept, with the length of their vectors."""
        self.profiles.update(names, columns)
        if wanted and columns:
            own = [pair for pair in zip(names, columns, strict=True) if pair[0] in wanted]
            kept = [_fitting(cells, wanted[name]) for name, cells in own]
            self._sample.add([name for name, _ in own], kept, len(columns[0]))

    def merge(self, other: Self) -> None:
        """Hours and days keep no rows: nobody bets on them again."""
        self.profiles.merge(other.profiles)
        self.forget()

    def forget(self) -> None:
        """The rows, once they were bet on."""
        self._sample = Reservoir(ROWS_KEPT, most_numbers=NUMBERS_KEPT)

    def state(self) -> bytes:
        sample = self._sample
        return msgspec.msgpack.encode(WindowRowsState(self.profiles.state(), sample.columns, sample.seen, sample.size))

    @classmethod
    def restore(cls, state: bytes, baseline: Baseline, most_columns: int) -> Self:
        """`baseline`: the one that its profiles were counted in."""
        found = msgspec.msgpack.decode(state, type=WindowRowsState)
        rows = cls(Profiles.restore(found.profiles, baseline.kinds, baseline.bins, most_columns))
        sample = rows._sample
        sample.columns, sample.size = found.kept, found.size
        sample.seen = max(found.seen, *map(len, found.kept.values()), 0)
        return rows


def _fitting(cells: Sequence[object], length: int) -> Sequence[object]:
    """Without lists that nobody bets on: one of thousands of numbers would take the places of all other rows."""
    if length:
        return [cell if type(cell) is list and len(cell) == length else None for cell in cells]
    return [None if type(cell) is list else cell for cell in cells] if list in set(map(type, cells)) else cells

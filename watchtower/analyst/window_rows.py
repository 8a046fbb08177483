"""A window as the analyst holds it: every row's profile, and a few rows as they were, for what only whole rows show."""

from collections.abc import Sequence
from typing import Final, Self

import msgspec

from watchtower.drift.profiles import Profiles

# As many as the joint detector looks at; what it bets on are rows, and more of one minute tell it little.
ROWS_KEPT: Final = 500
# In vectors: of 1,536 each some 200 rows, 9 MB while the window is open, and 2.6 MB in every commit.
NUMBERS_KEPT: Final = 256 * 1024


class WindowRows:
    """The first rows of every batch, up to the most: a batch is a fraction of a second, a window has many."""

    def __init__(self, profiles: Profiles, kept: dict[str, list[object]] | None = None) -> None:
        self.profiles = profiles
        self.kept: dict[str, list[object]] = kept or {}
        self.count = max(map(len, self.kept.values()), default=0)
        self._numbers = sum(map(_numbers, self.kept.values()))

    def update(self, names: Sequence[str], columns: Sequence[Sequence[object]], wanted: frozenset[str]) -> None:
        self.profiles.update(names, columns)
        taken = min(ROWS_KEPT - self.count, len(columns[0]) if columns else 0, ROWS_KEPT // 8)
        if taken <= 0 or not wanted or self._numbers >= NUMBERS_KEPT:
            return
        for name, cells in zip(names, columns, strict=True):
            if name in wanted:
                own = self.kept.setdefault(name, [None] * self.count)
                own.extend(cells[:taken])
                self._numbers += _numbers(cells[:taken])
        self.count += taken
        for own in self.kept.values():
            own.extend([None] * (self.count - len(own)))

    def merge(self, other: Self) -> None:
        """Hours and days keep no rows: nobody bets on them again."""
        self.profiles.merge(other.profiles)
        self.forget()

    def forget(self) -> None:
        """The rows, once they were bet on."""
        self.kept, self.count, self._numbers = {}, 0, 0

    def state(self) -> bytes:
        return msgspec.msgpack.encode((self.profiles.state(), self.kept))


def _numbers(cells: Sequence[object]) -> int:
    return sum(len(cell) for cell in cells if isinstance(cell, list))

from collections.abc import Sequence
from typing import Final

import numpy as np

from watchtower.drift.profile_words import cleaned
from watchtower.drift.values import Column, Encoded

LONGEST: Final = 65_536  # characters of a text that are kept: as many as the journal keeps of a body by default
SHOWN: Final = 1000  # of what goes on to a baseline's sample: a report shows less
_INT64: Final = range(-(2**63), 2**63)


class Reservoir:
    """A uniform sample of bounded size of rows, however many there are: Vitter's algorithm R (1985).

    Every row has the same chance, size ÷ rows seen, and rows stay whole, so that columns can be read together. A column
    that a batch does not have is missing in its rows. The same rows in the same batches with the same seed give the same
    sample. Not mergeable, for the counts behind the chances are not: sample once, over all.
    """

    def __init__(self, size: int, seed: int = 0, most_numbers: int | None = None) -> None:
        """`most_numbers`: in vectors, however many rows that leaves."""
        self.size = size
        self._most_numbers = most_numbers
        self.seen = 0
        self.columns: dict[str, list[object]] = {}
        self._generator = np.random.default_rng(seed)

    @property
    def rows(self) -> int:
        return min(self.size, self.seen)

    def add(self, names: Sequence[str], columns: Sequence[Column], rows: int | None = None) -> None:
        """`rows`: how many there are, where it may be that none of their columns is given."""
        number = rows if rows is not None else len(columns[0]) if columns else 0
        if not number:
            return
        if self._most_numbers is not None and (width := sum(map(_longest, columns))):
            self.shrink(max(self._most_numbers // width, 1))
        before = self.rows
        taken = min(self.size - before, number)
        later, slots = self._replacing(taken, number)
        for name in names:
            self.columns.setdefault(name, [None] * before)
        given = dict(zip(names, columns, strict=True))
        for name, kept in self.columns.items():
            cells = given.get(name)
            if cells is None:
                kept.extend([None] * taken)
                _replace(kept, slots, [None] * len(slots))
            else:
                kept.extend(_natural(cells[:taken]))
                _replace(kept, slots, _picked(cells, later))
        self.seen += number

    def shrink(self, size: int) -> None:
        """Some of a uniform sample, drawn by chance, are one as well."""
        if size >= self.size:
            return
        if self.rows > size:
            kept = np.sort(self._generator.choice(self.rows, size, replace=False)).tolist()
            self.columns = {name: [cells[row] for row in kept] for name, cells in self.columns.items()}
        self.size = size

    def shown(self, name: str) -> list[object]:
        """Of a column what is kept for good."""
        return [cleaned(cell, SHOWN) if type(cell) is str else cell for cell in self.columns[name]]

    def _replacing(self, first: int, number: int) -> tuple[list[int], list[int]]:
        """Which of the rows from `first` on take whose place."""
        nth = np.arange(self.seen + first, self.seen + number)
        slots = self._generator.integers(0, nth + 1)
        hits = np.flatnonzero(slots < self.size)
        last = dict(zip(slots[hits].tolist(), (hits + first).tolist(), strict=True))  # whom no later row has replaced
        return list(last.values()), list(last)


def _longest(cells: Column) -> int:
    """Of a column of vectors the longest one of this batch; 0 of any other."""
    if isinstance(cells, np.ndarray):
        return cells.shape[1] if cells.ndim > 1 else 0
    if isinstance(cells, Encoded) or type(next((cell for cell in cells if cell is not None), None)) is not list:
        return 0
    return max(len(cell) for cell in cells if type(cell) is list)


def _picked(cells: Column, rows: list[int]) -> list[object]:
    return _natural(cells[rows] if isinstance(cells, np.ndarray | Encoded) else [cells[row] for row in rows])


def _natural(cells: Column) -> list[object]:
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "biuf":
        numbers: list[object] = cells.tolist()
        return numbers
    return [_kept(cell) for cell in (cells.tolist() if isinstance(cells, np.ndarray | Encoded) else cells)]


def _kept(cell: object) -> object:
    """What can be written, and is not without measure."""
    if type(cell) is str:
        return cell if cell.isascii() and len(cell) <= LONGEST else cleaned(cell, LONGEST)
    if type(cell) is int and cell not in _INT64:
        return float(cell) if abs(cell) < 2**1023 else None
    return cell


def _replace(kept: list[object], slots: list[int], cells: list[object]) -> None:
    for slot, cell in zip(slots, cells, strict=True):
        kept[slot] = cell

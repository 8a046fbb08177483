"""Cells of several columns as one matrix of numbers, row by row, for what looks at them together.

A number is itself, a word a number that its letters give, and whatever is missing or of another type is NaN. A word's
place by frequency would say more to a person, but it is fitted to the baseline's rows: what was drawn often comes first,
in new rows less often, and two such columns, though independent, would differ from their own baseline together. Texts,
timestamps and vectors have no place here.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final, Self

import numpy as np

from watchtower.drift.bins import Bins
from watchtower.drift.evidence import Floats
from watchtower.drift.profile_words import shortened
from watchtower.drift.values import WORDY, as_word
from watchtower.table import Kind

_LARGEST: Final = 1e100


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, bins: Mapping[str, Bins], most: int) -> Self:
        """The first columns of numbers and words, as many as may be."""
        taken = [name for name, each in bins.items() if each.is_numeric or each.kind in WORDY][:most]
        return cls(tuple(taken), tuple(bins[name].kind for name in taken))

    def __call__(self, columns: Mapping[str, Sequence[object]], rows: int) -> Floats:
        """A column that is not given is missing in every row."""
        matrix = np.full((rows, len(self.names)), nan)
        for index, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True)):
            if cells := columns.get(name):
                matrix[:, index] = _spelled(kind, cells) if kind in WORDY else _numbers(cells)
        return matrix


def vectors(cells: Sequence[object], dimension: int) -> Floats:
    """Those that are as long as they should be and hold numbers whose squares are some, one a row."""
    fit = [cell for cell in cells if isinstance(cell, list) and len(cell) == dimension]
    matrix = np.array([_numbers(cell) for cell in fit]).reshape(len(fit), dimension)
    found: Floats = matrix[(np.abs(matrix) < _LARGEST).all(axis=1)]
    return found


def _numbers(cells: Sequence[object]) -> list[float]:
    return [_number(cell) for cell in cells]


def _number(cell: object) -> float:
    if type(cell) is float:
        return cell
    if type(cell) is int:
        try:
            return float(cell)
        except OverflowError:
            return nan
    return nan


def _spelled(kind: Kind, cells: Sequence[object]) -> list[float]:
    words = [as_word(kind, cell) for cell in cells]
    return [nan if word is None else float(zlib.crc32(shortened(word).encode())) for word in words]

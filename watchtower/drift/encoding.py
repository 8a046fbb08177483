"""Cells of several columns as one matrix of numbers, row by row, for what looks at them together.

A number is itself, a word its place in the baseline's order (by frequency, then rarer ones, then new ones), and
whatever is missing or of another type is NaN. Texts, timestamps and vectors have no place here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Final, Self

import numpy as np

from watchtower.drift.bins import Bins
from watchtower.drift.evidence import Floats
from watchtower.drift.profile_words import shortened
from watchtower.drift.values import WORDY

_LARGEST: Final = 1e100
_WORDS: Final = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    names: tuple[str, ...]
    places: tuple[Mapping[str, float] | None, ...]  # of the words of each column; of numbers None

    @classmethod
    def of(cls, bins: Mapping[str, Bins], most: int) -> Self:
        """The first columns of numbers and words, as many as may be."""
        taken = [name for name, each in bins.items() if each.is_numeric or each.kind in WORDY][:most]
        return cls(tuple(taken), tuple(_places(bins[name]) for name in taken))

    def __call__(self, columns: Mapping[str, Sequence[object]], rows: int) -> Floats:
        """A column that is not given is missing in every row."""
        matrix = np.full((rows, len(self.names)), nan)
        for index, (name, places) in enumerate(zip(self.names, self.places, strict=True)):
            if cells := columns.get(name):
                matrix[:, index] = _numbers(cells) if places is None else _placed(cells, places)
        return matrix


def vectors(cells: Sequence[object], dimension: int) -> Floats:
    """Those that are as long as they should be and hold numbers whose squares are some, one a row."""
    fit = [cell for cell in cells if isinstance(cell, list) and len(cell) == dimension]
    matrix = np.array([_numbers(cell) for cell in fit]).reshape(len(fit), dimension)
    found: Floats = matrix[(np.abs(matrix) < _LARGEST).all(axis=1)]
    return found


def _places(bins: Bins) -> Mapping[str, float] | None:
    if bins.is_numeric:
        return None
    rarer = dict.fromkeys(bins.known, float(len(bins.words)))
    return rarer | {word: float(place) for place, word in enumerate(bins.words)}


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


def _placed(cells: Sequence[object], places: Mapping[str, float]) -> list[float]:
    new = max(places.values(), default=0.0) + 1
    return [nan if _is_missing(cell) else _place(_word(cell), places, new) for cell in cells]


def _place(word: str, places: Mapping[str, float], new: float) -> float:
    place = places.get(word)
    return places.get(shortened(word), new) if place is None else place


def _is_missing(cell: object) -> bool:
    return cell is None or (type(cell) is float and isnan(cell))


def _word(cell: object) -> str:
    return _WORDS[cell] if isinstance(cell, bool) else str(cell)

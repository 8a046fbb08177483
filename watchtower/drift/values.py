"""One column's cells of a batch, told apart by type once, so that nothing behind it has to look at a cell again.

`Values.of` asks a batch for the set of its types first, which runs in C: a batch that holds only what its column
should hold, or nothing, is turned into an array at about 25 ns a cell; any other is sorted out cell by cell.

What is what:

| kind | taken | odd |
|---|---|---|
| number, integer | int, float | bool, str, lists, objects |
| timestamp | seconds as int or float, RFC 3339 as str | the rest, and text that is no RFC 3339 (`unreadable`) |
| boolean | bool | the rest |
| category | str; int and bool by their word (`3`, `true`) | float that is no whole number, lists, objects |
| text | str | the rest |
| vector | lists of finite numbers, as long as the reference's, or as most | the rest; another length or content is `unfit_vector` |
| null | – | everything |

A float in an integer column is a number: JSON and data frames write 3 as 3.0. An integer too large for a float is
counted with the infinities. NaN is missing in every kind: data frames write it for a word that is not there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from watchtower.drift import text
from watchtower.table import Kind

NUMERIC: Final = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.TIMESTAMP})
WORDY: Final = frozenset({Kind.CATEGORY, Kind.BOOLEAN})
NORM: Final = "norm"  # the part of a vector
PARTS: Final = {Kind.TEXT: text.PARTS, Kind.VECTOR: (NORM,)}
UNREADABLE: Final = "unreadable"
UNFIT_VECTOR: Final = "unfit_vector"

_NONE: Final = type(None)
_PLAIN: Final[frozenset[type]] = frozenset({int, float, _NONE})
_NO_NUMBERS: Final = np.empty(0)
_NO_VECTORS: Final = np.empty((0, 0))
_WORDS: Final = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column of words as a column store keeps it: each row's place in a list of different words, -1 where it has none."""

    codes: NDArray[np.int32]
    words: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice | list[int]) -> "Encoded":
        return Encoded(self.codes[rows], self.words)

    def tolist(self) -> list[object]:
        words = self.words
        return [words[code] if code >= 0 else None for code in self.codes.tolist()]

    def tally(self) -> dict[str, int]:
        rows = np.bincount(self.codes + 1, minlength=len(self.words) + 1)[1:].tolist()
        return {word: count for word, count in zip(self.words, rows, strict=True) if count}


Column = Sequence[object] | NDArray[np.generic] | Encoded  # a batch's cells, in any of the forms that they come in


@dataclass(frozen=True, slots=True)
class Values:
    """`count` is of all rows: it is the values, `missing`, `nans`, `infinities` and what is odd, together."""

    kind: Kind
    count: int
    numbers: NDArray[np.float64] = field(default_factory=lambda: _NO_NUMBERS)  # finite, in ascending order
    words: Mapping[str, int] = field(default_factory=dict)  # of a category or boolean: word → rows
    texts: Sequence[str] = ()
    vectors: NDArray[np.float64] = field(default_factory=lambda: _NO_VECTORS)  # one a row
    missing: int = 0
    nans: int = 0
    infinities: int = 0
    odd: Mapping[str, int] = field(default_factory=dict)  # values of another type than the column's: type → rows

    @classmethod
    def of(cls, kind: Kind, cells: Column, dimension: int = 0) -> Self:
        """`dimension` is of a reference's vectors, where it is known."""
        if isinstance(cells, np.ndarray):
            return cls.of_array(kind, cells)
        if isinstance(cells, Encoded):
            if kind is not Kind.CATEGORY:
                return cls.of(kind, cells.tolist())
            return cls(kind, len(cells), words=cells.tally(), missing=int((cells.codes < 0).sum()))
        types = set(map(type, cells))
        missing = cells.count(None) if _NONE in types else 0
        if kind in NUMERIC:
            return cls._of_numbers(kind, cells, types, missing)
        if float in types and (nans := sum(map(_is_nan, cells))):
            found = cls.of(kind, [cell for cell in cells if not _is_nan(cell)], dimension)
            return replace(found, count=len(cells), nans=nans)
        if kind in WORDY:
            return cls._of_words(kind, cells, types, missing)
        if kind is Kind.TEXT:
            texts = [cell for cell in cells if type(cell) is str]
            return cls(kind, len(cells), texts=texts, missing=missing, odd=_odd(cells, {str}, types))
        if kind is Kind.VECTOR:
            return cls._of_vectors(cells, types, missing, dimension)
        return cls(kind, len(cells), missing=missing, odd=_odd(cells, set(), types))

    @classmethod
    def of_array(cls, kind: Kind, array: NDArray[np.generic], missing: NDArray[np.bool_] | None = None) -> Self:
        """The same of an array; `missing` marks the rows that have no value, whatever the array says there."""
        count = len(array)
        if isinstance(array, np.ma.MaskedArray):
            array, missing = array.data, np.ma.getmaskarray(array)
        present = array if missing is None else array[~missing]
        gone = count - len(present)
        if kind in NUMERIC and present.dtype.kind in "iuf":
            return cls._of_floats(kind, count, present.astype(np.float64, copy=False), gone, 0, {})
        if kind is Kind.VECTOR and present.ndim == 2 and present.dtype.kind in "iuf":
            vectors = present.astype(np.float64, copy=False)
            fit = np.isfinite(vectors).all(axis=1)
            unfit = len(vectors) - int(fit.sum())
            return cls(kind, count, vectors=vectors[fit], missing=gone, odd={UNFIT_VECTOR: unfit} if unfit else {})
        cells: list[object] = present.tolist()
        return cls.of(kind, cells + [None] * gone)

    @property
    def absent(self) -> int:
        """Rows without a value: null, and NaN, which data frames write for it."""
        return self.missing + self.nans

    @property
    def oddities(self) -> int:
        """Rows whose value is none of this column's."""
        return self.infinities + sum(self.odd.values())

    def described(self) -> dict[str, NDArray[np.float64]]:
        """What a text's or a vector's numbers are, by the name of the part, each in ascending order."""
        if self.kind is Kind.TEXT:
            return text.described(self.texts)
        if self.kind is Kind.VECTOR:
            with np.errstate(over="ignore"):
                norms = np.linalg.norm(self.vectors, axis=1)
            return {NORM: np.sort(norms[np.isfinite(norms)])}
        return {}

    def fitting(self, dimension: int) -> "Values":
        """The same with vectors of that length only: those of another are odd."""
        unfit = len(self.vectors)
        if not unfit or self.vectors.shape[1] == dimension:
            return self
        odd = {**self.odd, UNFIT_VECTOR: self.odd.get(UNFIT_VECTOR, 0) + unfit}
        return Values(self.kind, self.count, missing=self.missing, odd=odd)

    @classmethod
    def _of_numbers(cls, kind: Kind, cells: Sequence[object], types: set[type], missing: int) -> Self:
        odd: dict[str, int] = {}
        numbers = cells
        if not types <= _PLAIN:
            odd = _odd(cells, _PLAIN if kind is not Kind.TIMESTAMP else _PLAIN | {str}, types)
            numbers = [cell for cell in cells if type(cell) in _PLAIN and cell is not None]
            if kind is Kind.TIMESTAMP and str in types:
                moments = [_seconds(cell) for cell in cells if type(cell) is str]
                numbers.extend(moment for moment in moments if moment is not None)
                if unreadable := moments.count(None):
                    odd[UNREADABLE] = unreadable
        elif missing:
            numbers = [cell for cell in cells if cell is not None]
        overflows = 0
        try:
            array = np.fromiter(numbers, np.float64, len(numbers))
        except OverflowError:
            fitting = [number for number in map(_as_float, numbers) if number is not None]
            overflows = len(numbers) - len(fitting)
            array = np.array(fitting, np.float64)
        return cls._of_floats(kind, len(cells), array, missing, overflows, odd)

    @classmethod
    def _of_floats(
        cls, kind: Kind, count: int, array: NDArray[np.float64], missing: int, overflows: int, odd: Mapping[str, int]
    ) -> Self:
        finite = np.isfinite(array)
        nans = 0
        if not finite.all():
            nans = int(np.isnan(array).sum())
            overflows += len(array) - int(finite.sum()) - nans
            array = array[finite]
        return cls(kind, count, np.sort(array), missing=missing, nans=nans, infinities=overflows, odd=odd)

    @classmethod
    def _of_words(cls, kind: Kind, cells: Sequence[object], types: set[type], missing: int) -> Self:
        if kind is Kind.CATEGORY and types <= {str, _NONE}:
            tally = Counter(cells)
            del tally[None]
            return cls(kind, len(cells), words=tally, missing=missing)  # type: ignore[arg-type]
        words: dict[str, int] = {}
        odd: dict[str, int] = {}
        for cell in cells:
            word = as_word(kind, cell)
            if word is not None:
                words[word] = words.get(word, 0) + 1
            elif cell is not None:
                name = type(cell).__name__
                odd[name] = odd.get(name, 0) + 1
        return cls(kind, len(cells), words=words, missing=missing, odd=odd)

    @classmethod
    def _of_vectors(cls, cells: Sequence[object], types: set[type], missing: int, dimension: int) -> Self:
        lists = cells if types == {list} else [cell for cell in cells if type(cell) is list]
        odd = _odd(cells, {list}, types)
        length = dimension or _usual_length(lists)
        try:
            vectors = np.array(lists, np.float64)
        except (ValueError, TypeError, OverflowError):
            vectors = _NO_VECTORS
        if vectors.shape != (len(lists), length):
            rows = [row for cell in lists if (row := _vector(cell, length)) is not None]
            vectors = np.array(rows, np.float64).reshape(len(rows), length)
        vectors = vectors[np.isfinite(vectors).all(axis=1)] if length else vectors[:0]
        if unfit := len(lists) - len(vectors):
            odd[UNFIT_VECTOR] = unfit
        return cls(Kind.VECTOR, len(cells), vectors=vectors, missing=missing, odd=odd)


def _odd(cells: Sequence[object], taken: set[type] | frozenset[type], types: set[type]) -> dict[str, int]:
    """Rows by the name of their type, of the types that are not taken; a batch without any is not walked through."""
    if not types - taken - {_NONE}:
        return {}
    return {kind.__name__: rows for kind, rows in Counter(map(type, cells)).items() if kind not in {*taken, _NONE}}


def _is_nan(cell: object) -> bool:
    return type(cell) is float and cell != cell  # noqa: PLR0124


def _as_float(number: object) -> float | None:
    try:
        return float(number)  # type: ignore[arg-type]
    except OverflowError:
        return None


def as_word(kind: Kind, cell: object) -> str | None:
    """Of a category or a boolean; None of what is no value of it."""
    if type(cell) is bool:
        return _WORDS[cell]
    if kind is Kind.BOOLEAN:
        return None
    if type(cell) is str:
        return cell
    if type(cell) is int or (type(cell) is float and cell.is_integer()):
        return format(cell, ".0f") if type(cell) is float else str(cell)
    return None


def _usual_length(lists: Sequence[object]) -> int:
    lengths = Counter(len(cell) for cell in lists if cell)  # type: ignore[arg-type]  # an empty one is no vector
    return lengths.most_common(1)[0][0] if lengths else 0


def _vector(cell: object, length: int) -> list[float] | None:
    try:
        row = np.array(cell, np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return row.tolist() if row.shape == (length,) else None


def _seconds(text: str) -> float | None:
    """A moment without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

"""What kind a column is, from its cells. The rules are stable: the same cells give the same kind, in any order.

Missing cells have no say. What most of the rest are decides, and the others are odd:

1. bools → boolean; lists of numbers → vector; only missing ones → null
2. numbers: all of them ints → integer, else number
3. words: 95 in 100 read as RFC 3339 moments with a date → timestamp
4. words that are prose → text: a mean of four words or more, or any longer than 100 characters
5. words that hardly repeat → text: of 100 or more, more than half are different
6. all other words → category

A column of few rows is judged by few rows: `infer` on the first body calls a column of one short word a category.
That is why a baseline, made of thousands of rows, fixes the kinds, and the configuration can fix any.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchtower.drift.values import Column, Encoded
from watchtower.table import Kind

PROSE_WORDS: Final = 4
LONGEST_WORD: Final = 100
ENOUGH_WORDS: Final = 100  # before repetition is judged
LOOKED_AT: Final = 5000  # cells, evenly over all
SHORTEST_MOMENT: Final = len("2024-01-01")


def infer_kind(cells: Column) -> Kind:
    if isinstance(cells, np.ndarray):
        return _kind_of_array(cells)
    if isinstance(cells, Encoded):
        return infer_kind(cells.tolist())
    seen = cells[:: max(len(cells) // LOOKED_AT, 1)]
    if (kind := _of_one_type(seen)) is not None:
        return kind
    families: dict[str, list[object]] = {}
    for cell in seen:
        if (family := _family(cell)) is not None:
            families.setdefault(family, []).append(cell)
    if not families:
        return Kind.NULL
    family, own = max(families.items(), key=lambda item: (len(item[1]), item[0]))
    if family == "words":
        return _kind_of_words([str(cell) for cell in own])
    if family == "numbers":
        return Kind.INTEGER if all(type(cell) is int for cell in own) else Kind.NUMBER
    return Kind.BOOLEAN if family == "bools" else Kind.VECTOR


def _of_one_type(cells: Sequence[object]) -> Kind | None:
    """What most columns are, told without a look at each cell."""
    types = set(map(type, cells)) - {type(None)}
    if types == {int}:
        return Kind.INTEGER
    if types <= {int, float} and types:
        return Kind.NUMBER if any(type(cell) is float and cell == cell for cell in cells) else None  # noqa: PLR0124  NaN
    return None


def _kind_of_array(array: NDArray[np.generic]) -> Kind:
    if array.ndim == 2:
        return Kind.VECTOR
    kinds = {"b": Kind.BOOLEAN, "i": Kind.INTEGER, "u": Kind.INTEGER, "f": Kind.NUMBER}
    return kinds.get(array.dtype.kind) or infer_kind(array.tolist())


def _family(cell: object) -> str | None:
    kind = type(cell)
    if kind is float or kind is int:
        return "numbers" if cell == cell else None  # noqa: PLR0124  NaN, which is a missing one
    if kind is str:
        return "words"
    if kind is bool:
        return "bools"
    return "vectors" if isinstance(cell, list) and cell and all(type(item) in {int, float} for item in cell) else None


def _kind_of_words(words: Sequence[str]) -> Kind:
    if sum(map(_is_moment, words)) >= 0.95 * len(words):
        return Kind.TIMESTAMP
    spaces = sum(len(word.split()) for word in words)
    if spaces >= PROSE_WORDS * len(words) or max(map(len, words)) > LONGEST_WORD:
        return Kind.TEXT
    is_varied = len(words) >= ENOUGH_WORDS and len(set(words)) > len(words) / 2
    return Kind.TEXT if is_varied else Kind.CATEGORY


def _is_moment(word: str) -> bool:
    """`20240101`, which ISO 8601 allows and RFC 3339 does not, is a number in a text."""
    if len(word) < SHORTEST_MOMENT or word[4] != "-":
        return False
    try:
        datetime.fromisoformat(word)
    except ValueError:
        return False
    return True

"""What was asked and answered, as rows: how the protocols hand bodies to whoever compares, profiles or keeps them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

# A cell is `None` (missing), a bool, an int, a float (NaN and infinities may come), a str, or a vector: a list of numbers.
Cell = object


class Kind(StrEnum):
    """What a column's values are, all of them: one of these for each column, decided once and then kept."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"  # words from a list that is shorter than the data
    TEXT = "text"
    TIMESTAMP = "timestamp"  # seconds since 1970, or RFC 3339
    VECTOR = "vector"  # numbers, the same count in every row: an embedding, probabilities
    NULL = "null"  # never a value


class Side(StrEnum):
    """Which body a column comes from. The same name may stand on both sides."""

    INPUT = "input"
    OUTPUT = "output"


class Table(NamedTuple):
    """The rows of one body, or of many: every row has a cell for each name, in their order."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


EMPTY: Final = Table((), ())
# Columns that say how fast an answer came, not what it was: the same answer never takes the same time twice.
TIMINGS: Final = frozenset({"ttft_s", "tpot_s"})

"""A vector of probabilities says which class is the most likely, and how likely: two columns that people compare.

`NAME.label` is the class (its name where classes are configured, else its position), `NAME.score` its probability. A
vector is taken for probabilities where all its values lie in [0, 1] and they sum to 1 ± 1e-3, as they still do when
float16 or five printed digits have rounded them. Scores of independent labels do not sum to 1 and are left alone;
so are embeddings, which are longer than any list of classes here or have negative values.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from watchtower.payload.rows import positions
from watchtower.table import Cell, Table

_FEWEST: Final = 2
_MOST: Final = 1_000  # ImageNet's
_ROUNDING: Final = 1e-3
_may_be_vectors: Final = frozenset({list, type(None)})


def labelled(table: Table, classes: Sequence[str] = ()) -> Table:
    """The table with the columns derived from its probabilities; the same table where there are none."""
    if not table.rows or _may_be_vectors.isdisjoint(map(type, table.rows[0])):
        return table
    names = list(table.names)
    added: list[list[Cell]] = []
    for index, name in enumerate(table.names):
        vectors: list[Any] = [row[index] for row in table.rows]
        found = [vector for vector in vectors if vector is not None]  # a row of a batch may have no answer
        if f"{name}.label" in names or f"{name}.score" in names or not found or not all(map(_is_distribution, found)):
            continue
        names += [f"{name}.label", f"{name}.score"]
        lengths = set(map(len, found))
        words = classes if lengths == {len(classes)} else positions(max(lengths))
        tops = [vector and max(vector) for vector in vectors]
        added.append([vector and words[vector.index(top)] for vector, top in zip(vectors, tops, strict=True)])
        added.append(tops)
    if not added:
        return table
    extra = zip(*added, strict=True)
    return Table(tuple(names), [[*row, *more] for row, more in zip(table.rows, extra, strict=True)])


def _is_distribution(value: Any) -> bool:
    """NaN fails every comparison, so a vector with one is none."""
    if type(value) is not list or not _FEWEST <= len(value) <= _MOST:
        return False
    return min(value) >= 0 and max(value) <= 1 and abs(math.fsum(value) - 1) <= _ROUNDING

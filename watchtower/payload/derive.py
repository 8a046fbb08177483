"""A vector of probabilities says which class is the most likely, and how likely: two columns that people compare.

`NAME.label` is the class (its name where classes are configured, else its position), `NAME.score` its probability. A
vector is taken for probabilities where all its values lie in [0, 1] and they sum to 1 ± 1e-3, as they still do when
float16 or five printed digits have rounded them. Scores of independent labels do not sum to 1 and are left alone;
so are embeddings, which are longer than any list of classes here or have negative values.
"""

from collections.abc import Sequence
from typing import Any, Final

from watchtower.table import Cell, Table

_FEWEST: Final = 2
_MOST: Final = 1_000  # ImageNet's
_ROUNDING: Final = 1e-3


def labelled(table: Table, classes: Sequence[str] = ()) -> Table:
    """The table with the columns derived from its probabilities; the same table where there are none."""
    if not table.rows or list not in map(type, table.rows[0]):
        return table
    names = list(table.names)
    added: list[list[Cell]] = []
    for index, name in enumerate(table.names):
        vectors: list[Any] = [row[index] for row in table.rows]
        if f"{name}.label" in names or f"{name}.score" in names or not all(map(_is_distribution, vectors)):
            continue
        names += [f"{name}.label", f"{name}.score"]
        tops = [max(vector) for vector in vectors]
        places = [vector.index(top) for vector, top in zip(vectors, tops, strict=True)]
        words = classes if classes and all(len(vector) == len(classes) for vector in vectors) else None
        added.append([words[place] if words else str(place) for place in places])
        added.append(tops)
    if not added:
        return table
    extra = zip(*added, strict=True)
    return Table(tuple(names), [[*row, *more] for row, more in zip(table.rows, extra, strict=True)])


def _is_distribution(value: Any) -> bool:
    """NaN fails every comparison, so a vector with one is none."""
    if type(value) is not list or not _FEWEST <= len(value) <= _MOST:
        return False
    return min(value) >= 0 and max(value) <= 1 and abs(sum(value) - 1) <= _ROUNDING

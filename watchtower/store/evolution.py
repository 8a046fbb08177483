"""What becomes of a column whose type is not the same everywhere: a client changes its mind, and yesterday's files stay.

Integers beside numbers are numbers, and share files as such: many clients write 5 for 5.0, and a file for each of the
ways in which ten columns can be whole would be a thousand. Everything else that disagrees is text, which holds any value
as a person would write it. A column that is not there is null. Files keep the types that they were written with; a query
casts them.
"""

from collections.abc import Iterable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from watchtower.store.schemas import Type

Columns = Mapping[str, Type]

_TEXTS: Final = frozenset({Type.TEXT, Type.WORD})
_NUMBERS: Final = frozenset({Type.INTEGER, Type.NUMBER})
_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


def as_one(name: str) -> str:
    """The same for names that are one to SQL: DuckDB takes `A` for `a`, and no other alphabet's letters for each other."""
    return name.lower() if name.isascii() else name.translate(_SMALL)


def common(one: Type, other: Type) -> Type:
    """The narrowest type that holds what both hold."""
    if one is other:
        return one
    return Type.NUMBER if {one, other} <= _NUMBERS else Type.TEXT


def settled(several: Iterable[Columns]) -> dict[str, Type]:
    """Every column of all of them, in the order in which they were first met.

    Names that are one to SQL are one column; the first spelling stays.
    """
    spelled: dict[str, str] = {}
    types: dict[str, Type] = {}
    for columns in several:
        for name, kind in columns.items():
            first = spelled.setdefault(as_one(name), name)
            types[first] = common(types.get(first, kind), kind)
    return types


def agree(one: Columns, other: Columns) -> bool:
    """Whether one file can hold both: what both have, they have alike, or both have it as numbers, or as texts.

    Spelled alike, too: of two columns of one file whose names differ in their case, SQL finds the first.
    """
    spelled = {as_one(name): name for name in other}
    return all(
        spelled.get(as_one(name), name) == name and _are_alike(kind, other.get(name, kind))
        for name, kind in one.items()
    )


def _are_alike(one: Type, other: Type) -> bool:
    return one is other or {one, other} <= _TEXTS or {one, other} <= _NUMBERS


def gathered(several: Sequence[Columns]) -> list[list[int]]:
    """Which of them can share a file: positions, in as few groups as are found by taking each where it first fits."""
    groups: list[tuple[dict[str, Type], list[int]]] = []
    for at, columns in enumerate(several):
        home = next((group for group in groups if agree(group[0], columns)), None)
        if home is None:
            groups.append((dict(columns), [at]))
        else:
            home[0].update(columns)
            home[1].append(at)
    return [members for _, members in groups]

"""JSON values become cells, and nested objects columns with dotted names."""

import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

import msgspec

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_COLUMNS, MAX_NAME
from watchtower.table import Cell

# `issuperset(map(type, row))` is the fastest question that Python can ask of every cell at once.
all_scalars: Final[Callable[[Iterable[object]], bool]] = frozenset({int, float, str, bool, type(None)}).issuperset
_all_numbers: Final = frozenset({int, float}).issuperset
_all_loose_numbers: Final = frozenset({int, float, bool, type(None)}).issuperset

_encode: Final = msgspec.json.Encoder().encode


def cell(value: object) -> Cell:
    """A scalar as it is, numbers in lists as one vector (row-major, all lists of a level as long), anything else as its JSON text."""
    if isinstance(value, list):
        return _vector(value)
    if isinstance(value, dict):
        return as_json(value)
    return value


def as_json(value: object) -> str:
    return _encode(value).decode()


def _vector(values: list[object]) -> Cell:
    if _all_numbers(map(type, values)):
        return values
    flat: list[object] = values
    while flat and all(type(value) is list for value in flat):
        if len(set(map(len, flat))) > 1:  # type: ignore[arg-type]  # lists; where one ends would be lost
            return as_json(values)
        flat = list(chain.from_iterable(flat))  # type: ignore[arg-type]  # they are lists, all of them
    if not _all_loose_numbers(map(type, flat)):
        return as_json(values)
    return [math.nan if value is None else value if type(value) is float else _number(value) for value in flat]


def _number(value: object) -> int:
    return int(value)  # type: ignore[call-overload, no-any-return]  # a boolean or an integer, by the check before


def flattened(item: dict[str, object], prefix: str = "") -> dict[str, Cell]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`. An empty object is a missing value."""
    flat: dict[str, Cell] = {}
    _flatten(item, prefix, flat)
    return flat


def _flatten(item: dict[str, object], prefix: str, into: dict[str, Cell]) -> None:
    for key, value in item.items():
        name = prefix + key
        if len(name) > MAX_NAME:
            raise PayloadError(Fault.TOO_WIDE, f"a column's name of more than {MAX_NAME} characters")
        if isinstance(value, dict):
            if value:
                _flatten(value, f"{name}.", into)
            else:
                into[name] = None
        else:
            into[name] = cell(value)
    if len(into) > MAX_COLUMNS:
        raise PayloadError(Fault.TOO_WIDE, f"more than {MAX_COLUMNS} columns")

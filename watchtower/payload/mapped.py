"""Any JSON by a mapping that the operator writes: a JSONPath (RFC 9535) for each column, and one to the rows."""

from collections.abc import Callable, Iterable
from itertools import islice
from math import isfinite
from typing import Any, Final

import jsonpath
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import IndexSelector, NameSelector

from watchtower.payload.cells import as_json, cell
from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_BODY, MAX_ROWS
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import check_repeated, check_size, weight
from watchtower.payload.separated import value as read
from watchtower.payload.settings import ColumnSettings, MappingSettings
from watchtower.table import EMPTY, Cell, Kind, Table

_Finder = Callable[[Any], list[Any]]
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class Mapped:
    """A path that is wrong is the operator's mistake: making one of these raises a `ValueError` that names it."""

    name: Final = "mapped"

    def __init__(self, mapping: MappingSettings, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes
        self._inputs = _Columns(mapping.inputs, mapping.input_rows)
        self._outputs = _Columns(mapping.outputs, mapping.output_rows)

    def request(self, body: bytes, _message: Message, /) -> Decoded:
        document = parsed(body)
        return Decoded(self._inputs.table(document), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = parsed(body)
        return Decoded(labelled(self._outputs.table(document), self._classes), document)


class _Columns:
    def __init__(self, columns: Iterable[ColumnSettings], rows: str) -> None:
        self._columns = tuple(columns)
        self._names = tuple(column.name for column in self._columns)
        if len(set(self._names)) < len(self._names):
            raise ValueError("a mapping has two columns of the same name")
        self._finders = tuple(_finder(column.path) for column in self._columns)
        self._rows = _finder(rows) if rows else None

    def table(self, document: Any) -> Table:
        if not self._columns:
            return EMPTY
        try:
            columns = self._by_row(document, self._rows) if self._rows else self._by_column(document)
        except (jsonpath.JSONPathError, RecursionError):
            raise PayloadError(Fault.WRONG_SHAPE, "the mapping's paths cannot be followed") from None
        if not columns[0]:
            return EMPTY
        kinds = [column.kind for column in self._columns]
        brought = [
            found if kind is None else [_brought(value, kind) for value in found]
            for found, kind in zip(columns, kinds, strict=True)
        ]
        return Table(self._names, list(zip(*brought, strict=True)))

    def _by_row(self, document: Any, rows: _Finder) -> list[list[Cell]]:
        found = rows(document)
        check_size(len(found), len(self._names))
        return [_cells([_one(finder(row)) for row in found]) for finder in self._finders]

    def _by_column(self, document: Any) -> list[list[Cell]]:
        columns = [_cells(finder(document)) for finder in self._finders]
        count = max(map(len, columns))
        check_size(count, len(columns))
        if any(len(found) not in {0, 1, count} for found in columns):
            raise PayloadError(Fault.SHAPE_MISMATCH, "paths with different numbers of matches")
        check_repeated([found[0] for found in columns if len(found) == 1], count)
        return [found if len(found) == count else (found or [None]) * count for found in columns]


def _one(matches: list[Any]) -> Any:
    """What a path finds within a row: one value, none, or several, which are a vector."""
    if not matches:
        return None
    return matches[0] if len(matches) == 1 else matches


def _cells(matches: list[Any]) -> list[Cell]:
    """A path that descends finds what it has found within what it has found: each level would be a copy of all below."""
    cells: list[Cell] = []
    size = 0
    for match in matches:
        cells.append(cell(match))
        size += weight(cells[-1])
        if size > MAX_BODY:
            raise PayloadError(Fault.TOO_LARGE, "a path that finds the same values again and again")
    return cells


def _finder(path: str) -> _Finder:
    """Paths of names and positions alone are followed by hand: 0.3 µs instead of the library's 8."""
    right = f"{path!r} should be a JSONPath like $.a.b or $.items[*].price"
    if not path.startswith("$"):
        raise ValueError(right)
    try:
        compiled = jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise ValueError(f"{right}: {error.args[0]}") from error
    steps = _steps(compiled) if isinstance(compiled, jsonpath.JSONPath) else None
    if steps is None:
        return lambda document: _found(compiled, document)
    return lambda document: _follow(document, steps)


def _found(path: jsonpath.JSONPath | jsonpath.CompoundJSONPath, document: Any) -> list[Any]:
    """No more than can be rows: each match takes a kilobyte and 10 µs, and 10 kB of gzip hold a million."""
    found = [match.obj for match in islice(path.finditer(document), MAX_ROWS + 1)]
    check_size(len(found), 1)
    return found


def _steps(path: jsonpath.JSONPath) -> tuple[str | int, ...] | None:
    steps: list[str | int] = []
    for segment in path.segments:
        selectors = segment.selectors if isinstance(segment, JSONPathChildSegment) else ()
        match selectors:
            case (NameSelector(name=str(name)),):
                steps.append(name)
            case (IndexSelector(index=int(index)),):
                steps.append(index)
            case _:
                return None
    return tuple(steps)


def _follow(value: Any, steps: tuple[str | int, ...]) -> list[Any]:
    for step in steps:
        if isinstance(value, dict):
            if step not in value:
                return []
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return []
    return [value]


def _brought(value: Cell, kind: Kind) -> Cell:
    """The value as the kind asks; as it came where it cannot be, so that it is counted as one of the wrong type."""
    if value is None or isinstance(value, list):
        return value
    match kind:
        case Kind.NUMBER if isinstance(value, (str, bool)):
            return _as_number(value)
        case Kind.INTEGER if isinstance(value, (str, bool, float)):
            number = _as_number(value)
            return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number
        case Kind.BOOLEAN if not isinstance(value, bool):
            return _TRUTHS.get(str(value).lower(), value)
        case Kind.CATEGORY | Kind.TEXT if isinstance(value, (int, float)) and isfinite(value):  # JSON has no other
            return as_json(value)
        case _:
            return value


def _as_number(value: str | float) -> Cell:
    """As a cell of CSV reads: through a float, the name of an order that has 17 digits would be another one's."""
    number = read(value) if isinstance(value, str) else float(value)
    return value if number is None else number

"""What protocols hold as a list of instances, or as a column for each name, becomes a table.

An input row that is a list has its positions as names: "0", "1", …. An output row that is a list is one vector, the
column "prediction": probabilities, an embedding, scores of a ranking. Rows that are objects have their keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from watchtower.payload.cells import all_scalars, cell, flattened
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_BODY, MAX_CELLS, MAX_COLUMNS, MAX_NAME, MAX_ROWS
from watchtower.table import EMPTY, Cell, Table

INPUT: Final = "0"
PREDICTION: Final = "prediction"
_REMEMBERED: Final = 64


@lru_cache(maxsize=256)
def positions(count: int) -> tuple[str, ...]:
    """Names of columns that have none."""
    if count > MAX_COLUMNS:
        raise PayloadError(Fault.TOO_WIDE, f"{count} columns, more than {MAX_COLUMNS}")
    return tuple(map(str, range(count)))


@lru_cache(maxsize=256)
def _sound(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same names, looked at once: a client sends the same keys in every request."""
    if len(names) > MAX_COLUMNS:
        raise PayloadError(Fault.TOO_WIDE, f"{len(names)} columns, more than {MAX_COLUMNS}")
    if any(len(name) > MAX_NAME for name in names):
        raise PayloadError(Fault.TOO_WIDE, f"a column's name of more than {MAX_NAME} characters")
    return names


def named(names: Sequence[str]) -> tuple[str, ...]:
    """Names as a body gives them: not too many, none too long, none twice."""
    if len(set(names)) < len(names):
        raise PayloadError(Fault.WRONG_SHAPE, "a column's name stands twice")
    return _distinct(tuple(names))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    # What is wide is not remembered: 256 of the widest would be 128 MB.
    return _sound(names) if len(names) <= _REMEMBERED else _sound.__wrapped__(names)


def check_size(rows: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise PayloadError(Fault.TOO_MANY_ROWS, f"{rows} rows, more than {MAX_ROWS}")
    if rows * columns > MAX_CELLS:
        raise PayloadError(Fault.TOO_MANY_CELLS, f"{rows} rows of {columns} columns")


def check_beside(asked: Table, answered: Table) -> None:
    """Of an exchange's rows, which stand side by side: where one side has fewer, it is filled up with missing ones."""
    more = len(answered.rows) - len(asked.rows)
    if more:
        check_size(abs(more), len((asked if more > 0 else answered).names))


def check_repeated(values: Iterable[Cell], rows: int) -> None:
    """Of values that stand in each row: they are kept and written as often as there are rows."""
    if rows > 1 and rows * sum(map(weight, values)) > MAX_BODY:
        raise PayloadError(Fault.TOO_LARGE, f"long values that stand in each of {rows} rows")


def weight(value: Cell) -> int:
    """Bytes, about."""
    if isinstance(value, str):
        return len(value)
    return len(value) * MAX_BODY // MAX_CELLS if isinstance(value, list) else 0


def input_rows(instances: object) -> Table:
    if not isinstance(instances, list):
        raise PayloadError(Fault.WRONG_SHAPE, "the instances are no list")
    if not instances:
        return EMPTY
    first = type(instances[0])
    if first is list:
        return list_rows(instances)
    if first is dict:
        return object_rows(instances)
    return _scalar_rows(INPUT, instances)


def output_rows(predictions: object) -> Table:
    """As `input_rows`; what is no list is the prediction for a single row."""
    items = predictions if isinstance(predictions, list) else [predictions]
    if not items:
        return EMPTY
    first = type(_some(items))
    if first is dict:
        return object_rows([{} if item is None else item for item in items] if None in items else items)
    if first is list:
        check_size(len(items), 1)
        return Table((PREDICTION,), [[value] for value in vectors(items)])
    return _scalar_rows(PREDICTION, items)


def vectors(items: Sequence[Any]) -> list[Cell]:
    """The cells of a column. Where each is a list of one value, as servers write a tensor of shape n × 1, these values."""
    while items and _are_single(items):
        items = [item and item[0] for item in items]
    return [cell(item) for item in items]


def _some(items: Sequence[Any]) -> Any:
    """One that says what all are: a row of a batch may have no answer."""
    return items[0] if items[0] is not None else next((item for item in items if item is not None), None)


def _are_single(items: Sequence[Any]) -> bool:
    return _is_single(_some(items)) and all(item is None or _is_single(item) for item in items)


def _is_single(value: object) -> bool:
    return type(value) is list and len(value) == 1


def list_rows(rows: list[Any], names: tuple[str, ...] | None = None) -> Table:
    """The lists as they are, where all their values are scalars."""
    if not rows:
        return EMPTY
    if names is None:
        names = positions(len(rows[0]))
    width = len(names)
    if len(rows) > 1:
        check_size(len(rows), width)
    is_plain = True
    for row in rows:
        if type(row) is not list:
            raise PayloadError(Fault.WRONG_SHAPE, "rows of different types")
        if len(row) != width:
            raise PayloadError(Fault.SHAPE_MISMATCH, f"rows of {width} and of {len(row)} values")
        is_plain = is_plain and all_scalars(map(type, row))
    return Table(names, rows if is_plain else [[cell(value) for value in row] for row in rows])


def object_rows(items: list[Any]) -> Table:
    """A column for each key of any row, in the order in which they are first seen."""
    first = items[0]
    names = tuple(first)
    rows: list[list[Cell]] = []
    for item in items:
        if type(item) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "rows of different types")
        values = list(item.values())
        # `tuple(item) == names` asks for the same keys in the same order, as all rows of one client have them.
        if not all_scalars(map(type, values)) or (item is not first and tuple(item) != names):
            return _united(items)
        rows.append(values)
    if len(rows) > 1:
        check_size(len(rows), len(names))
    return Table(_distinct(names), rows)


def _united(items: list[Any]) -> Table:
    check_size(len(items), 1)
    names: dict[str, None] = {}
    flat: list[dict[str, Cell]] = []
    for item in items:
        if type(item) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "rows of different types")
        row = flattened(item)
        names.update(dict.fromkeys(row))
        flat.append(row)
        if len(names) > MAX_COLUMNS:
            raise PayloadError(Fault.TOO_WIDE, f"more than {MAX_COLUMNS} columns")
    check_size(len(flat), len(names))
    return Table(tuple(names), [[row.get(name) for name in names] for row in flat])


def _scalar_rows(name: str, items: list[Any]) -> Table:
    check_size(len(items), 1)
    if not all_scalars(map(type, items)):
        raise PayloadError(Fault.WRONG_SHAPE, "rows of different types")
    return Table((name,), [[item] for item in items])


def columnar(columns: Mapping[str, object]) -> Table:
    """A list of values for each name; where any has no list, the object is a single row."""
    if not all(type(values) is list for values in columns.values()):
        return object_rows([columns])
    lists: list[list[object]] = list(columns.values())  # type: ignore[arg-type]  # lists all, by the check before
    if not lists:
        return EMPTY
    count = len(lists[0])
    if any(len(values) != count for values in lists):
        raise PayloadError(Fault.SHAPE_MISMATCH, "columns of different lengths")
    names = named(tuple(columns))
    check_size(count, len(names))
    return Table(names, list(zip(*map(vectors, lists), strict=True))) if count else EMPTY

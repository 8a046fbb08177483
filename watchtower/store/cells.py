"""Values as Python has them, as columns that Parquet takes: nothing that a client sends may break a batch.

A column's type is what its values are, not what was hoped for: Arrow, when it is told to make integers, cuts `1.5` down
to `1` without a word. So it finds the type itself; only what it does not understand is looked at value by value.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from watchtower.store.schemas import ARROW, Type
from watchtower.table import Kind

_OF_KIND: Final = {
    Kind.NUMBER: Type.NUMBER,
    Kind.INTEGER: Type.INTEGER,
    Kind.BOOLEAN: Type.BOOLEAN,
    Kind.CATEGORY: Type.TEXT,
    Kind.TEXT: Type.TEXT,
    Kind.VECTOR: Type.VECTOR,
}
_EXACT: Final = 2**53  # beyond, a float no longer tells neighbouring integers apart, and Arrow refuses


def column(values: Any, kind: Kind | None = None) -> pa.Array:
    """Cells of one decoded column: an Arrow array, a numpy array or a sequence. `kind` widens what is found, never narrows."""
    array = _found(values)
    found = type_of(array.type)
    wanted = _OF_KIND.get(kind) if kind else None
    if found is None:  # nothing but nulls, or a type that no table has
        return array if pa.types.is_null(array.type) else _as_text(array.to_pylist())
    if wanted is Type.NUMBER and found is Type.INTEGER:
        return array.cast(ARROW[Type.NUMBER], safe=False)
    if wanted is Type.TEXT and found is not Type.TEXT:
        return array if found is Type.WORD else _as_text(array.to_pylist())
    return array if array.type == ARROW[found] else array.cast(ARROW[found], safe=False)


def fitted(values: Any, wanted: Type, rows: int) -> pa.Array:
    """A column of a table whose type is fixed. One word, number or null stands for all rows; times are nanoseconds."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == ARROW[wanted] else values.cast(ARROW[wanted])
    if values is None:
        return pa.nulls(rows, ARROW[wanted])
    if isinstance(values, str | bytes | int | float):
        return _repeated(values, wanted, rows)
    if wanted is Type.TIMESTAMP:
        return pa.array(np.asarray(values, np.int64) // 1000).cast(ARROW[wanted])
    try:
        return pa.array(values, ARROW[wanted])
    except (pa.ArrowException, UnicodeError):
        if wanted not in {Type.TEXT, Type.WORD}:
            raise
        return _as_text(values).cast(ARROW[wanted])


def arranged(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """With all columns of the schema, in its types; those that the batch lacks are null."""
    present = set(batch.schema.names)
    columns = [
        _as(batch.column(field.name), field.type) if field.name in present else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _as(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """An integer beyond a float's exact ones becomes the nearest, as in every query over both."""
    return column if column.type == wanted else column.cast(wanted, safe=False)


def type_of(found: pa.DataType) -> Type | None:
    """What a decoded column of this Arrow type is kept as."""
    if pa.types.is_dictionary(found):
        return Type.WORD
    if pa.types.is_boolean(found):
        return Type.BOOLEAN
    if pa.types.is_uint64(found):
        return Type.NUMBER
    if pa.types.is_integer(found):
        return Type.INTEGER
    if pa.types.is_floating(found):
        return Type.NUMBER
    if pa.types.is_string(found) or pa.types.is_large_string(found):
        return Type.TEXT
    if pa.types.is_timestamp(found):
        return Type.TIMESTAMP
    if pa.types.is_binary(found):
        return Type.BINARY
    if pa.types.is_list(found) and (pa.types.is_integer(found.value_type) or pa.types.is_floating(found.value_type)):
        return Type.VECTOR
    return None


def _found(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return _mixed(values)


def _mixed(values: Sequence[object]) -> pa.Array:
    """Of what Arrow finds no type for: numbers when all are numbers, booleans among them too; else text."""
    if all(value is None or isinstance(value, int | float) for value in values):
        return pa.array([None if value is None else _float(value) for value in values], ARROW[Type.NUMBER])
    return _as_text(values)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return float("inf") if value > 0 else float("-inf")


def _as_text(values: Sequence[object]) -> pa.Array:
    return pa.array([None if value is None else _text(value) for value in values], ARROW[Type.TEXT])


def _text(value: object) -> str:
    """Numbers as DuckDB casts those of other files: one value is one text. As JSON, NaN would be the word `null`.

    A lone surrogate and a byte that is no UTF-8 stay readable, as an escape.
    """
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return float.__repr__(value)  # numpy's own would name its type
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return repr(_float(value)) if abs(value) >= 1 << 64 else str(value)
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _repeated(value: str | bytes | float, wanted: Type, rows: int) -> pa.Array:
    if wanted is Type.WORD:
        indices = pa.array(np.zeros(rows, np.int32))
        return pa.DictionaryArray.from_arrays(indices, pa.array([_text(value)], pa.string()))
    if wanted is Type.TIMESTAMP:
        return pa.array(np.full(rows, int(value) // 1000)).cast(ARROW[wanted])
    return pa.repeat(pa.scalar(value, ARROW[wanted]), rows)

"""The Open Inference Protocol (V2): KServe, Triton, MLServer, OpenVINO, Seldon.

A tensor is a column and its first dimension the rows; what it has beyond that is one vector a row, row-major, and a
single value where the further dimensions are all 1. Data come flat or nested. A tensor of one row stands in every row
of the others, as a threshold or the number of boxes. Where others differ in their first dimension, there is no batch:
the body is one row. But an input of rows and up to
`MAX_FEATURES` columns is a table of features, as MLServer's and Triton's tree models take it: its columns are `NAME.0`,
`NAME.1`, …, for a feature that drifts must not hide in a vector. Wider ones are embeddings, pixels or tokens.
https://github.com/kserve/open-inference-protocol

Values may stand behind the JSON as bytes, which is how Triton's own client sends them (`binary.py`).
"""

from collections.abc import Callable, Iterable
from itertools import chain
from math import prod
from typing import Any, Final

from watchtower.payload.binary import filled
from watchtower.payload.cells import cell
from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_COLUMNS, MAX_FEATURES
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed_if_json
from watchtower.payload.rows import check_repeated, check_size, named
from watchtower.table import EMPTY, Cell, Table

_Test = Callable[[Iterable[object]], bool]

# `null` is not the specification's, and is how MLServer writes the missing values of a data frame.
_INTEGER: Final[_Test] = frozenset({int, type(None)}).issuperset
_FLOAT: Final[_Test] = frozenset({int, float, type(None)}).issuperset
_BOOLEAN: Final[_Test] = frozenset({bool, int, type(None)}).issuperset
_BYTES: Final[_Test] = frozenset({str, type(None)}).issuperset
_DATATYPES: Final[dict[str, _Test]] = {
    "BOOL": _BOOLEAN,
    **dict.fromkeys(("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32"), _INTEGER),
    "INT64": _INTEGER,
    **dict.fromkeys(("FP16", "FP32", "FP64", "BF16"), _FLOAT),
    "BYTES": _BYTES,
}
# Beyond a signed 64-bit integer the parser gives floats.
_DATATYPES["UINT64"] = _FLOAT
_are_sizes: Final[_Test] = frozenset({int}).issuperset
_MAX_DIMENSIONS: Final = 64  # numpy's; the product of many more sizes would be a number that takes seconds to make
_SHARED: Final = "shared_memory_region"


class V2:
    name: Final = "v2"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, _message: Message, /) -> Decoded:
        document = _document(body, "inputs")
        return Decoded(_table(document, "inputs"), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = _document(body, "outputs")
        return Decoded(labelled(_table(document, "outputs"), self._classes), document)


def _document(body: bytes, key: str) -> dict[str, Any]:
    document = filled(body, key)
    if type(document) is not dict:
        raise PayloadError(Fault.WRONG_SHAPE, "no object")
    return document


def _table(document: dict[str, Any], key: str) -> Table:
    tensors = document.get(key)
    if type(tensors) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, f"no list of {key}")
    if not tensors:
        return EMPTY
    if len(tensors) > MAX_COLUMNS:
        raise PayloadError(Fault.TOO_WIDE, f"{len(tensors)} tensors, more than {MAX_COLUMNS}")
    heads = [_name_and_shape(tensor) for tensor in tensors]
    counts = {_first(shape) for _, shape in heads} - {1}
    is_batch = len(counts) <= 1
    count = max(counts, default=1) if is_batch else 1
    check_size(count, len(tensors))
    names: list[str] = []
    columns: list[list[Cell]] = []
    for tensor, (name, shape) in zip(tensors, heads, strict=True):
        rows = _first(shape) if is_batch else 1
        width = prod(shape[1:] if is_batch else shape)
        values = _values(tensor, rows, width)
        if key == "inputs" and is_batch and len(shape) == 2 and 1 < width <= MAX_FEATURES:
            names += [f"{name}.{at}" for at in range(width)]
            columns += [values[at::width] for at in range(width)]
        else:
            names.append(name)
            columns.append(_column(values, rows, width))
    check_size(count, len(columns))
    if count != 1:
        check_repeated([column[0] for column in columns if len(column) == 1], count)
        columns = [column * count if len(column) == 1 else column for column in columns]
    return Table(named(names), list(zip(*columns, strict=True)))


def _first(shape: list[int]) -> int:
    return shape[0] if shape else 1


def _name_and_shape(tensor: Any) -> tuple[str, list[int]]:
    if type(tensor) is not dict:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor that is no object")
    name, shape = tensor.get("name"), tensor.get("shape")
    if type(name) is not str:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor without a name")
    if type(shape) is not list or len(shape) > _MAX_DIMENSIONS or not _are_sizes(map(type, shape)):
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor whose shape is no list of sizes")
    if min(shape, default=0) < 0:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor whose shape is no list of sizes")
    parameters = tensor.get("parameters")
    if "data" not in tensor and type(parameters) is dict and _SHARED in parameters:
        raise PayloadError(Fault.UNSUPPORTED, "tensor data in shared memory")
    return name, shape


def _values(tensor: dict[str, Any], rows: int, width: int) -> list[Any]:
    """Row after row, all of the tensor's datatype."""
    datatype = tensor.get("datatype")
    is_of_type = _DATATYPES.get(datatype) if type(datatype) is str else None
    if is_of_type is None:
        raise PayloadError(Fault.UNSUPPORTED, "a datatype that the protocol does not have")
    values = _flat(tensor.get("data"))
    if len(values) != rows * width:
        raise PayloadError(Fault.SHAPE_MISMATCH, f"a shape of {min(rows * width, 10**15)} values with {len(values)}")
    if not is_of_type(map(type, values)):
        raise PayloadError(Fault.WRONG_TYPE, "a value that is not of its tensor's datatype")
    if datatype == "BOOL":
        return [None if value is None else bool(value) for value in values]
    return values


def _column(values: list[Any], rows: int, width: int) -> list[Cell]:
    """One cell a row."""
    if width == 1:
        return values
    vectors = [values[at : at + width] for at in range(0, len(values), width)] if width else [[] for _ in range(rows)]
    return [cell(vector) for vector in vectors]


def _flat(data: Any) -> list[Any]:
    if type(data) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor without data")
    values: list[Any] = data
    while values and type(values[0]) is list:
        if not all(type(part) is list for part in values):
            raise PayloadError(Fault.SHAPE_MISMATCH, "data of uneven depth")
        if any(len(part) != len(values[0]) for part in values):
            raise PayloadError(Fault.SHAPE_MISMATCH, "data of uneven length")
        values = list(chain.from_iterable(values))
    return values

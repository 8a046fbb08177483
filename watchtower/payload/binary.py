"""Triton's extension to V2: the values of tensors stand behind the JSON, as bytes.

A tensor whose parameters have a `binary_data_size` has that many bytes, in its turn: little-endian, row-major, without
padding; an element of BYTES behind its own length in four. They are put into the document as its `data`, so that an
answer is the same document whichever way it came.
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md

Where the JSON ends is said by a header that the journal does not keep. It is not needed: the JSON is one object, and
what its tensors say to have must be the rest of the body, to the byte.
"""

import base64
import re
from struct import Struct
from typing import Any, Final

import numpy as np

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_CELLS
from watchtower.payload.parse import BLANKS, bounded, parsed

_SIZE: Final = "binary_data_size"
_MARK: Final = b'"binary_data_size"'
_TOKEN: Final = re.compile(rb'\\.|["{}]', re.DOTALL)
# Two quotes for each of the values that are read and of their names; more is no document that would be taken.
_MAX_TOKENS: Final = 4 * MAX_CELLS
_LENGTH: Final = Struct("<I")


_DTYPES: Final = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BF16": "<u2",  # the upper half of an FP32
}


def json_part(body: bytes) -> bytes:
    """The body without the tensors behind it; all of it where the JSON has no end."""
    return body[: _end(body)] if _MARK in body else body


def filled(body: bytes, key: str) -> Any:
    """The document, with what stands behind it as the data of the tensors under the key."""
    if _MARK not in body:
        return parsed(body)
    end = _end(body)
    document = parsed(body[:end])
    tensors = document.get(key) if type(document) is dict else None
    listed = tensors if type(tensors) is list else []
    behind = [(tensor, size) for tensor in listed if (size := _size(tensor)) is not None]
    total = sum(size for _, size in behind)
    at = len(body) - total
    if at < end or body[end:at].strip(BLANKS):
        raise PayloadError(Fault.SHAPE_MISMATCH, f"tensors of {min(total, 10**15)} bytes in {len(body) - end}")
    most = MAX_CELLS
    for tensor, size in behind:
        tensor["data"] = _values(tensor, memoryview(body)[at : at + size], most)
        most -= len(tensor["data"])
        at += size
    return document


def _end(body: bytes) -> int:
    """Behind the brace that closes the first one."""
    depth, is_text = 0, False
    for count, token in enumerate(_TOKEN.finditer(body)):
        match token[0]:
            case b'"':
                is_text = not is_text
            case b"{" if not is_text:
                depth += 1
            case b"}" if not is_text:
                depth -= 1
                if depth <= 0:
                    return token.end()
        if count > _MAX_TOKENS:
            break
    return len(body)


def _size(tensor: Any) -> int | None:
    """Takes the size out of the tensor: the document is then as it would be without the extension."""
    parameters = tensor.get("parameters") if type(tensor) is dict else None
    if type(parameters) is not dict or _SIZE not in parameters:
        return None
    size = parameters.pop(_SIZE)
    if not parameters:
        del tensor["parameters"]
    if type(size) is not int or size < 0:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor whose binary_data_size is no size")
    if "data" in tensor:
        raise PayloadError(Fault.WRONG_SHAPE, "a tensor with data both in the JSON and behind it")
    return size


def _values(tensor: dict[str, Any], data: memoryview, most: int) -> list[Any]:
    datatype = tensor.get("datatype")
    if datatype == "BYTES":
        return _texts(data, most)
    if type(datatype) is not str or datatype not in _DTYPES:
        raise PayloadError(Fault.UNSUPPORTED, "a datatype that the protocol does not have")
    dtype = np.dtype(_DTYPES[datatype])
    if len(data) % dtype.itemsize:
        raise PayloadError(Fault.SHAPE_MISMATCH, f"{len(data)} bytes of values of {dtype.itemsize}")
    if len(data) // dtype.itemsize > most:
        raise _too_many()
    array: Any = np.frombuffer(data, dtype)
    if datatype == "BF16":
        array = (array.astype("<u4") << 16).view("<f4")
    values: list[Any] = array.tolist()
    return list(map(bounded, values)) if datatype == "UINT64" else values


def _texts(data: memoryview, most: int) -> list[Any]:
    values: list[Any] = []
    at = 0
    while at < len(data):
        begin = at + _LENGTH.size
        at = begin + _LENGTH.unpack_from(data, at)[0] if begin <= len(data) else len(data) + 1
        if at > len(data):
            raise PayloadError(Fault.SHAPE_MISMATCH, "elements of BYTES that are longer than their tensor")
        if len(values) == most:
            raise _too_many()
        values.append(_text(bytes(data[begin:at])))
    return values


def _text(element: bytes) -> str:
    """What is no text, as a picture, in base64, which is how JSON carries it."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        return base64.b64encode(element).decode()


def _too_many() -> PayloadError:
    return PayloadError(Fault.TOO_MANY_CELLS, f"more than {MAX_CELLS} values")

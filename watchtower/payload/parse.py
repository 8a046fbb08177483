"""Bytes to JSON values, with whatever a sender puts into them brought within bounds.

msgspec reads first: it is strict, and four times as fast as the standard library. It refuses what is no JSON by RFC 8259
and yet is written every day: NaN and Infinity (Python's own `json` writes them), numbers beyond a double, half a
surrogate pair, a byte order mark. Such a body is read a second time by the standard library, so that a NaN is one bad
cell that can be counted and not a lost row.

An object in which a key stands twice says two things (RFC 8259 leaves open which of them counts): such a body is refused.
"""

import json
import math
from typing import Any, Final

import msgspec

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_CELLS, MAX_DEPTH, MAX_LINES

# Integers beyond a signed 64-bit one fit neither numpy's nor Arrow's integers: they become floats.
_LARGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63)
_LONG_INTEGER: Final = b"0" * 19
# Digits as zeros and braces as brackets: what has to be looked for is then a single word each.
_SIMPLIFIED: Final = bytes.maketrans(b"123456789{", b"000000000[")

# Behind each key; within a string it has a backslash before it, and has it still when the string is written again.
_KEY_END: Final = b'":'

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
BLANKS: Final = b" \t\r\n"


def parsed(body: bytes) -> Any:
    """The document. Its depth is at most `MAX_DEPTH`, its integers fit 64 bits, its strings are valid Unicode."""
    check_count(body)
    try:
        document = _decode(body)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # msgspec's and Unicode's errors are both
        return _read_again(body)
    # What is too deep has as many brackets, and an integer too long as many digits in a row: to look for both in the
    # bytes takes half the time of a walk through the values, and clears nearly every body.
    simplified = body.translate(_SIMPLIFIED)
    if len(body) > 2 * MAX_DEPTH and simplified.count(b"[") > MAX_DEPTH:
        _check_depth(document)
    if _LONG_INTEGER in simplified:
        document = _tamed(document)
    # The reader keeps the last of equal keys and does not say so. Written again, the document has as many keys as were
    # sent, or fewer; where one before its colon has a blank, as nobody's encoder writes, it may go unseen.
    keys = body.count(_KEY_END)
    if keys > 1 and keys > _encode(document).count(_KEY_END):
        raise _two_equal_keys()
    return document


def parsed_if_json(body: bytes) -> Any:
    """The document of an answer that tells of an error, which is as often a line of text: then `None`."""
    try:
        return parsed(body)
    except PayloadError:
        return None


def check_count(body: bytes) -> None:
    """Refuses more values than are read, before any is made: by the commas, which stand between them in every format."""
    if len(body) > MAX_CELLS and body.count(b",") > MAX_CELLS:
        raise PayloadError(Fault.TOO_MANY_CELLS, f"more than {MAX_CELLS} values")


def check_lines(body: bytes) -> None:
    """The same for lines. Blank ones count, too, for they are made before they are seen to be blank."""
    if len(body) > MAX_LINES and max(body.count(b"\n"), body.count(b"\r")) > MAX_LINES:
        raise PayloadError(Fault.TOO_MANY_ROWS, f"more than {MAX_LINES} lines")


def as_text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PayloadError(Fault.BAD_UTF8) from None


def _read_again(body: bytes) -> Any:
    if not body.strip(BLANKS):
        raise PayloadError(Fault.EMPTY)
    try:
        document = json.loads(as_text(body), parse_int=_integer, object_pairs_hook=_distinct)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise PayloadError(Fault.NOT_JSON) from None
    _check_depth(document)
    return _tamed(document)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _two_equal_keys()
    return members


def _two_equal_keys() -> PayloadError:
    return PayloadError(Fault.DUPLICATE_KEY, "a key that stands twice in an object")


def _too_deep() -> PayloadError:
    return PayloadError(Fault.TOO_DEEP, f"more than {MAX_DEPTH} levels")


def _integer(digits: str) -> Any:
    """Python takes no more than 4,300 digits for an integer, for they take time that grows with their square."""
    return bounded(int(digits)) if len(digits) <= len(_LONG_INTEGER) + 1 else float(digits)


def bounded(value: int) -> Any:
    if _SMALLEST <= value <= _LARGEST:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_depth(document: object) -> None:
    """Level by level, not by recursion: the depth is the sender's choice."""
    level = [document]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for container in level:
            if isinstance(container, list):
                below += [member for member in container if type(member) in (list, dict)]
            elif isinstance(container, dict):
                below += [member for member in container.values() if type(member) in (list, dict)]
        if not below:
            return
        level = below
    raise _too_deep()


def _tamed(value: Any) -> Any:
    """The same with integers that fit and strings that can be encoded. The depth is known to be bounded."""
    if isinstance(value, list):
        return [_tamed(member) for member in value]
    if isinstance(value, dict):
        return {_whole(key): _tamed(member) for key, member in value.items()}
    if isinstance(value, str):
        return _whole(value)
    if type(value) is int:
        return bounded(value)
    return value


def _whole(text: str) -> str:
    """Half a surrogate pair, which no encoding can write, becomes the replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

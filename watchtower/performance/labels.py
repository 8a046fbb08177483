"""Labels as people send them: JSON, one or many, or the rows of a table. What is wrong with one leaves the others unharmed.

A label is `{"request_id": "7f3a…", "value": 1, "row": 0, "time": "2026-11-20T12:00:00Z", "endpoint": "churn"}`. `row` counts
from 0 within the request and is 0 when left out; `time` is RFC 3339 (UTC when it names no zone) or seconds since 1970, and
now when left out; `endpoint` is where requests of several endpoints may have the same id. A body is one such object, a list
of them, or `{"labels": [...]}`. The same label sent again changes nothing: endpoint, request id and row are its key, and of
two with one key the later time counts.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, SupportsIndex

import msgspec

from watchtower.clock import SECOND
from watchtower.record import Word

# As long as an id may be that the data plane passes on is longer than any in use; a UUID has 36.
LONGEST_ID: Final = 256
LONGEST_TEXT: Final = 1024
MOST_ROWS: Final = 1 << 31
_LONGEST_ROW: Final = 32
MOST_ERRORS: Final = 100  # told one by one; the others are in the counts
_LATEST: Final = 9_223_372_036  # in 2262 nanoseconds end; a larger number is of milliseconds

Value = bool | int | float | str


class LabelFault(Word):
    NOT_JSON = "not_json"
    NOT_A_LABEL = "not_a_label"  # no object, or none of a label's keys
    UNKNOWN_KEY = "unknown_key"
    BAD_ID = "bad_id"
    BAD_ROW = "bad_row"
    NO_VALUE = "no_value"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    BAD_ENDPOINT = "bad_endpoint"


class Label(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was true of one row of one request."""

    request_id: bytes
    row: int
    value: Value
    at_ns: int  # when it became known
    endpoint: str = ""  # where the request was answered; empty where its id alone tells


class LabelError(NamedTuple):
    line: int  # of the file, or the place in the list, from 1
    fault: LabelFault
    message: str


class Parsed(NamedTuple):
    labels: list[Label]
    errors: list[LabelError]  # the first of them
    faults: Counter[LabelFault]  # all of them


class LabelColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a label's parts are called."""

    request_id: str = "request_id"
    row: str = "row"
    value: str = "value"
    time: str = "time"
    endpoint: str = "endpoint"


USUAL: Final = LabelColumns()


class _Fault(Exception):  # noqa: N818  it never leaves this file
    def __init__(self, fault: LabelFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def parse_json(
    body: bytes, now_ns: int, columns: LabelColumns = USUAL, endpoints: Collection[str] | None = None
) -> Parsed:
    """`endpoints`: those that a label may name; None where nobody knows them."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = LabelFault.NOT_JSON
        return Parsed([], [LabelError(1, fault, f"this is no JSON: {error}")], Counter([fault]))
    if isinstance(decoded, dict) and decoded.keys() == {"labels"} and isinstance(decoded["labels"], list):
        decoded = decoded["labels"]
    items = enumerate(decoded if isinstance(decoded, list) else [decoded], 1)
    return _parsed(items, now_ns, columns, endpoints, True)


def parse_lines(
    lines: Iterable[tuple[int, bytes]],
    now_ns: int,
    columns: LabelColumns = USUAL,
    endpoints: Collection[str] | None = None,
) -> Parsed:
    """JSON Lines with their numbers; empty ones are passed over."""
    items = ((number, _decoded(line)) for number, line in lines if line.strip())
    return _parsed(items, now_ns, columns, endpoints, True)


def parse_rows(
    rows: Iterable[tuple[int, Mapping[str, object]]],
    now_ns: int,
    columns: LabelColumns = USUAL,
    endpoints: Collection[str] | None = None,
) -> Parsed:
    """Rows of a table with the lines on which they stand, CSV's as texts; they may have other columns too."""
    return _parsed(rows, now_ns, columns, endpoints, False)


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _Fault(LabelFault.NOT_JSON, f"this is no JSON: {error}")


def _parsed(
    items: Iterable[tuple[int, object]],
    now_ns: int,
    columns: LabelColumns,
    endpoints: Collection[str] | None,
    strict: bool,
) -> Parsed:
    found = Parsed([], [], Counter())
    for line, item in items:
        try:
            found.labels.append(_label(item, now_ns, columns, endpoints, strict))
        except _Fault as error:
            found.faults[error.fault] += 1
            if len(found.errors) < MOST_ERRORS:
                found.errors.append(LabelError(line, error.fault, str(error)))
    return found


def _label(item: object, now_ns: int, columns: LabelColumns, endpoints: Collection[str] | None, strict: bool) -> Label:
    if isinstance(item, _Fault):
        raise item
    if not isinstance(item, Mapping):
        raise _Fault(LabelFault.NOT_A_LABEL, f"a label is an object with {columns.request_id} and {columns.value}")
    known = {*msgspec.structs.astuple(columns)}
    if strict and (unknown := sorted(map(str, item.keys() - known))):
        raise _Fault(LabelFault.UNKNOWN_KEY, f"unknown: {unknown[0][:80]!r}; known are {', '.join(sorted(known))}")
    return Label(
        _request_id(item.get(columns.request_id), columns.request_id),
        _row(item.get(columns.row), columns.row),
        _value(item.get(columns.value), columns.value),
        _past(_time(item.get(columns.time), columns.time, now_ns), columns.time, now_ns),
        _endpoint(item.get(columns.endpoint), columns.endpoint, endpoints),
    )


def _request_id(given: object, name: str) -> bytes:
    text = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    if isinstance(text, bytes) and 0 < len(text.strip()) <= LONGEST_ID:
        return text.strip()
    raise _Fault(LabelFault.BAD_ID, f"{name} must be a text of 1 to {LONGEST_ID} bytes")


def _row(given: object, name: str) -> int:
    if given is None or given == "":
        return 0
    place = _number(given)  # a column of a table with gaps has 0.0 for 0
    if not isinstance(given, bool) and place.is_integer() and 0 <= place < MOST_ROWS:
        return int(place)
    raise _Fault(LabelFault.BAD_ROW, f"{name} must be the row's place in its request, counted from 0")


def _number(given: object) -> float:
    """NaN where there is none. Not from `numbers`: the supervisor reads labels, and numpy's threads would take its signals."""
    if isinstance(given, str) and len(given) > _LONGEST_ROW:
        return math.nan
    if isinstance(given, str | float | SupportsIndex):
        try:
            return float(given)
        except (ValueError, OverflowError):
            return math.nan
    return math.nan


def _value(given: object, name: str) -> Value:
    if given is None or given == "" or (isinstance(given, float) and math.isnan(given)):
        raise _Fault(LabelFault.NO_VALUE, f"{name} is missing")
    if isinstance(given, Decimal):
        given = float(given)
    if isinstance(given, str):
        if len(given) <= LONGEST_TEXT:
            return given
    elif isinstance(given, float):
        if math.isfinite(given):
            return given
    elif isinstance(given, int) and -(1 << 63) <= given < 1 << 63:
        return given
    raise _Fault(
        LabelFault.BAD_VALUE,
        f"{name} must be true or false, a number of 64 bits, or a text of up to {LONGEST_TEXT} letters",
    )


def _time(given: object, name: str, now_ns: int) -> int:
    if given is None or given == "":
        return now_ns
    moment = given
    if isinstance(given, str):
        moment = _moment(given.strip())
    elif isinstance(given, date) and not isinstance(given, datetime):
        moment = datetime(given.year, given.month, given.day, tzinfo=UTC)
    if isinstance(moment, datetime):
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        # Through whole microseconds: a float of seconds would lose the last digits.
        past = zoned - datetime.fromtimestamp(0, UTC)
        at_ns = ((past.days * 86400 + past.seconds) * 1_000_000 + past.microseconds) * 1000
        if 0 <= at_ns <= _LATEST * SECOND:
            return at_ns
    elif isinstance(moment, int | float) and not isinstance(moment, bool) and 0 <= moment <= _LATEST:
        return round(moment * SECOND)
    raise _Fault(LabelFault.BAD_TIME, f"{name} must be like 2026-11-20T12:00:00Z, or seconds since 1970")


def _past(at_ns: int, name: str, now_ns: int) -> int:
    """What is dated ahead could not be corrected until then, nor leave the inbox. No zone or clock is off by a day."""
    if at_ns <= now_ns + 86400 * SECOND:
        return at_ns
    raise _Fault(LabelFault.BAD_TIME, f"{name} is when the label became known, and lies in the future")


def _endpoint(given: object, name: str, known: Collection[str] | None) -> str:
    if given is None or given == "":
        return ""
    if isinstance(given, str) and (known is None or given in known):
        return given
    raise _Fault(LabelFault.BAD_ENDPOINT, f"{name} must be one of {', '.join(known or ['those that are configured'])}")


def _moment(text: str) -> object:
    for parse in (float, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None

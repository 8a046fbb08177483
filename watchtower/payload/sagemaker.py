"""SageMaker's built-in containers and those that follow them, `/invocations`.

CSV has no header: columns are "0", "1", …. JSON holds `{"instances": [...]}`, and JSON lines a row each; of rows that are
`{"features": [...]}` the columns are "features.0", "features.1", …, as of V2's tensors. Answers are CSV, `{"predictions": [...]}` or JSON lines. In a CSV answer every line is a row,
and a line of several numbers a vector: an XGBoost container that answers a batch of n rows with one line of n numbers
is the exception that cannot be told apart.
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

from typing import Any, Final

from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_FEATURES
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import input_rows, list_rows, output_rows
from watchtower.payload.separated import csv_rows, csv_table, json_lines, value
from watchtower.payload.v1 import tensors
from watchtower.table import EMPTY, Table

LINES_TYPES: Final = (b"application/jsonlines", b"application/x-ndjson", b"application/jsonl", b"application/ndjson")
_FEATURES: Final = "features"
_JSON_BEGINS: Final = (b"{", b"[")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# RecordIO-protobuf, and images: bytes that stand for rows which we do not read. And events, whose lines are no rows.
_UNREAD_TYPES: Final = (
    b"application/x-recordio-protobuf",
    b"application/x-npy",
    b"application/x-image",
    b"text/event-stream",
)


class SageMaker:
    name: Final = "sagemaker"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, message: Message, /) -> Decoded:
        _check_readable(message)
        if message.media_type in LINES_TYPES:
            lines = json_lines(body)
            return Decoded(_rows(lines), lines)
        if not _is_json(body, message):
            return Decoded(csv_table(body, has_header=False))
        document = parsed(body)
        return Decoded(_request_table(document), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        _check_readable(message)
        if message.media_type in LINES_TYPES:
            lines = json_lines(body)
            return Decoded(labelled(output_rows(lines), self._classes), lines)
        if not _is_json(body, message):
            rows = [list(map(value, line)) for line in csv_rows(body)]
            table = output_rows([line[0] if len(line) == 1 else line for line in rows])
            return Decoded(labelled(table, self._classes))
        document = parsed(body)
        return Decoded(labelled(_answer_table(document), self._classes), document)


def _check_readable(message: Message) -> None:
    if message.media_type in _UNREAD_TYPES:
        raise PayloadError(Fault.UNSUPPORTED, "a content type that is not read")


def _is_json(body: bytes, message: Message) -> bool:
    """By its beginning where the type does not say: containers answer JSON as text/html and CSV as application/json."""
    return message.media_type != b"text/csv" and body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_JSON_BEGINS)


def _request_table(document: Any) -> Table:
    if type(document) is dict:
        document = document["instances"] if "instances" in document else document.get("data", document)
    return _rows(document if type(document) is list else [document])


def _rows(items: list[Any]) -> Table:
    lists = [item[_FEATURES] for item in items if type(item) is dict and list(item) == [_FEATURES]]
    if items and len(lists) == len(items) and all(type(each) is list for each in lists):
        width = len(lists[0])
        if 1 <= width <= MAX_FEATURES and all(len(each) == width for each in lists):
            return list_rows(lists, tuple(f"{_FEATURES}.{at}" for at in range(width)))
    return input_rows(items)


def _answer_table(document: Any) -> Table:
    if type(document) is dict and "predictions" in document:
        return tensors(document["predictions"], output_rows)
    return output_rows(document)

"""Any JSON, without knowing its meaning: an object is a row, a list of rows are rows, anything else is a single value."""

from typing import Any, Final

from watchtower.payload.cells import all_scalars
from watchtower.payload.derive import labelled
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import input_rows, output_rows
from watchtower.table import EMPTY, Table


class Json:
    name: Final = "json"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, _message: Message, /) -> Decoded:
        document = parsed(body)
        return Decoded(json_input(document), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = parsed(body)
        return Decoded(labelled(json_output(document), self._classes), document)


def json_input(document: Any) -> Table:
    """A list of scalars is one row of positions, as `[5.1, 3.5, 1.4, 0.2]` is one flower."""
    if type(document) is not list or (document and all_scalars(map(type, document))):
        return input_rows([document])
    return input_rows(document)


def json_output(document: Any) -> Table:
    """A list of scalars is a prediction a row."""
    return output_rows(document)

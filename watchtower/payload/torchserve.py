"""TorchServe's inference API, `/predictions/{model}`: whatever the model's handler takes, and whatever it gives.

A request of bytes that are no JSON (an image, a tensor) is a row of its size alone. An answer that is no JSON is a text;
of other bytes we cannot say if two are alike, and their sizes would say so of any two tensors. The default image classifier answers with its
five most likely classes, `{"tabby": 0.4, "tiger_cat": 0.3, …}`: keys that change from answer to answer, so the first is
the prediction's label and its value the score. The text classifier answers with all classes in their own order, the
largest of which is the label. https://docs.pytorch.org/serve/inference_api.html
"""

from contextlib import suppress
from operator import itemgetter
from typing import Any, Final

from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.generic import json_input, json_output
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import BLANKS, as_text, parsed, parsed_if_json
from watchtower.payload.rows import PREDICTION, input_rows, output_rows
from watchtower.table import EMPTY, Table

SIZE: Final = "size"
_MEDIA: Final = (b"image/", b"audio/", b"video/")
_NONE: Final = object()  # JSON's null is a document
_FEWEST_CLASSES: Final = 2
_TOP_CLASSES: Final = 5  # the default handler's `topk`; of fewer classes it gives all
_ROUNDING: Final = 1e-3
_NO_JSON: Final = frozenset({Fault.EMPTY, Fault.BAD_UTF8, Fault.NOT_JSON})
_are_floats: Final = frozenset({float}).issuperset


class TorchServe:
    name: Final = "torchserve"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, message: Message, /) -> Decoded:
        document = _json_or_none(body, message)
        if document is _NONE:
            return Decoded(Table((SIZE,), [[len(body)]]))
        if type(document) is dict and type(document.get("instances")) is list:
            return Decoded(input_rows(document["instances"]), document)
        return Decoded(json_input(document), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = _json_or_none(body, message)
        if document is _NONE:
            return Decoded(output_rows(_text(body, message)))
        if type(document) is dict and type(document.get("predictions")) is list:
            return Decoded(labelled(output_rows(document["predictions"]), self._classes), document)
        table = _top_classes(document) or labelled(json_output(document), self._classes)
        return Decoded(table, document)


def _json_or_none(body: bytes, message: Message) -> Any:
    """The document, or `_NONE` where the bytes are of another kind and nobody said that they are JSON."""
    if message.media_type.startswith(_MEDIA):
        return _NONE
    try:
        return parsed(body)
    except PayloadError as error:
        if message.media_type.endswith(b"json") or error.fault not in _NO_JSON:
            raise
        return _NONE


def _text(body: bytes, message: Message) -> str:
    if not body.strip(BLANKS):
        raise PayloadError(Fault.EMPTY)
    if not message.media_type.startswith(_MEDIA):
        with suppress(PayloadError):
            return as_text(body)
    raise PayloadError(Fault.UNSUPPORTED, "bytes that are neither JSON nor text")


def _top_classes(document: Any) -> Table | None:
    """Shares under names: of all classes in any order, or of the five likeliest, falling.

    Two or three numbers that fall are as often a score and something about it.
    """
    if type(document) is not dict or len(document) < _FEWEST_CLASSES:
        return None
    shares = list(document.values())
    if not _are_floats(map(type, shares)) or not min(shares) >= 0:
        return None
    total = sum(shares)
    is_of_all = abs(total - 1) <= _ROUNDING
    are_likeliest = len(shares) >= _TOP_CLASSES and total < 1 and shares == sorted(shares, reverse=True)
    if not is_of_all and not are_likeliest:
        return None
    label, score = max(document.items(), key=itemgetter(1))
    return Table((f"{PREDICTION}.label", f"{PREDICTION}.score"), [[label, score]])

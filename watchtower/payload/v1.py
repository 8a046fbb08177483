"""KServe's V1 protocol and TF Serving's REST interface, which it was taken from.

Rows come as `{"instances": [...]}` and go as `{"predictions": [...]}`; or as columns, `{"inputs": ...}` and
`{"outputs": ...}`, each a tensor or an object of tensors by name. TF Serving's classify and regress calls say `examples`
and `results`; KServe's explain call answers with `explanations`. https://www.tensorflow.org/tfx/serving/api_rest
"""

from collections.abc import Callable
from typing import Final

from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import PREDICTION, columnar, input_rows, output_rows
from watchtower.table import EMPTY, Table

EXPLANATION: Final = "explanation"


class V1:
    name: Final = "v1"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, _message: Message, /) -> Decoded:
        document = parsed(body)
        if type(document) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "no object")
        if "instances" in document:
            return Decoded(input_rows(document["instances"]), document)
        if "inputs" in document:
            return Decoded(tensors(document["inputs"], input_rows), document)
        if "examples" in document:
            return Decoded(input_rows(document["examples"]), document)
        raise PayloadError(Fault.WRONG_SHAPE, "none of instances, inputs and examples")

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = parsed(body)
        if type(document) is not dict:
            raise PayloadError(Fault.WRONG_SHAPE, "no object")
        if "predictions" in document:
            return Decoded(labelled(output_rows(document["predictions"]), self._classes), document)
        if "outputs" in document:
            table = tensors(document["outputs"], output_rows)
            return Decoded(labelled(table, self._classes), document)
        if "results" in document:
            return Decoded(labelled(output_rows(document["results"]), self._classes), document)
        if "explanations" in document:
            return Decoded(_named(output_rows(document["explanations"]), EXPLANATION), document)
        raise PayloadError(Fault.WRONG_SHAPE, "none of predictions, outputs, results and explanations")


def _named(table: Table, name: str) -> Table:
    """An explanation is no prediction, and an endpoint may be asked for both."""
    return table._replace(names=tuple(name if each == PREDICTION else each for each in table.names))


def tensors(value: object, rows: Callable[[object], Table]) -> Table:
    """Columns by name, or a single tensor that has none."""
    if isinstance(value, dict):
        return columnar(value)
    return rows(value)

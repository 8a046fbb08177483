"""MLflow's scoring server, `/invocations`.

JSON holds one of `dataframe_split`, `dataframe_records`, `instances` and `inputs` (since 2.0; before, a bare
`{"columns", "data"}` or a bare list of records); CSV has a header. The answer is `{"predictions": ...}`, or before 2.0
what that holds. https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from typing import Any, Final

from watchtower.payload.derive import labelled
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.parse import parsed, parsed_if_json
from watchtower.payload.rows import input_rows, list_rows, named, output_rows
from watchtower.payload.separated import csv_table
from watchtower.payload.v1 import tensors
from watchtower.table import EMPTY, Table

_are_names: Final = frozenset({str, int}).issuperset  # pandas numbers the columns that have no names
CSV_TYPES: Final = (b"text/csv", b"application/csv")


class MLflow:
    name: Final = "mlflow"

    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self._classes = classes

    def request(self, body: bytes, message: Message, /) -> Decoded:
        if message.media_type in CSV_TYPES:
            return Decoded(csv_table(body, has_header=True))
        document = parsed(body)
        return Decoded(_request_table(document), document)

    def answer(self, body: bytes, message: Message, /) -> Decoded:
        if message.is_failure:
            return Decoded(EMPTY, parsed_if_json(body))
        document = parsed(body)
        predictions = document
        if type(document) is dict:
            if "predictions" not in document:
                raise PayloadError(Fault.WRONG_SHAPE, "no predictions")
            predictions = document["predictions"]
        return Decoded(labelled(_answer_table(predictions), self._classes), document)


def _request_table(document: Any) -> Table:
    if type(document) is list:
        return input_rows(document)
    if type(document) is not dict:
        raise PayloadError(Fault.WRONG_SHAPE, "neither object nor list")
    if "dataframe_split" in document:
        return split(document["dataframe_split"])
    if "dataframe_records" in document:
        return input_rows(document["dataframe_records"])
    if "instances" in document:
        return tensors(document["instances"], input_rows)
    if "inputs" in document:
        inputs = document["inputs"]
        return tensors(inputs if type(inputs) in {list, dict} else [inputs], input_rows)
    if "columns" in document and "data" in document:
        return split(document)
    raise PayloadError(Fault.WRONG_SHAPE, "none of dataframe_split, dataframe_records, instances and inputs")


def split(frame: Any) -> Table:
    """A frame in pandas' `orient="split"`: the columns' names, and rows of values. Without names, the positions."""
    if type(frame) is not dict or type(frame.get("data")) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, "a frame without data")
    names = frame.get("columns")
    if names is None:
        return input_rows(frame["data"])
    if type(names) is not list:
        raise PayloadError(Fault.WRONG_SHAPE, "a frame whose columns are no list")
    if not _are_names(map(type, names)):
        raise PayloadError(Fault.WRONG_SHAPE, "a column's name that is no text")
    return list_rows(frame["data"], named(list(map(str, names))))


def _answer_table(predictions: Any) -> Table:
    """Models of the pyfunc flavour may answer with a frame in either orientation, too."""
    if type(predictions) is dict and "columns" in predictions and "data" in predictions:
        return split(predictions)
    return tensors(predictions, output_rows)

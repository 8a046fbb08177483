"""Which protocol an endpoint speaks, from one exchange, and why: the status page shows both.

The path decides where it is the protocol's own; `/invocations`, which MLflow and SageMaker share, and unknown paths are
decided by the body. A wrong guess costs columns, never traffic, and the configuration overrules it.
"""

import re
from typing import Any, Final, NamedTuple

from watchtower.payload.binary import json_part
from watchtower.payload.fault import PayloadError
from watchtower.payload.message import Message
from watchtower.payload.mlflow import CSV_TYPES
from watchtower.payload.parse import parsed_if_json
from watchtower.payload.sagemaker import LINES_TYPES
from watchtower.payload.separated import csv_rows, has_header

_V1_PATH: Final = re.compile(rb"/v1/models/.+:(predict|classify|regress|explain)$")
_V2_PATH: Final = re.compile(rb"/v2/models/.+/infer$")
_OPENAI_PATH: Final = re.compile(rb"/(chat/completions|completions|embeddings|responses)$")
_TORCHSERVE_PATH: Final = re.compile(rb"/predictions/[^/]+(/[^/]+)?$")
_FRAMES: Final = ("dataframe_split", "dataframe_records")
_OPENAI_KEYS: Final = ("messages", "prompt", "input")
_OPENAI_ANSWERS: Final = ("choices", "data", "output", "error")


class Recognised(NamedTuple):
    name: str
    why: str


def recognise(target: bytes, content_type: bytes, request: bytes, answer: bytes) -> Recognised:
    """The most specific reason wins. Bodies are decompressed; either may be empty when it was not kept."""
    message = Message(target, content_type)
    told = by_path(message.path)
    if told is not None:
        return told
    asked, answered = parsed_if_json(json_part(request)), parsed_if_json(json_part(answer))
    if message.path.rstrip(b"/").endswith(b"/invocations"):
        return _invocations(message, request, asked, answered)
    return _by_body(message, request, asked, answered)


def by_path(path: bytes) -> Recognised | None:
    """What a path that is a protocol's own says."""
    if match := _V1_PATH.search(path):
        return Recognised("v1", f"path ends in :{match[1].decode()}")
    if _V2_PATH.search(path):
        return Recognised("v2", "path is /v2/models/…/infer")
    if match := _OPENAI_PATH.search(path):
        return Recognised("openai", f"path ends in /{match[1].decode()}")
    if _TORCHSERVE_PATH.search(path):
        return Recognised("torchserve", "path is /predictions/…")
    return None


def _invocations(message: Message, request: bytes, asked: Any, answered: Any) -> Recognised:
    where = "path is /invocations and"
    if message.media_type in LINES_TYPES:
        return Recognised("sagemaker", f"{where} the body is lines of JSON")
    if message.media_type in CSV_TYPES or asked is None:
        if message.media_type in CSV_TYPES and has_header(request):
            return Recognised("mlflow", f"{where} the CSV has a header")
        return Recognised("sagemaker", f"{where} the CSV has no header" if _is_csv(request) else f"{where} no JSON")
    if type(asked) is dict:
        if _has_tensors(asked):  # Triton's container for SageMaker
            return Recognised("v2", f"{where} the body has inputs with datatypes")
        for key in _FRAMES:
            if key in asked:
                return Recognised("mlflow", f"{where} the body has {key}")
        if "messages" in asked and _may_be_openais(answered):
            return Recognised("openai", f"{where} the body has messages")
        if type(answered) is dict and "predictions" not in answered:
            return Recognised("sagemaker", f"{where} the answer has no predictions")
        if "inputs" in asked:
            return Recognised("mlflow", f"{where} the body has inputs")
        rows = asked.get("instances")
        if type(rows) is list and rows and type(rows[0]) is dict and set(rows[0]) <= {"features", "data"}:
            return Recognised("sagemaker", f"{where} the instances have features")
        if "instances" in asked:
            return Recognised("mlflow", f"{where} the body has instances")
        if "columns" in asked and "data" in asked:
            return Recognised("mlflow", f"{where} the body is a split frame")
    return Recognised("sagemaker", f"{where} the body is JSON that MLflow does not take")


def _by_body(message: Message, request: bytes, asked: Any, answered: Any) -> Recognised:
    if type(asked) is dict:
        if _has_tensors(asked):
            return Recognised("v2", "the body has inputs with datatypes")
        for key in _FRAMES:
            if key in asked:
                return Recognised("mlflow", f"the body has {key}")
        if "instances" in asked:
            return Recognised("v1", "the body has instances")
        if "inputs" in asked and type(answered) is dict and "outputs" in answered:
            return Recognised("v1", "the body has inputs and the answer outputs")
        if "model" in asked and any(key in asked for key in _OPENAI_KEYS) and _may_be_openais(answered):
            return Recognised("openai", "the body has a model and messages, prompt or input")
    if message.media_type in CSV_TYPES:
        name = "mlflow" if has_header(request) else "sagemaker"
        return Recognised(name, f"the body is CSV {'with' if name == 'mlflow' else 'without'} a header")
    if message.media_type in LINES_TYPES:
        return Recognised("sagemaker", "the body is lines of JSON")
    if asked is not None:
        return Recognised("json", "the body is JSON of no known protocol")
    if answered is not None:
        return Recognised("torchserve", "the body is no JSON and the answer is")
    return Recognised("json", "neither body was kept, or is JSON")


def _has_tensors(asked: dict[str, Any]) -> bool:
    tensors = asked.get("inputs")
    return type(tensors) is list and bool(tensors) and type(tensors[0]) is dict and "datatype" in tensors[0]


def _may_be_openais(answered: Any) -> bool:
    """A model and an input are asked about elsewhere, too. A stream, or what was not kept, says nothing against it."""
    if type(answered) is not dict:
        return answered is None
    return any(key in answered for key in _OPENAI_ANSWERS)


def _is_csv(request: bytes) -> bool:
    try:
        return bool(csv_rows(request))
    except PayloadError:
        return False

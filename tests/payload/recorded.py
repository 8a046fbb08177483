"""What model servers are asked and answer, and the tables that it is.

`captured/` came from real servers, by capture.py; `bodies/` is written after what the documentation of others shows.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from watchtower.payload.adapter import Adapter
from watchtower.payload.message import Message
from watchtower.payload.registry import adapter
from watchtower.payload.settings import ColumnSettings, MappingSettings
from watchtower.table import Kind

BODIES = Path(__file__).parent / "bodies"
CAPTURED = Path(__file__).parent / "captured"
JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
OUTPUTS = ("text", "finish_reason", "tool_calls", "called", "prompt_tokens", "completion_tokens", "ttft_s", "tpot_s")
INPUTS = ("prompt", "model", "temperature", "max_tokens", "stream", "messages")
CHAT = b"/v1/chat/completions"

ORDERS = MappingSettings(
    inputs=(
        ColumnSettings(name="sku", path="$.sku", kind=Kind.CATEGORY),
        ColumnSettings(name="price", path="$.price", kind=Kind.NUMBER),
        ColumnSettings(name="n", path="$.n"),
    ),
    input_rows="$.orders[*]",
    outputs=(ColumnSettings(name="score", path="$.scores[*]"),),
)


class Recorded(NamedTuple):
    name: str  # of the files
    protocol: str
    target: bytes
    request_type: bytes
    answer_type: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    asked: int = 1  # rows
    answered: int = 1
    folder: Path = BODIES

    @property
    def adapter(self) -> Adapter:
        return adapter(self.protocol, ORDERS if self.protocol == "mapped" else None)

    @property
    def request_message(self) -> Message:
        return Message(self.target, self.request_type)

    @property
    def answer_message(self) -> Message:
        return Message(self.target, self.answer_type, 200, 20_000_000, 80_000_000, 4)

    @property
    def request(self) -> bytes:
        return next(self.folder.glob(f"{self.name}.request*")).read_bytes()

    @property
    def answer(self) -> bytes:
        return next(self.folder.glob(f"{self.name}.answer*")).read_bytes()

    def __repr__(self) -> str:
        return f"{self.folder.name}/{self.name}"


def _v1(name: str, path: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...], rows: int) -> Recorded:
    return Recorded(name, "v1", path, JSON, JSON, inputs, outputs, rows, rows)


def _v2(name: str, inputs: tuple[str, ...], outputs: tuple[str, ...], rows: int) -> Recorded:
    return Recorded(name, "v2", b"/v2/models/m/versions/1/infer", JSON, JSON, inputs, outputs, rows, rows)


def _invocation(name: str, protocol: str, kind: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...], rows: int = 2,
                answer_type: bytes = JSON) -> Recorded:  # fmt: skip
    return Recorded(name, protocol, b"/invocations", kind, answer_type, inputs, outputs, rows, rows)


def _chat(name: str, answer_type: bytes = JSON, answered: int = 1) -> Recorded:
    return Recorded(name, "openai", CHAT, JSON, answer_type, INPUTS, OUTPUTS, 1, answered)


PROBABLE = ("prediction", "prediction.label", "prediction.score")
WINE = ("fixed acidity", "pH", "color")
WRITTEN = (
    _v1("kserve_v1_lists", b"/v1/models/sklearn-iris:predict", ("0", "1", "2", "3"), ("prediction",), 2),
    _v1(
        "kserve_v1_objects",
        b"/v1/models/income:predict",
        ("age", "workclass", "income.gain", "income.loss", "married"),
        ("label", "probabilities", "probabilities.label", "probabilities.score"),
        2,
    ),
    _v1("tf_serving_rows", b"/v1/models/half_plus_two:predict", ("0",), ("prediction",), 3),
    _v1("tf_serving_softmax", b"/v1/models/mnist/versions/3:predict", ("0", "1"), PROBABLE, 2),
    _v1("tf_serving_columns", b"/v1/models/ctr:predict?verbose=1", ("user_id", "hour"), ("ctr", "rank"), 2),
    _v1("tf_serving_sigmoid", b"/v1/models/sentiment:predict", ("text", "length"), ("prediction",), 1),
    _v1("tf_serving_classify", b"/v1/models/age:classify", ("age", "city"), ("prediction",), 2),
    _v2(
        "triton",
        tuple(f"input__0.{feature}" for feature in range(4)),
        ("output__0", "class", "output__0.label", "output__0.score"),
        2,
    ),
    Recorded(
        "triton_client",  # a tensor of each datatype, as tritonclient 2.73 writes them
        "v2",
        b"/v2/models/mymodel/infer",
        b"application/octet-stream",
        b"application/octet-stream",
        ("nBOOL", "nINT8", "nINT64", "nUINT64", "nFP16", "nFP32", "nFP64", "nBF16", "nBYTES"),
        ("output0", "label", "output0.label", "output0.score"),
        3,
        3,
    ),
    _v2(
        "mlserver_pandas",
        ("age", "hours", "job", "member"),
        ("predict", "predict_proba", "predict_proba.label", "predict_proba.score"),
        3,
    ),
    _v2("kserve_huggingface", ("input-0",), ("output-0",), 2),
    _invocation("mlflow_split", "mlflow", JSON, WINE, ("prediction",)),
    _invocation("mlflow_records", "mlflow", JSON, ("a", "b"), ("class", "p")),
    _invocation("mlflow_inputs", "mlflow", JSON, ("question", "k"), ("prediction",)),
    _invocation("mlflow_csv", "mlflow", b"text/csv", WINE, ("prediction",)),
    _invocation(
        "sagemaker_xgboost",
        "sagemaker",
        b"text/csv",
        ("0", "1", "2", "3", "4"),
        ("prediction",),
        answer_type=b"text/csv; charset=utf-8",
    ),
    _invocation("sagemaker_softprob", "sagemaker", b"text/csv", ("0", "1", "2", "3"), PROBABLE, 1, b"text/csv"),
    _invocation(
        "sagemaker_linear",
        "sagemaker",
        JSON,
        tuple(f"features.{feature}" for feature in range(4)),
        ("score", "predicted_label"),
    ),
    _invocation(
        "sagemaker_lines",
        "sagemaker",
        b"application/jsonlines",
        ("features.0", "features.1"),
        ("predicted_label", "score"),
        answer_type=b"application/jsonlines",
    ),
    Recorded(
        "torchserve_image",
        "torchserve",
        b"/predictions/densenet161",
        b"application/x-www-form-urlencoded",
        b"",
        ("size",),
        ("prediction.label", "prediction.score"),
    ),
    Recorded("torchserve_json", "torchserve", b"/predictions/text/1.0", JSON, b"", ("data", "target"), ("prediction",)),
    _chat("vllm_chat", answered=2),
    _chat("openai_tools"),
    _chat("vllm_stream", EVENTS),
    _chat("openrouter_stream", EVENTS),
    _chat("tool_stream", EVENTS),
    Recorded("vllm_completion", "openai", b"/v1/completions", JSON, JSON, INPUTS, OUTPUTS, 2, 2),
    Recorded(
        "openai_embeddings", "openai", b"/v1/embeddings", JSON, JSON, INPUTS, ("embedding", "prompt_tokens"), 2, 2
    ),
    Recorded(
        "openai_embeddings_base64", "openai", b"/v1/embeddings", JSON, JSON, INPUTS, ("embedding", "prompt_tokens")
    ),
    Recorded("openai_responses", "openai", b"/v1/responses", JSON, JSON, INPUTS, OUTPUTS),
    Recorded("openai_responses_stream", "openai", b"/v1/responses", JSON, EVENTS, INPUTS, OUTPUTS),
    Recorded(
        "fastapi",
        "json",
        b"/score",
        JSON,
        JSON,
        ("customer.age", "customer.plan", "tenure_months", "tags", "recent"),
        ("churn", "probability", "model.version"),
    ),
    Recorded("orders", "mapped", b"/score", JSON, JSON, ("sku", "price", "n"), ("score",), 2, 2),
)
FLOWER = tuple(f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width"))
PLAIN = ("0", "1", "2", "3")
BOTH = ("predict", "predict_proba", "predict_proba.label", "predict_proba.score")
# The protocol, the columns of request and answer, and the rows of each.
OF_SERVERS = {
    "kserve_binary": (
        "v2",
        tuple(f"input-0.{name}" for name in PLAIN),
        ("probabilities", "kind", "probabilities.label", "probabilities.score"),
        3,
    ),
    "kserve_mixed": (
        "v2",
        ("sepal.0", "sepal.1", "petal.0", "petal.1"),
        ("kind", "probabilities", "probabilities.label", "probabilities.score"),
        3,
    ),
    "kserve_v1": ("v1", PLAIN, ("prediction",), 3),
    "kserve_v2": (
        "v2",
        tuple(f"input-0.{name}" for name in PLAIN),
        ("probabilities", "probabilities.label", "probabilities.score"),
        3,
    ),
    "litserve_chat": ("openai", INPUTS, OUTPUTS, 1),
    "litserve_embeddings": ("openai", INPUTS, ("embedding", "prompt_tokens"), 2),
    "litserve_stream": ("openai", INPUTS, OUTPUTS, 1),
    "mlflow_csv": ("mlflow", FLOWER, ("prediction",), 3),
    "mlflow_inputs": ("mlflow", PLAIN, PROBABLE, 3),
    "mlflow_instances": ("mlflow", PLAIN, PROBABLE, 3),
    "mlflow_records": ("mlflow", FLOWER, ("prediction",), 3),
    "mlflow_split": ("mlflow", FLOWER, ("prediction",), 3),
    "mlserver_both": ("v2", tuple(f"predict.{name}" for name in PLAIN), BOTH, 3),
    "mlserver_frame": ("v2", FLOWER, BOTH, 3),
    "mlserver_tensor": ("v2", tuple(f"predict.{name}" for name in PLAIN), ("predict",), 3),
    "torchserve_bytes": ("torchserve", ("size",), ("prediction.label", "prediction.score"), 1),
    "torchserve_json": ("torchserve", ("data",), ("prediction.label", "prediction.score"), 1),
}


def _captured() -> Iterator[Recorded]:
    for one in json.loads((CAPTURED / "index.json").read_bytes()):
        protocol, inputs, outputs, rows = OF_SERVERS[one["name"]]
        target, asked_as, answered_as = (one[key].encode() for key in ("target", "request_type", "answer_type"))
        yield Recorded(
            one["name"], protocol, target, asked_as, answered_as, inputs, outputs, rows, rows, folder=CAPTURED
        )


CAPTURES = tuple(_captured())
RECORDED = (*WRITTEN, *CAPTURES)
BY_NAME = {case.name: case for case in WRITTEN}

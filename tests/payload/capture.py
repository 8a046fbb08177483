"""Records what real model servers are asked and answer: `python tests/payload/capture.py SERVER …`, with one installed.

    mlflow     mlflow, scikit-learn                 `mlflow models serve`
    mlserver   mlserver, mlserver-sklearn           `mlserver start`
    kserve     kserve, scikit-learn, tritonclient[http]   its own model server, asked by Triton's client, too
    litserve   litserve                             its OpenAI-compatible endpoint
    torchserve torchserve, torch-model-archiver, torch, Java

Each starts on loopback with a small model, gets the requests that its documentation shows, and is stopped. What came back
is written to `captured/` as it came, with the server's version beside it. The suite needs none of these servers.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

CAPTURED: Final = Path(__file__).parent / "captured"
INDEX: Final = CAPTURED / "index.json"
START_S: Final = 120.0
BIN: Final = Path(sys.executable).parent

Rows = list[list[float]]
FLOWERS: Final[Rows] = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
FEATURES: Final = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
JSON: Final = "application/json"


@dataclass(frozen=True)
class Captured:
    """One exchange: the files bear its name."""

    name: str
    server: str
    target: str
    request_type: str
    answer_type: str


@dataclass(frozen=True)
class Question:
    name: str
    target: str
    body: Any  # JSON, or text or bytes as they are
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def ask(server: str, port: int, question: Question) -> Captured:
    body = as_bytes(question.body)
    url = f"http://127.0.0.1:{port}{question.target}"
    request = urllib.request.Request(url, body, {"Content-Type": question.content_type, **question.headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            kind, answered = answer.headers.get("Content-Type", ""), answer.read()
    except urllib.error.HTTPError as refused:
        raise SystemExit(f"{question.name}: {refused.code} {refused.read()[:2000]!r}") from None
    (CAPTURED / f"{question.name}.request").write_bytes(body)
    (CAPTURED / f"{question.name}.answer").write_bytes(answered)
    return Captured(question.name, server, question.target, question.content_type, kind)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(command: list[str], folder: Path, port: int, ready: str) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as output:
        path = {"PATH": f"{BIN}:{os.environ['PATH']}"}  # servers start others by name
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **path},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_S
        while not _is_ready(port, ready):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with what it has started
        process.wait(30)


def _is_ready(port: int, target: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{target}", timeout=2) as answer:
            return bool(answer.status < 300)
    except OSError:
        return False


def _iris(*, named: bool = True) -> Any:
    from sklearn.datasets import load_iris  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    flowers = load_iris(as_frame=True)
    data = flowers.data if named else flowers.data.to_numpy()
    return LogisticRegression(max_iter=500).fit(data, flowers.target)


def mlflow(folder: Path) -> list[Captured]:
    import mlflow.sklearn  # type: ignore[import-not-found]
    import pandas as pd
    from mlflow.models import infer_signature  # type: ignore[import-not-found]

    model, port = _iris(), free_port()
    frame = pd.DataFrame(FLOWERS, columns=FEATURES)
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(model, folder / "iris", signature=signature)
    mlflow.sklearn.save_model(_iris(named=False), folder / "probable", pyfunc_predict_fn="predict_proba")
    server, found = f"MLflow {version('mlflow')}", []
    split = {"dataframe_split": {"columns": FEATURES, "index": [0, 1, 2], "data": FLOWERS}}
    records = {"dataframe_records": [dict(zip(FEATURES, row, strict=True)) for row in FLOWERS]}
    csv = "\n".join([",".join(FEATURES), *(",".join(map(str, row)) for row in FLOWERS)]) + "\n"
    command = [str(BIN / "mlflow"), "models", "serve", "--env-manager", "local"]
    with serving([*command, "--port", str(port), "-m", "iris"], folder, port, "/ping"):
        found += [
            ask(server, port, Question("mlflow_split", "/invocations", split)),
            ask(server, port, Question("mlflow_records", "/invocations", records)),
            ask(server, port, Question("mlflow_csv", "/invocations", csv, "text/csv")),
        ]
    port = free_port()
    with serving([*command, "--port", str(port), "-m", "probable"], folder, port, "/ping"):
        found += [
            ask(server, port, Question("mlflow_inputs", "/invocations", {"inputs": FLOWERS})),
            ask(server, port, Question("mlflow_instances", "/invocations", {"instances": FLOWERS})),
        ]
    return found


def mlserver(folder: Path) -> list[Captured]:
    import joblib  # type: ignore[import-untyped]

    joblib.dump(_iris(), folder / "iris.joblib")
    settings = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./iris.joblib"},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    http, grpc, metrics = free_port(), free_port(), free_port()
    ports = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps(ports))
    tensor = {"name": "predict", "shape": [3, 4], "datatype": "FP64", "data": FLOWERS}
    flat = {**tensor, "data": [value for row in FLOWERS for value in row]}
    columns = [
        {"name": name, "shape": [3, 1], "datatype": "FP64", "data": [row[at] for row in FLOWERS]}
        for at, name in enumerate(FEATURES)
    ]
    both = [{"name": "predict"}, {"name": "predict_proba"}]
    frame = {"parameters": {"content_type": "pd"}, "inputs": columns, "outputs": both}
    server, target = f"MLServer {version('mlserver')}", "/v2/models/iris/infer"
    with serving([str(BIN / "mlserver"), "start", "."], folder, http, "/v2/models/iris/ready"):
        return [
            ask(server, http, Question("mlserver_tensor", target, {"id": "a-1", "inputs": [tensor]})),
            ask(server, http, Question("mlserver_both", target, {"inputs": [flat], "outputs": both})),
            ask(server, http, Question("mlserver_frame", target, frame)),
        ]


KSERVE: Final = """
import sys, joblib, kserve, numpy
from kserve import InferOutput, InferRequest, InferResponse

KINDS = ["setosa", "versicolor", "virginica"]

class Iris(kserve.Model):
    def load(self):
        self.model, self.ready = joblib.load("iris.joblib"), True
        return True

    def predict(self, payload, headers=None):
        if isinstance(payload, InferRequest):
            found = self.model.predict_proba(numpy.hstack([one.as_numpy() for one in payload.inputs]))
            outputs = [InferOutput("probabilities", list(found.shape), "FP64", found.flatten().tolist())]
            if payload.use_binary_outputs or payload.request_outputs:
                kinds = InferOutput("kind", [len(found)], "BYTES")
                kinds.set_data_from_numpy(numpy.array(KINDS, dtype=object)[found.argmax(1)])
                outputs.append(kinds)
            return InferResponse(
                payload.id,
                self.name,
                outputs,
                use_binary_outputs=payload.use_binary_outputs,
                requested_outputs=payload.request_outputs,
            )
        return {"predictions": self.model.predict(payload["instances"]).tolist()}

iris = Iris("iris")
iris.load()
kserve.ModelServer(http_port=int(sys.argv[1]), grpc_port=int(sys.argv[2]), enable_grpc=False, workers=1).start([iris])
"""


def _from_tritons_client(name: str, inputs: list[Any], outputs: list[Any] | None = None) -> Question:
    from tritonclient.http import InferenceServerClient  # type: ignore[import-not-found]

    body, size = InferenceServerClient.generate_request_body(inputs, outputs)
    headers = {"Inference-Header-Content-Length": str(size)}
    return Question(name, "/v2/models/iris/infer", body, "application/octet-stream", headers)


def _binary() -> Iterator[Question]:
    """As the client sends it unless told otherwise, and with a tensor of each kind both ways."""
    import numpy as np
    from tritonclient.http import InferInput, InferRequestedOutput

    flowers = np.array(FLOWERS)
    whole = InferInput("input-0", [3, 4], "FP64").set_data_from_numpy(flowers)
    yield _from_tritons_client("kserve_binary", [whole])
    sepal = InferInput("sepal", [3, 2], "FP64").set_data_from_numpy(flowers[:, :2], binary_data=False)
    petal = InferInput("petal", [3, 2], "FP64").set_data_from_numpy(flowers[:, 2:])
    outputs = [InferRequestedOutput("kind", binary_data=False), InferRequestedOutput("probabilities")]
    yield _from_tritons_client("kserve_mixed", [sepal, petal], outputs)


def kserve(folder: Path) -> list[Captured]:
    import joblib

    joblib.dump(_iris(), folder / "iris.joblib")
    (folder / "serve.py").write_text(KSERVE)
    port = free_port()
    tensor = {"name": "input-0", "shape": [3, 4], "datatype": "FP64", "data": FLOWERS}
    server = f"KServe {version('kserve')}"
    with serving([sys.executable, "serve.py", str(port), str(free_port())], folder, port, "/v2/models/iris"):
        return [
            ask(server, port, Question("kserve_v1", "/v1/models/iris:predict", {"instances": FLOWERS})),
            ask(server, port, Question("kserve_v2", "/v2/models/iris/infer", {"id": "b-2", "inputs": [tensor]})),
            *(ask(server, port, question) for question in _binary()),
        ]


LITSERVE: Final = """
import sys, litserve

class Echo(litserve.LitAPI):
    def setup(self, device): ...

    def predict(self, prompt):
        for word in prompt.messages[-1].content.split():
            yield {"role": "assistant", "content": word + " "}

class Length(litserve.LitAPI):
    def setup(self, device): ...

    def predict(self, inputs):
        return [[float(len(text)), text.count("a") / 2, -1.5] for text in inputs]

    def encode_response(self, output):
        return {"embeddings": output}

if __name__ == "__main__":
    api = Echo(spec=litserve.OpenAISpec()) if sys.argv[2] == "chat" else Length(spec=litserve.OpenAIEmbeddingSpec())
    litserve.LitServer(api).run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
"""


def litserve(folder: Path) -> list[Captured]:
    (folder / "serve.py").write_text(LITSERVE)
    port, server = free_port(), f"LitServe {version('litserve')}"
    asked = {
        "model": "echo",
        "messages": [{"role": "system", "content": "Echo."}, {"role": "user", "content": "three small words"}],
    }
    with serving([sys.executable, "serve.py", str(port), "chat"], folder, port, "/health"):
        found = [
            ask(server, port, Question("litserve_chat", "/v1/chat/completions", {**asked, "temperature": 0.2})),
            ask(server, port, Question("litserve_stream", "/v1/chat/completions", {**asked, "stream": True})),
        ]
    port = free_port()
    texts = {"model": "length", "input": ["a banana", "kiwi"], "encoding_format": "float"}
    with serving([sys.executable, "serve.py", str(port), "embed"], folder, port, "/health"):
        return [*found, ask(server, port, Question("litserve_embeddings", "/v1/embeddings", texts))]


TORCHSERVE: Final = """
from ts.torch_handler.base_handler import BaseHandler

NAMES = ["setosa", "versicolor", "virginica"]

class Iris(BaseHandler):
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        found = []
        for asked in data:
            rows = asked.get("body") or asked.get("data")
            size = float(rows["data"][0][2]) if isinstance(rows, dict) else len(rows) / 10
            scores = [1 / (1 + abs(size - middle)) for middle in (1.4, 4.2, 5.5)]
            found.append({name: score / sum(scores) for name, score in zip(NAMES, scores)})
        return found
"""


def torchserve(folder: Path) -> list[Captured]:
    (folder / "handler.py").write_text(TORCHSERVE)
    (folder / "store").mkdir()
    archive = [str(BIN / "torch-model-archiver"), "--model-name", "iris", "--version", "1.0", "--handler", "handler.py"]
    subprocess.run([*archive, "--export-path", "store"], cwd=folder, check=True)
    port, management, metrics = free_port(), free_port(), free_port()
    addresses = {"inference": port, "management": management, "metrics": metrics}
    lines = [f"{name}_address=http://127.0.0.1:{number}" for name, number in addresses.items()]
    lines += ["default_workers_per_model=1", "disable_token_authorization=true"]
    (folder / "config.properties").write_text("\n".join(lines) + "\n")
    command = [
        str(BIN / "torchserve"),
        "--start",
        "--foreground",
        "--model-store",
        "store",
        "--models",
        "iris=iris.mar",
    ]
    server, target = f"TorchServe {version('torchserve')}", "/predictions/iris"
    picture = Question("torchserve_bytes", target, "no picture, but bytes", "application/octet-stream")
    with serving([*command, "--ts-config", "config.properties"], folder, port, "/ping"):
        return [
            ask(server, port, Question("torchserve_json", target, {"data": FLOWERS[:1]})),
            ask(server, port, picture),
        ]


SERVERS: Final[dict[str, Callable[[Path], list[Captured]]]] = {
    "mlflow": mlflow,
    "mlserver": mlserver,
    "kserve": kserve,
    "litserve": litserve,
    "torchserve": torchserve,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", choices=SERVERS, metavar="SERVER")
    known = {one["name"]: one for one in json.loads(INDEX.read_text())} if INDEX.exists() else {}
    for server in parser.parse_args().servers:
        folder = Path(tempfile.mkdtemp(prefix="watchtower-capture-"))
        try:
            known |= {one.name: asdict(one) for one in SERVERS[server](folder)}
        finally:
            shutil.rmtree(folder)
    INDEX.write_text(json.dumps([known[name] for name in sorted(known)], indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Two small models to try the sidecar on: `python -m watchtower.demo v1` answers the V1 and V2 protocols.

Both give the chance that a customer leaves, by logistic regression on three features. v2 takes complaints more to heart
than v1 does, so that comparing them has something to find.
"""

import argparse
import asyncio
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

FEATURES: Final = ("months", "monthly_charge", "complaints")
MODELS: Final = {"v1": (-0.04, 0.02, 0.5), "v2": (-0.04, 0.02, 0.7)}
INTERCEPT: Final = -1.5

Row = Sequence[float]
Score = Callable[[Row], float]


def scorer(version: str) -> Score:
    weights = MODELS[version]

    def score(row: Row) -> float:
        logit = INTERCEPT + sum(weight * value for weight, value in zip(weights, row, strict=True))
        return round(1 / (1 + math.exp(-max(-50.0, min(50.0, logit)))), 6)

    return score


def predict(body: Any, score: Score) -> dict[str, Any]:
    """V1: instances are lists in the features' order, or objects by their names."""
    rows = [[one[name] for name in FEATURES] if isinstance(one, dict) else one for one in body["instances"]]
    return {"predictions": [score(row) for row in rows]}


def infer(body: Any, score: Score, version: str) -> dict[str, Any]:
    """V2: one tensor of rows × features, its data row after row, flat or nested."""
    (tensor,) = body["inputs"]
    rows, columns = tensor["shape"]
    flat = [value for item in tensor["data"] for value in (item if isinstance(item, list) else [item])]
    if columns != len(FEATURES) or len(flat) != rows * columns:
        raise ValueError(f"expected a shape of [rows, {len(FEATURES)}], and as many values")
    scores = [score(flat[start : start + columns]) for start in range(0, len(flat), columns)]
    output = {"name": "score", "datatype": "FP64", "shape": [rows], "data": scores}
    answer = {"model_name": "churn", "model_version": version, "outputs": [output]}
    return answer | ({"id": body["id"]} if "id" in body else {})


def model(version: str) -> web.Application:
    score = scorer(version)
    tensors = {
        "inputs": [{"name": "rows", "datatype": "FP64", "shape": [-1, len(FEATURES)]}],
        "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1]}],
    }
    facts = {
        "/v1/models": {"models": ["churn"]},
        "/v1/models/churn": {"name": "churn", "ready": True},
        "/v2": {"name": f"watchtower demo {version}", "version": version, "extensions": []},
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        "/v2/models/churn": {"name": "churn", "versions": [version], "platform": "python", **tensors},
        "/v2/models/churn/ready": {"name": "churn", "ready": True},
    }

    async def tell(request: web.Request) -> web.Response:
        return web.json_response(facts[request.path])

    app = web.Application()
    app.add_routes([web.get(path, tell) for path in facts])
    app.router.add_post("/v1/models/churn:predict", answering(lambda body: predict(body, score)))
    app.router.add_post("/v2/models/churn/infer", answering(lambda body: infer(body, score, version)))
    return app


_NO_QUESTION: Final = (LookupError, TypeError, ValueError, OverflowError, RecursionError, web.RequestPayloadError)


def answering(work: Callable[[Any], dict[str, Any]]) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(work(await request.json()))
        except _NO_QUESTION as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return answer


async def serve(version: str, port: int) -> None:
    """Until whoever started it closes our standard input, so that no model outlives its demo."""
    runner = web.AppRunner(model(version), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m watchtower.demo", description="A small model; prints its port.")
    parser.add_argument("version", choices=MODELS)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(args.version, args.port))


if __name__ == "__main__":
    main()

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from sidecar import until
from watchtower.address import Address
from watchtower.commands.demo import beside_models, free_address, started_model, what_to_try
from watchtower.config.load import from_flags
from watchtower.demo import infer, model, predict, scorer
from watchtower.errors import StartError

DEADLINE_S = 20.0
ROW = [12, 70, 3]
NAMED = {"months": 12, "monthly_charge": 70, "complaints": 3}


def tensor(data: list[Any], rows: int) -> dict[str, Any]:
    return {"inputs": [{"name": "rows", "datatype": "FP64", "shape": [rows, 3], "data": data}]}


@pytest.mark.parametrize(("version", "expected"), [("v1", 0.715042), ("v2", 0.820538)])
def test_a_score_is_a_logistic_regression(version: str, expected: float) -> None:
    assert expected == scorer(version)(ROW)


@pytest.mark.parametrize("row", [[1e300, 0, 0], [0, 1e300, 0]])
def test_a_score_is_a_chance_however_odd_the_row(row: list[float]) -> None:
    assert 0 <= scorer("v1")(row) <= 1


@pytest.mark.parametrize("instance", [ROW, NAMED])
def test_v1_takes_lists_and_objects(instance: Any) -> None:
    score = scorer("v1")

    assert {"predictions": [score(ROW)]} == predict({"instances": [instance]}, score)


@pytest.mark.parametrize("data", [[*ROW, 1, 2, 3], [ROW, [1, 2, 3]]])
def test_v2_reads_rows_one_after_the_other(data: list[Any]) -> None:
    score = scorer("v2")
    (output,) = infer(tensor(data, 2), score, "v2")["outputs"]

    assert [score(ROW), score([1, 2, 3])] == output["data"]


def test_v2_returns_the_id() -> None:
    score = scorer("v1")
    answer = infer({"id": "a1", **tensor(ROW, 1)}, score, "v1")

    assert answer["id"] == "a1"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/churn:predict", b"{"),
        ("/v1/models/churn:predict", b"[]"),
        ("/v1/models/churn:predict", b"[" * 100_000),
        ("/v1/models/churn:predict", b'{"instances": [[1]]}'),
        ("/v1/models/churn:predict", b'{"instances": [{"months": 1}]}'),
        ("/v2/models/churn/infer", b'{"inputs": []}'),
        ("/v2/models/churn/infer", b'{"inputs": [{"shape": [2, 3], "data": [1, 2, 3]}]}'),
    ],
)
def test_what_is_no_question_gets_a_400(path: str, body: bytes) -> None:
    async def status() -> int:
        async with TestClient(TestServer(model("v1"))) as client:
            return (await client.post(path, data=body)).status

    assert asyncio.run(status()) == 400


def test_what_is_not_in_the_coding_that_it_says_gets_a_400() -> None:
    async def status() -> int:
        async with TestClient(TestServer(model("v1"))) as client:
            headers = {"content-encoding": "gzip"}
            return (await client.post("/v1/models/churn:predict", data=b"no gzip", headers=headers)).status

    assert asyncio.run(status()) == 400


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/models", "/v1/models/churn", "/v2", "/v2/health/live", "/v2/health/ready"),
        *("/v2/models/churn", "/v2/models/churn/ready"),
    ],
)
def test_facts_are_told(path: str) -> None:
    async def status() -> int:
        async with TestClient(TestServer(model("v1"))) as client:
            return (await client.get(path)).status

    assert asyncio.run(status()) == 200


def test_a_port_that_is_taken_is_named_with_its_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StartError) as caught:
            free_address(Address("127.0.0.1", port), "--listen")

    told = f"127.0.0.1:{port}: Address already in use; pass --listen 127.0.0.1:0 for any free port"
    assert told == str(caught.value)


def test_any_free_port_is_known_before_anything_runs() -> None:
    assert free_address(Address("127.0.0.1", 0), "--listen").port > 0


@pytest.mark.slow
def test_what_to_try_works_against_a_model() -> None:
    """The lines that ask are given to the model itself: the sidecar changes nothing of them."""

    async def answer(line: str) -> Any:
        _, url, _, body = shlex.split(line)
        async with ClientSession() as client, client.post(url, data=body) as response:
            return json.loads(await response.read())

    with started_model("v1") as url:
        given = from_flags(url, (), "127.0.0.1:0", "127.0.0.1:0", "my data")
        config = beside_models(given, url, url)
        told = what_to_try(config, url, url).replace(config.listen.address, url.removeprefix("http://"))
        v1, v2 = (asyncio.run(answer(line)) for line in told.splitlines() if " -d " in line and "/models/" in line)

    assert v1["predictions"] == v2["outputs"][0]["data"]


def test_a_data_dir_is_quoted_where_it_is_to_be_pasted() -> None:
    config = from_flags("http://127.0.0.1:8000", data_dir="my data")

    assert "--data-dir 'my data'" in what_to_try(config, "http://a", "http://b")


@pytest.mark.slow
@pytest.mark.needs_debian
def test_every_line_that_the_demo_prints_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("fail\nsilent\n", encoding="utf-8")
    ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", str(tmp_path / "my data")]
    command = [sys.executable, "-m", "watchtower", "demo", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        deadline = Timer(3 * DEADLINE_S, demo.kill)  # Evidently takes seconds alone, and more beside other work
        deadline.start()
        told = list(takewhile(lambda line: '"serving"' not in line, demo.stdout or ()))
        lines = [line.strip() for line in told if line.startswith("  ")]
        environ = {**os.environ, "CURL_HOME": str(tmp_path)}

        def pasted(line: str) -> int:
            return subprocess.run(line, shell=True, env=environ, timeout=DEADLINE_S, check=False).returncode

        # Worse; an alarm, or none yet; a page; rows. The analyst tells it when it has read what was sent.
        told_statuses = {"compare": {1}, "drift": {0, 1}, "report": {0}, "query": {0}}
        asked = {command: next(line for line in lines if f" {command} " in line) for command in told_statuses}
        installing = [line for line in lines if " pip install " in line]  # a test leaves its own environment alone
        ended = {line: pasted(line) for line in lines if line not in {*asked.values(), *installing}}
        is_told = all(until(partial(_has_ended, pasted, line, told_statuses[name])) for name, line in asked.items())
        demo.send_signal(signal.SIGINT)
        demo.wait(DEADLINE_S)
        deadline.cancel()

    assert [line for line, status in ended.items() if status] == []
    assert (len(lines), len(installing), is_told, demo.returncode) == (15, 1, True, 0)


def _has_ended(pasted: Callable[[str], int], line: str, statuses: set[int]) -> bool:
    return pasted(line) in statuses


@pytest.mark.slow
def test_a_model_ends_with_who_started_it() -> None:
    with started_model("v2") as url:
        port = int(url.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))

"""Servers close connections that were idle for some time; a request that meets a closing one must not fail."""

import http.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import servers

from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar

pytestmark = pytest.mark.slow

SERVER_KEEPS_S = 1
# Around the moment at which the server closes: the request arrives shortly before, with, or shortly after the FIN.
PAUSES_S = tuple(SERVER_KEEPS_S + number / 1000 for number in range(-80, 100, 10))
SERVERS: tuple[Callable[..., AbstractContextManager[str]], ...] = (servers.uvicorn, servers.gunicorn)


@pytest.fixture(params=SERVERS, ids=["uvicorn", "gunicorn"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param(keep_alive=SERVER_KEEPS_S) as at:
        yield at


def statuses(sidecar: Sidecar, method: str) -> set[int]:
    """Of requests one by one on kept connections, each after another pause."""
    with ThreadPoolExecutor(len(PAUSES_S)) as threads:
        asked = [threads.submit(_ask_with_pauses, sidecar, method, pause) for pause in PAUSES_S]
        return {status for answers in asked for status in answers.result(DEADLINE_S)}


def _ask_with_pauses(sidecar: Sidecar, method: str, pause_s: float) -> list[int]:
    client = http.client.HTTPConnection(sidecar.host, sidecar.port, timeout=DEADLINE_S)
    found = []
    for number in range(3):
        Event().wait(pause_s if number else 0)
        client.request(method, "/echo", b"body" if method == "POST" else None)
        answer = client.getresponse()
        answer.read()
        found.append(answer.status)
    client.close()
    return found


def test_we_close_first_by_default_so_that_no_request_fails(tmp_path: Path, url: str) -> None:
    pool = {"keep_alive": "700ms"}  # to the server's second what the default is to gunicorn's two
    with running_sidecar(tmp_path, {"endpoints": [endpoint(url, pool=pool, retry="never")]}) as sidecar:
        assert statuses(sidecar, "POST") == {200}


@pytest.mark.parametrize(("method", "retry"), [("GET", "safe"), ("POST", "always")])
def test_what_meets_a_closing_connection_is_sent_once_more(tmp_path: Path, url: str, method: str, retry: Any) -> None:
    pool = {"keep_alive": "1h"}
    with running_sidecar(tmp_path, {"endpoints": [endpoint(url, pool=pool, retry=retry)]}) as sidecar:
        assert statuses(sidecar, method) == {200}

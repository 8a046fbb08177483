"""Upstreams that we did not write, asked through the sidecar; the Host field says which one is meant."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import servers
from answers import EVENTS, LINES, ZIPPED, NewHandler, OldHandler
from urllib3 import BaseHTTPResponse, HTTPConnectionPool

from background import background
from sidecar import Sidecar, endpoint, running_sidecar

pytestmark = pytest.mark.slow

SERVERS = ("uvicorn", "gunicorn", "aiohttp", "http.server-1.0", "http.server-1.1")


class Asker:
    """A client of the sidecar that addresses one server."""

    def __init__(self, pool: HTTPConnectionPool, server: str) -> None:
        self._pool = pool
        self._server = server

    def ask(self, method: str, path: str, **more: Any) -> BaseHTTPResponse:
        fields = {"Host": self._server, **more.pop("headers", {})}
        return self._pool.urlopen(method, path, headers=fields, redirect=False, retries=False, **more)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with ExitStack() as stack:
        urls = {
            "uvicorn": stack.enter_context(servers.uvicorn()),
            "gunicorn": stack.enter_context(servers.gunicorn()),
            "aiohttp": stack.enter_context(servers.aiohttp_server(stack.enter_context(background()))),
            "http.server-1.0": stack.enter_context(servers.http_server(OldHandler)),
            "http.server-1.1": stack.enter_context(servers.http_server(NewHandler)),
        }
        endpoints = [{**endpoint(url), "name": name, "match": {"host": name}} for name, url in urls.items()]
        yield stack.enter_context(running_sidecar(tmp_path_factory.mktemp("servers"), {"endpoints": endpoints}))


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, sidecar: Sidecar) -> Iterator[Asker]:
    with HTTPConnectionPool(sidecar.host, sidecar.port, maxsize=1, timeout=20.0) as pool:
        yield Asker(pool, request.param)


def test_an_answer_arrives(server: Asker) -> None:
    answer = server.ask("GET", "/hello")

    assert (answer.status, answer.json()) == (200, {"method": "GET", "path": "/hello"})


def test_a_body_with_a_length_arrives_and_returns(server: Asker) -> None:
    body = bytes(range(256)) * 1024

    assert server.ask("POST", "/echo", body=body).data == body


def test_an_empty_body_arrives_and_returns(server: Asker) -> None:
    assert server.ask("POST", "/echo", body=b"").data == b""


def test_a_streamed_answer_arrives_whole(server: Asker) -> None:
    assert server.ask("GET", "/stream").data == b"".join(LINES)


def test_server_sent_events_arrive_whole(server: Asker) -> None:
    answer = server.ask("GET", "/events")

    assert (answer.headers["Content-Type"], answer.data) == ("text/event-stream", b"".join(EVENTS))


def test_a_compressed_answer_passes_untouched(server: Asker) -> None:
    answer = server.ask("GET", "/zipped", decode_content=False)

    assert (answer.headers["Content-Encoding"], answer.data) == ("gzip", ZIPPED)


def test_the_answer_to_head_has_no_body_and_the_connection_goes_on(server: Asker) -> None:
    answer = server.ask("HEAD", "/hello")
    after = server.ask("GET", "/hello")

    assert (answer.status, answer.data, after.status) == (200, b"", 200)


def test_an_answer_without_content_leaves_the_connection_usable(server: Asker) -> None:
    answer = server.ask("GET", "/nothing")
    after = server.ask("GET", "/hello")

    assert (answer.status, answer.data, after.status) == (204, b"", 200)


def test_a_redirect_is_the_clients_business(server: Asker) -> None:
    answer = server.ask("GET", "/moved")

    assert (answer.status, answer.headers["Location"]) == (302, "/hello")


def test_cookies_pass_both_ways_each_in_its_own_field(server: Asker) -> None:
    answer = server.ask("GET", "/cookies", headers={"Cookie": "c=3; d=4"})

    assert (answer.headers.getlist("Set-Cookie"), answer.data) == (["a=1", "b=2"], b"c=3; d=4")


def test_an_error_of_the_server_passes_with_its_body(server: Asker) -> None:
    answer = server.ask("GET", "/missing")

    assert (answer.status, answer.data) == (404, b"not here")


@pytest.mark.parametrize("server", [name for name in SERVERS if name != "http.server-1.0"], indirect=True)
def test_a_chunked_upload_arrives_and_returns(server: Asker) -> None:
    parts = [b"part %d " % number for number in range(100)]

    assert server.ask("POST", "/echo", body=iter(parts), chunked=True).data == b"".join(parts)


def test_many_requests_in_a_row_are_answered_each_with_its_own(server: Asker) -> None:
    bodies = [b"%d" % number * 100 for number in range(20)]

    assert [server.ask("POST", "/echo", body=body).data for body in bodies] == bodies

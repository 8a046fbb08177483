"""Clients that we did not write, in front of the sidecar."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import aiohttp
import httpx
import pytest
import requests
import servers
import urllib3
from answers import EVENTS, LINES

from background import background
from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar

pytestmark = pytest.mark.slow

PARTS = tuple(b"part %d " % number for number in range(100))


class Got(NamedTuple):
    status: int
    fields: dict[str, str]  # by lower-case name
    body: bytes


# Asks several requests, one after the other, on one connection if the client keeps one. A body of parts has no length.
Client = Callable[[str, "Iterable[Asked]"], list[Got]]


class Asked(NamedTuple):
    method: str
    path: str
    body: bytes | None = None
    parts: tuple[bytes, ...] | None = None


def by_requests(url: str, asked: Iterable[Asked]) -> list[Got]:
    found = []
    with requests.Session() as session:
        for one in asked:
            body = iter(one.parts) if one.parts is not None else one.body
            answer = session.request(one.method, url + one.path, data=body, allow_redirects=False, timeout=DEADLINE_S)
            found.append(Got(answer.status_code, _lower(answer.headers.items()), answer.content))
    return found


def by_httpx(url: str, asked: Iterable[Asked]) -> list[Got]:
    found = []
    with httpx.Client(timeout=DEADLINE_S) as client:
        for one in asked:
            body = iter(one.parts) if one.parts is not None else one.body
            answer = client.request(one.method, url + one.path, content=body)
            found.append(Got(answer.status_code, _lower(answer.headers.items()), answer.content))
    return found


def by_urllib3(url: str, asked: Iterable[Asked]) -> list[Got]:
    found = []
    with urllib3.PoolManager(maxsize=1, timeout=DEADLINE_S) as pool:
        for one in asked:
            body = iter(one.parts) if one.parts is not None else one.body
            answer = pool.urlopen(one.method, url + one.path, body=body, redirect=False, retries=False)
            found.append(Got(answer.status, _lower(answer.headers.items()), answer.data))
    return found


def by_http_client(url: str, asked: Iterable[Asked]) -> list[Got]:
    found = []
    client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=DEADLINE_S)
    for one in asked:
        body = iter(one.parts) if one.parts is not None else one.body
        client.request(one.method, one.path, body, encode_chunked=one.parts is not None)
        answer = client.getresponse()
        found.append(Got(answer.status, _lower(answer.getheaders()), answer.read()))
    client.close()
    return found


def by_aiohttp(url: str, asked: Iterable[Asked]) -> list[Got]:
    async def ask() -> list[Got]:
        found = []
        async with aiohttp.ClientSession(auto_decompress=True) as session:
            for one in asked:
                body = _sent_in_parts(one.parts) if one.parts is not None else one.body
                async with session.request(one.method, url + one.path, data=body, allow_redirects=False) as answer:
                    found.append(Got(answer.status, _lower(answer.headers.items()), await answer.read()))
        return found

    return asyncio.run(ask())


async def _sent_in_parts(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _lower(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in fields}


CLIENTS: dict[str, Client] = {
    "requests": by_requests,
    "httpx": by_httpx,
    "urllib3": by_urllib3,
    "http.client": by_http_client,
    "aiohttp": by_aiohttp,
}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with ExitStack() as stack:
        url = stack.enter_context(servers.aiohttp_server(stack.enter_context(background())))
        yield stack.enter_context(running_sidecar(tmp_path_factory.mktemp("clients"), {"endpoints": [endpoint(url)]}))


@pytest.fixture(params=list(CLIENTS.values()), ids=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> Client:
    asks: Client = request.param
    return asks


def test_an_answer_arrives_with_the_marks_of_the_sidecar(client: Client, sidecar: Sidecar) -> None:
    [got] = client(sidecar.url, [Asked("GET", "/hello")])

    assert (got.status, got.fields["x-watchtower-variant"]) == (200, "only")
    assert got.fields["x-request-id"]


def test_a_body_arrives_and_returns(client: Client, sidecar: Sidecar) -> None:
    [got] = client(sidecar.url, [Asked("POST", "/echo", bytes(range(256)) * 4096)])

    assert got.body == bytes(range(256)) * 4096


def test_a_body_in_parts_arrives_and_returns(client: Client, sidecar: Sidecar) -> None:
    [got] = client(sidecar.url, [Asked("POST", "/echo", parts=PARTS)])

    assert got.body == b"".join(PARTS)


@pytest.mark.parametrize(("path", "parts"), [("/stream", LINES), ("/events", EVENTS)])
def test_a_streamed_answer_arrives_whole(client: Client, sidecar: Sidecar, path: str, parts: tuple[bytes, ...]) -> None:
    [got] = client(sidecar.url, [Asked("GET", path)])

    assert got.body == b"".join(parts)


def test_answers_of_every_kind_follow_each_other_on_one_connection(client: Client, sidecar: Sidecar) -> None:
    asked = [
        Asked("GET", "/hello"),
        Asked("HEAD", "/hello"),
        Asked("GET", "/nothing"),
        Asked("GET", "/moved"),
        Asked("POST", "/echo", b""),
        Asked("GET", "/stream"),
        Asked("POST", "/echo", parts=()),
        Asked("DELETE", "/hello"),
        Asked("GET", "/missing"),
        Asked("PUT", "/echo", b"last"),
    ]

    got = client(sidecar.url, asked)

    assert [one.status for one in got] == [200, 200, 204, 302, 200, 200, 200, 200, 404, 200]
    assert got[-1].body == b"last"

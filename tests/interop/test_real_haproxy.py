"""HAProxy before us, as a load balancer is, and behind us, as a model's own proxy is."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import servers
from answers import EVENTS, LINES, ZIPPED
from urllib3 import HTTPConnectionPool

from background import Background, Load, background
from sidecar import Sidecar, endpoint, running_sidecar, until

pytestmark = [pytest.mark.slow, pytest.mark.needs_debian]


class Chain(NamedTuple):
    at: Background
    url: str  # for clients
    sidecar: Sidecar


@pytest.fixture(scope="module", params=["before us", "behind us"])
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder, is_before = tmp_path_factory.mktemp("haproxy"), request.param == "before us"
    with ExitStack() as stack:
        at = stack.enter_context(background())
        url = stack.enter_context(servers.aiohttp_server(at))
        if not is_before:
            url = stack.enter_context(servers.haproxy(folder / "haproxy", url))
        sidecar = stack.enter_context(running_sidecar(folder, {"endpoints": [endpoint(url)]}))
        url = stack.enter_context(servers.haproxy(folder / "haproxy", sidecar.url)) if is_before else sidecar.url
        yield Chain(at, url, sidecar)


@pytest.fixture
def pool(chain: Chain) -> Iterator[HTTPConnectionPool]:
    at = urlsplit(chain.url)
    with HTTPConnectionPool(at.hostname or "", at.port, maxsize=1, retries=False, timeout=20.0) as made:
        yield made


def test_an_answer_arrives(pool: HTTPConnectionPool) -> None:
    answer = pool.urlopen("GET", "/hello")

    assert (answer.status, answer.json()) == (200, {"method": "GET", "path": "/hello"})


def test_a_body_with_a_length_arrives_and_returns(pool: HTTPConnectionPool) -> None:
    body = bytes(range(256)) * 4096

    assert pool.urlopen("POST", "/echo", body=body).data == body


def test_a_chunked_body_arrives_and_returns(pool: HTTPConnectionPool) -> None:
    parts = [b"a" * size for size in (1, 100, 70_000)]

    assert pool.urlopen("POST", "/echo", body=iter(parts), chunked=True).data == b"".join(parts)


@pytest.mark.parametrize(
    ("path", "expected"), [("/stream", b"".join(LINES)), ("/events", b"".join(EVENTS)), ("/zipped", ZIPPED)]
)
def test_an_answer_in_parts_or_compressed_passes_untouched(
    pool: HTTPConnectionPool, path: str, expected: bytes
) -> None:
    assert pool.urlopen("GET", path, decode_content=False).data == expected


@pytest.mark.parametrize(("method", "path", "status"), [("HEAD", "/hello", 200), ("GET", "/nothing", 204)])
def test_an_answer_without_a_body_leaves_the_connection_usable(
    pool: HTTPConnectionPool, method: str, path: str, status: int
) -> None:
    statuses = [pool.urlopen(method, path).status, pool.urlopen("GET", "/hello").status]

    assert (statuses, pool.num_connections) == ([status, 200], 1)


def test_many_requests_pass_on_one_connection(pool: HTTPConnectionPool) -> None:
    statuses = {pool.urlopen("GET", "/hello").status for _ in range(300)}

    assert (statuses, pool.num_connections) == ({200}, 1)


def test_a_reload_loses_no_request(chain: Chain) -> None:
    at = urlsplit(chain.url)
    clients = Load(chain.at, at.hostname or "", at.port or 0, 4)
    for _ in range(2):
        clients.wait_for(50)
        assert chain.sidecar.reload()["is_adopted"]
    assert until(lambda: not chain.sidecar.workers("retiring"))
    clients.wait_for(50)
    clients.stop()

    assert set(clients.seen) == {200}

"""nginx as the model, at a Unix socket; and nginx's own way of saying things."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import servers
from urllib3 import HTTPConnectionPool

from sidecar import Sidecar, endpoint, running_sidecar

pytestmark = [pytest.mark.slow, pytest.mark.needs_debian]


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("nginx")
    with ExitStack() as stack:
        url = stack.enter_context(servers.nginx(folder / "nginx"))
        yield stack.enter_context(running_sidecar(folder, {"endpoints": [endpoint(url)]}))


@pytest.fixture
def pool(sidecar: Sidecar) -> Iterator[HTTPConnectionPool]:
    with HTTPConnectionPool(sidecar.host, sidecar.port, maxsize=1, retries=False, timeout=20.0) as made:
        yield made


def test_an_answer_arrives_from_a_unix_socket(pool: HTTPConnectionPool) -> None:
    assert pool.urlopen("GET", "/hello").json() == {"hello": True}


def test_an_answer_compressed_on_the_way_passes_untouched(pool: HTTPConnectionPool) -> None:
    answer = pool.urlopen("GET", "/file", headers={"Accept-Encoding": "gzip"}, decode_content=False)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == b"squeezed" * 100


def test_a_part_that_was_asked_for_passes_as_that_part(pool: HTTPConnectionPool) -> None:
    answer = pool.urlopen("GET", "/file", headers={"Range": "bytes=8-15"})

    assert (answer.status, answer.data, answer.headers["Content-Range"]) == (206, b"squeezed", "bytes 8-15/800")


def test_an_answer_that_nothing_changed_has_no_body_and_the_connection_goes_on(pool: HTTPConnectionPool) -> None:
    first = pool.urlopen("GET", "/file")
    again = pool.urlopen("GET", "/file", headers={"If-None-Match": first.headers["ETag"]})
    after = pool.urlopen("GET", "/file")

    assert (again.status, again.data, after.status) == (304, b"", 200)


def test_the_length_in_an_answer_to_head_is_that_of_get(pool: HTTPConnectionPool) -> None:
    answer = pool.urlopen("HEAD", "/file")

    assert (answer.headers["Content-Length"], answer.data) == ("800", b"")


def test_a_redirect_is_the_clients_business(pool: HTTPConnectionPool) -> None:
    assert pool.urlopen("GET", "/moved", redirect=False).status == 302


def test_an_answer_without_content_passes(pool: HTTPConnectionPool) -> None:
    assert pool.urlopen("GET", "/nothing").status == 204


def test_a_thousand_requests_on_one_connection_outlive_nginxs_own_limit(pool: HTTPConnectionPool) -> None:
    statuses = {pool.urlopen("GET", "/hello").status for _ in range(1100)}

    assert statuses == {200}
    assert pool.num_connections == 1

"""TLS on both sides, with an authority of the test's own."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import servers
from trustme import CA

from background import Background, background
from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow

NAMES = ("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def ca() -> CA:
    return CA()


@pytest.fixture(scope="module")
def ca_file(ca: CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def at() -> Iterator[Background]:
    with background() as made:
        yield made


def issued(ca: CA, path: Path) -> str:
    """A new certificate, with its key, in one file."""
    ca.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


def server_side(ca: CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*NAMES).configure_cert(context)
    return context


def client_side(ca: CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def ask(sidecar: Sidecar, tls: ssl.SSLContext | None = None) -> int:
    if tls is None:
        client = http.client.HTTPConnection(sidecar.host, sidecar.port, timeout=DEADLINE_S)
    else:
        client = http.client.HTTPSConnection(sidecar.host, sidecar.port, timeout=DEADLINE_S, context=tls)
    with closing(client):
        client.request("GET", "/hello")
        answer = client.getresponse()
        answer.read()
        return answer.status


def upstream_status(folder: Path, url: str, tls: Mapping[str, Any]) -> int:
    """What a client gets from an https upstream that is trusted like this."""
    configured = endpoint(url)
    configured["variants"][0]["tls"] = tls
    with running_sidecar(folder, {"endpoints": [configured]}) as sidecar:
        status = ask(sidecar)
        assert sidecar.differences(1) == []
    return status


def test_an_upstream_whose_authority_is_configured_is_trusted(
    tmp_path: Path, at: Background, ca: CA, ca_file: str
) -> None:
    with servers.aiohttp_server(at, server_side(ca)) as url:
        assert upstream_status(tmp_path, url, {"ca": ca_file}) == 200


def test_an_upstream_of_another_authority_is_not_talked_to(tmp_path: Path, at: Background, ca_file: str) -> None:
    with servers.aiohttp_server(at, server_side(CA())) as url:
        assert upstream_status(tmp_path, url, {"ca": ca_file}) == 502


def test_an_upstream_is_verified_by_default(tmp_path: Path, at: Background, ca: CA) -> None:
    with servers.aiohttp_server(at, server_side(ca)) as url:
        assert upstream_status(tmp_path, url, {}) == 502


def test_an_upstream_is_not_verified_where_the_operator_says_so(tmp_path: Path, at: Background) -> None:
    with servers.aiohttp_server(at, server_side(CA())) as url:
        assert upstream_status(tmp_path, url, {"verify": False}) == 200


def test_an_upstream_must_have_the_name_that_is_asked_for(tmp_path: Path, at: Background, ca: CA, ca_file: str) -> None:
    with servers.aiohttp_server(at, server_side(ca)) as url:
        assert upstream_status(tmp_path, url, {"ca": ca_file, "server_name": "another.example"}) == 502


def test_an_upstream_may_have_a_name_that_is_not_in_its_url(
    tmp_path: Path, at: Background, ca: CA, ca_file: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("model.example").configure_cert(context)
    with servers.aiohttp_server(at, context) as url:
        assert upstream_status(tmp_path, url, {"ca": ca_file, "server_name": "model.example"}) == 200


@pytest.mark.parametrize(("is_shown", "status"), [(True, 200), (False, 502)])
def test_an_upstream_may_ask_for_our_certificate(
    tmp_path: Path, at: Background, ca: CA, ca_file: str, is_shown: bool, status: int
) -> None:
    context = server_side(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    own = {"cert": issued(ca, tmp_path / "own.pem")} if is_shown else {}
    with servers.aiohttp_server(at, context) as url:
        assert upstream_status(tmp_path, url, {"ca": ca_file, **own}) == status


def readiness(folder: Path, url: str, authority: Path, server_name: str) -> tuple[int, list[str]]:
    """Of a sidecar whose upstream's authority can be read at the start only."""
    configured = endpoint(url)
    configured["variants"][0]["tls"] = {"ca": str(authority), "server_name": server_name}
    admin = {"listen": "127.0.0.1:0", "probe": "/hello"}
    with running_sidecar(folder, {"endpoints": [configured], "admin": admin}) as sidecar:
        authority.unlink()
        client = http.client.HTTPConnection(sidecar.admin, timeout=DEADLINE_S)
        with closing(client):
            client.request("GET", "/readyz")
            answer = client.getresponse()
            return answer.status, json.load(answer)["waiting_for"]


@pytest.fixture
def named_upstream(at: Background, ca: CA) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("model.example").configure_cert(context)
    with servers.aiohttp_server(at, context) as url:
        yield url


@pytest.fixture
def authority(tmp_path: Path, ca: CA) -> Path:
    path = tmp_path / "authority.pem"
    ca.cert_pem.write_to_path(path)
    return path


def test_a_probe_asks_for_the_name_that_is_configured(tmp_path: Path, named_upstream: str, authority: Path) -> None:
    assert readiness(tmp_path, named_upstream, authority, "model.example") == (200, [])


def test_a_probe_of_an_upstream_with_another_name_says_so(tmp_path: Path, named_upstream: str, authority: Path) -> None:
    status, [why] = readiness(tmp_path, named_upstream, authority, "another.example")

    assert (status, "Hostname mismatch" in why) == (503, True)


@pytest.fixture
def cert(tmp_path: Path, ca: CA) -> str:
    return issued(ca, tmp_path / "cert.pem")


@pytest.fixture
def tls_sidecar(tmp_path: Path, at: Background, cert: str) -> Iterator[Sidecar]:
    with ExitStack() as stack:
        url = stack.enter_context(servers.aiohttp_server(at))
        listen = {"address": "127.0.0.1:0", "tls": {"cert": cert}}
        yield stack.enter_context(running_sidecar(tmp_path, {"listen": listen, "endpoints": [endpoint(url)]}))


def test_clients_are_answered_over_tls(tls_sidecar: Sidecar, ca: CA) -> None:
    assert ask(tls_sidecar, client_side(ca)) == 200


def test_the_protocol_agreed_on_is_http11(tls_sidecar: Sidecar, ca: CA) -> None:
    context = client_side(ca)
    context.set_alpn_protocols(["h2", "http/1.1"])

    with (
        socket.create_connection((tls_sidecar.host, tls_sidecar.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        assert client.selected_alpn_protocol() == "http/1.1"


def test_a_client_that_speaks_plain_http_to_tls_harms_nobody(tls_sidecar: Sidecar, ca: CA) -> None:
    with socket.create_connection((tls_sidecar.host, tls_sidecar.port), timeout=DEADLINE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: model\r\n\r\n")
        said = client.recv(1024)

    assert not said.startswith(b"HTTP/1.1 200")
    assert ask(tls_sidecar, client_side(ca)) == 200


def test_certificates_are_read_again_on_a_reload(tls_sidecar: Sidecar, ca: CA, cert: str) -> None:
    before = shown(tls_sidecar, ca)
    issued(ca, Path(cert))
    unchanged = shown(tls_sidecar, ca)
    assert tls_sidecar.reload()["is_adopted"]

    assert unchanged == before
    assert shown(tls_sidecar, ca) not in {before, None}


def test_a_broken_certificate_is_refused_and_the_old_one_stays(tls_sidecar: Sidecar, ca: CA, cert: str) -> None:
    before = shown(tls_sidecar, ca)
    Path(cert).write_text("no certificate")
    last = tls_sidecar.reload()

    assert not last["is_adopted"]
    assert cert in last["mistakes"][0]
    assert shown(tls_sidecar, ca) == before


def test_a_client_without_the_certificate_that_is_asked_for_is_not_served(
    tmp_path: Path, at: Background, ca: CA, ca_file: str, cert: str
) -> None:
    listen = {"address": "127.0.0.1:0", "tls": {"cert": cert, "client_ca": ca_file}}
    known = client_side(ca)
    known.load_cert_chain(cert)
    with (
        servers.aiohttp_server(at) as url,
        running_sidecar(tmp_path, {"listen": listen, "endpoints": [endpoint(url)]}) as sidecar,
    ):
        with pytest.raises((ssl.SSLError, OSError)):
            ask(sidecar, client_side(ca))

        assert ask(sidecar, known) == 200
        assert sidecar.totals().value(catalogue.REQUESTS) == 1


def shown(sidecar: Sidecar, ca: CA) -> bytes | None:
    """The certificate that clients see."""
    with (
        socket.create_connection((sidecar.host, sidecar.port), timeout=DEADLINE_S) as plain,
        client_side(ca).wrap_socket(plain, server_hostname="localhost") as client,
    ):
        return client.getpeercert(binary_form=True)

"""Who is just connecting when a worker goes: accepted, but without a request yet."""

import signal
import socket
import ssl
from pathlib import Path

import pytest
from trustme import CA

from sidecar import DEADLINE_S, Sidecar, until
from stage import Stage, stage

pytestmark = pytest.mark.slow

REQUEST = b"GET / HTTP/1.1\r\nHost: model\r\n\r\n"


class SlowTls:
    """A client that says what it has to say in TLS when the test wants it."""

    def __init__(self, connection: socket.socket, ca: CA) -> None:
        context = ssl.create_default_context()
        ca.configure_trust(context)
        self._connection = connection
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname="127.0.0.1")

    def begin(self) -> None:
        """Half of the ClientHello."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        hello = self._goes.read()
        self._connection.sendall(hello[:100])
        self._goes.write(hello[100:])

    def ask(self) -> bytes:
        """The rest, and a request: the first bytes of what is answered."""
        while not self._has_shaken_hands():
            self._exchange()
        self._tls.write(REQUEST)
        while True:
            self._exchange()
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                continue

    def _has_shaken_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def _exchange(self) -> None:
        self._connection.sendall(self._goes.read())
        came = self._connection.recv(65536)
        assert came, "closed without an answer"
        self._came.write(came)


def connected(sidecar: Sidecar) -> socket.socket:
    return socket.create_connection((sidecar.host, sidecar.port), DEADLINE_S)


def go(on: Stage, how: str) -> None:
    """Returns when the worker accepts nobody any more."""
    if how == "reload":
        assert on.sidecar.reload()["is_adopted"]
    else:
        on.sidecar.signal(signal.SIGTERM)
        assert until(lambda: is_refused(on.sidecar))


def is_refused(sidecar: Sidecar) -> bool:
    try:
        connected(sidecar).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("how", ["reload", "stop"])
def test_a_handshake_that_has_begun_is_ended_and_its_request_answered(tmp_path: Path, how: str) -> None:
    ca, cert = CA(), tmp_path / "cert.pem"
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(cert)
    listen = {"address": "127.0.0.1:0", "tls": {"cert": str(cert)}}
    with stage(tmp_path / "sidecar", listen=listen) as on, connected(on.sidecar) as connection:
        client = SlowTls(connection, ca)
        client.begin()
        go(on, how)
        answer = client.ask()

        assert (answer[:12], b"\r\nConnection: close\r\n" in answer) == (b"HTTP/1.1 200", True)


def test_a_request_that_has_begun_is_answered_after_a_reload(tmp_path: Path) -> None:
    with stage(tmp_path) as on, connected(on.sidecar) as connection:
        connection.sendall(REQUEST[:20])
        go(on, "reload")
        connection.sendall(REQUEST[20:])
        answer = connection.recv(65536)

        assert (answer[:12], b"\r\nConnection: close\r\n" in answer) == (b"HTTP/1.1 200", True)


def test_a_request_that_has_begun_is_answered_when_idle_connections_are_closed_already(tmp_path: Path) -> None:
    with stage(tmp_path) as on, connected(on.sidecar) as connection, connected(on.sidecar) as idle:
        connection.sendall(REQUEST[:20])
        go(on, "stop")
        assert idle.recv(1) == b""
        connection.sendall(REQUEST[20:])
        answer = connection.recv(65536)

        assert (answer[:12], b"\r\nConnection: close\r\n" in answer) == (b"HTTP/1.1 200", True)


def test_a_first_request_after_a_reload_is_answered_by_who_accepted_it(tmp_path: Path) -> None:
    with stage(tmp_path) as on, connected(on.sidecar) as connection:
        go(on, "reload")
        connection.sendall(REQUEST)
        answer = connection.recv(65536)

        assert (answer[:12], b"\r\nConnection: close\r\n" in answer) == (b"HTTP/1.1 200", True)


def test_who_has_asked_nothing_is_closed_without_a_reset_by_a_stop(tmp_path: Path) -> None:
    with stage(tmp_path) as on, connected(on.sidecar) as connection:
        on.sidecar.signal(signal.SIGTERM)

        assert connection.recv(1) == b""
        assert on.sidecar.ended() == 0

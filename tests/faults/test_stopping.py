"""SIGTERM and SIGINT: what is in flight ends well, what is idle is closed, and a signal by somebody who has waited forces."""

import http.client
import signal
import socket
import time
from pathlib import Path

import pytest

from sidecar import DEADLINE_S, until
from stage import stage
from watchtower.control.supervisor import PATIENCE

pytestmark = pytest.mark.slow

CLIENTS = 4


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered_before_the_end(tmp_path: Path, how: signal.Signals) -> None:
    with stage(tmp_path, workers=2) as on:
        on.model.stall()
        with on.load(CLIENTS) as clients:
            on.model.wait_until_asked(CLIENTS)
            on.sidecar.signal(how)
            on.sidecar.log.wait_for("draining")
            clients.finish()
            on.model.go_on()

        assert clients.seen == {200: CLIENTS}
        assert on.sidecar.ended() == 0


def test_an_idle_connection_is_closed_at_once(tmp_path: Path) -> None:
    with stage(tmp_path, drain={"deadline": "600s"}) as on:
        client = http.client.HTTPConnection(on.sidecar.host, on.sidecar.port, timeout=DEADLINE_S)
        client.request("GET", "/")
        client.getresponse().read()
        assert client.sock is not None
        on.sidecar.signal(signal.SIGTERM)
        rest = client.sock.recv(1)
        client.close()

        assert rest == b""
        assert on.sidecar.ended() == 0


def test_nobody_new_is_accepted_while_it_drains(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.stall()
        with on.load(1) as clients:
            on.model.wait_until_asked(1)
            on.sidecar.signal(signal.SIGTERM)
            clients.finish()

            assert until(lambda: _is_refused(on.sidecar.host, on.sidecar.port))
            on.model.go_on()


def test_an_answer_given_while_it_drains_says_that_the_connection_ends(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.stall()
        client = http.client.HTTPConnection(on.sidecar.host, on.sidecar.port, timeout=DEADLINE_S)
        client.request("GET", "/")
        on.model.wait_until_asked(1)
        on.sidecar.signal(signal.SIGTERM)
        assert until(lambda: _is_refused(on.sidecar.host, on.sidecar.port))
        on.model.go_on()
        answer = client.getresponse()
        answer.read()
        client.close()

        assert (answer.status, answer.getheader("Connection")) == (200, "close")


def test_the_deadline_ends_what_does_not_end(tmp_path: Path) -> None:
    with stage(tmp_path, drain={"deadline": "200ms"}) as on:
        on.model.stall()
        with on.load(1) as clients:
            on.model.wait_until_asked(1)
            clients.finish()
            on.sidecar.signal(signal.SIGTERM)

            assert on.sidecar.ended() == 0


def test_a_stop_that_arrives_as_two_signals_waits_for_what_is_in_flight(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.stall()
        with on.load(CLIENTS) as clients:
            on.model.wait_until_asked(CLIENTS)
            on.sidecar.signal(signal.SIGTERM)
            on.sidecar.log.wait_for("draining")
            on.sidecar.signal(signal.SIGINT)
            clients.finish()
            on.model.go_on()

        assert clients.seen == {200: CLIENTS}
        assert on.sidecar.ended() == 0


def test_a_signal_after_a_while_does_not_wait_for_the_deadline(tmp_path: Path) -> None:
    with stage(tmp_path, drain={"deadline": "600s"}) as on:
        on.model.stall()
        with on.load(1) as clients:
            on.model.wait_until_asked(1)
            clients.finish()
            on.sidecar.signal(signal.SIGTERM)
            on.sidecar.log.wait_for("draining")
            waited_in_vain = not until(lambda: on.sidecar.process.poll() is not None, PATIENCE)
            begun = time.monotonic()
            on.sidecar.signal(signal.SIGTERM)
            status = on.sidecar.ended()

        assert (waited_in_vain, status) == (True, 0)
        assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_that_come_after_the_end_do_not_spoil_it(tmp_path: Path, how: signal.Signals) -> None:
    with stage(tmp_path) as on:
        on.sidecar.signal(signal.SIGTERM)
        on.sidecar.log.wait_for("stopped")
        while on.sidecar.process.poll() is None:
            on.sidecar.signal(how)

        assert on.sidecar.ended() == 0


def test_what_a_drained_worker_was_told_is_in_the_journal(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        total = on.ask(100).total
        on.sidecar.signal(signal.SIGTERM)
        on.sidecar.ended()

        assert on.sidecar.readable_records() == 2 * total


def _is_refused(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False

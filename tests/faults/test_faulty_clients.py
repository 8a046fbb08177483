"""Clients that read slowly, send slowly, close one side, or leave."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sidecar import DEADLINE_S, Memory, Sidecar, until
from stage import stage
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: model\r\n\r\n"


@contextmanager
def raw_client(sidecar: Sidecar, data: bytes, receive_buffer: int = 0) -> Iterator[socket.socket]:
    client = socket.socket()
    client.settimeout(DEADLINE_S)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    with client:
        client.connect((sidecar.host, sidecar.port))
        client.sendall(data)
        yield client


def rest_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_clients_that_do_not_read_cost_little_memory_and_delay_nobody(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, ExitStack() as stack:
        on.ask(50)
        memory = Memory(on.sidecar.workers()[0])
        on.model.size = 64 * MIB
        already = on.model.asked
        for _ in range(8):
            stack.enter_context(raw_client(on.sidecar, GET, receive_buffer=4096))
        on.model.wait_until_asked(already + 8)
        on.model.size = 2
        others = on.ask(100)

        assert set(others.seen) == {200}
        assert memory.peak_growth() < 16 * MIB


def test_a_client_that_stopped_reading_gets_the_rest_when_it_goes_on(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.size = 8 * MIB
        request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        with raw_client(on.sidecar, request, receive_buffer=4096) as client:
            on.model.wait_until_asked(1)
            others = on.ask(1)
            head, _, body = rest_of(client).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 200")
        assert body == b"x" * 8 * MIB
        assert on.sidecar.differences(others.total + 1) == []


def test_a_client_that_does_not_read_is_given_up_in_time(tmp_path: Path) -> None:
    with stage(tmp_path, limits={"body_timeout": "200ms"}) as on:
        on.model.size = 64 * MIB
        with raw_client(on.sidecar, GET, receive_buffer=4096):
            assert until(lambda: on.sidecar.totals().by(catalogue.REQUEST_OUTCOMES, "outcome")["cancelled"] == 1)

        assert on.sidecar.differences(1) == []


def test_heads_that_trickle_in_are_ended_and_delay_nobody(tmp_path: Path) -> None:
    with stage(tmp_path, limits={"head_timeout": "300ms"}) as on, ExitStack() as stack:
        slow = [stack.enter_context(raw_client(on.sidecar, GET[:-2])) for _ in range(100)]
        others = on.ask(100)
        answers = {rest_of(client).split(b"\r\n")[0] for client in slow}

        assert set(others.seen) == {200}
        assert answers == {b"HTTP/1.1 408 Request Timeout"}
        assert on.sidecar.totals().by(catalogue.REFUSALS, "reason")["head_timeout"] == 100
        assert on.sidecar.differences(others.total) == []


def test_bodies_that_stop_arriving_are_ended_and_counted(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: model\r\nContent-Length: 10\r\n\r\n"
    with stage(tmp_path, shadow={}, limits={"body_timeout": "300ms"}) as on, ExitStack() as stack:
        slow = [stack.enter_context(raw_client(on.sidecar, head + b"half")) for _ in range(20)]
        answers = {rest_of(client).split(b"\r\n")[0] for client in slow}

        assert answers == {b"HTTP/1.1 408 Request Timeout"}
        assert on.sidecar.differences(20) == []


def test_clients_that_leave_are_counted_as_cancelled(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        on.model.stall()
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(raw_client(on.sidecar, GET))
            on.model.wait_until_asked(20)
        on.model.go_on()

        assert on.sidecar.differences(20) == []
        assert on.sidecar.totals().by(catalogue.REQUEST_OUTCOMES, "outcome")["cancelled"] == 20


def test_clients_that_leave_in_the_middle_of_an_answer_are_counted_as_cancelled(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.size = 64 * MIB
        for _ in range(5):
            with raw_client(on.sidecar, GET) as client:
                client.recv(1)

        assert on.sidecar.differences(5) == []
        assert on.sidecar.totals().by(catalogue.REQUEST_OUTCOMES, "outcome")["cancelled"] == 5


def test_a_client_that_closes_its_sending_side_leaves_nothing_behind(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.model.stall()
        with raw_client(on.sidecar, GET) as client:
            on.model.wait_until_asked(1)
            client.shutdown(socket.SHUT_WR)
            assert rest_of(client) == b""
        on.model.go_on()

        assert on.sidecar.differences(1) == []


def test_clients_that_reset_their_connections_leave_nothing_behind(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        on.model.stall()
        with ExitStack() as stack:
            for _ in range(20):
                client = stack.enter_context(raw_client(on.sidecar, GET))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            on.model.wait_until_asked(20)
        on.model.go_on()

        assert on.sidecar.differences(20) == []
        assert until(lambda: on.sidecar.totals().value(catalogue.CLIENT_CONNECTIONS) == 0)


def test_connections_that_never_say_anything_delay_nobody(tmp_path: Path) -> None:
    with stage(tmp_path) as on, ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(raw_client(on.sidecar, b""))

        assert set(on.ask(100).seen) == {200}

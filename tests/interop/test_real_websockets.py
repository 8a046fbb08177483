"""WebSockets through the sidecar, between the websockets library's own client and server."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar, until
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow


def echo(connection: ServerConnection) -> None:
    for message in connection:
        if message == "break":
            connection.close(4001, "as asked")
        elif message == "vanish":
            connection.socket.close()
        else:
            connection.send(message)


def refuse_some(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(403, "not you") if request.path == "/refused" else None


def last_of(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[-1] if offered else None


@contextmanager
def echo_server() -> Iterator[Server]:
    with serve(echo, "127.0.0.1", 0, process_request=refuse_some, select_subprotocol=last_of) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(DEADLINE_S)


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    with ExitStack() as stack:
        port = stack.enter_context(echo_server()).socket.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        mirrored = [{"name": "v2", "url": "http://127.0.0.1:9"}]
        yield stack.enter_context(running_sidecar(tmp_path, {"endpoints": [endpoint(url, shadows=mirrored)]}))


def connection_to(sidecar: Sidecar, path: str = "/") -> ClientConnection:
    return connect(f"ws://{sidecar.listen}{path}", max_size=None, proxy=None)


def test_texts_and_bytes_go_and_return(sidecar: Sidecar) -> None:
    with connection_to(sidecar) as client:
        client.send("text")
        text = client.recv(DEADLINE_S)
        client.send(bytes(range(256)))
        data = client.recv(DEADLINE_S)

    assert (text, data) == ("text", bytes(range(256)))


def test_a_large_message_goes_and_returns(sidecar: Sidecar) -> None:
    message = b"x" * 900_000
    with connection_to(sidecar) as client:
        client.send(message)

        assert client.recv(DEADLINE_S) == message


def test_a_subprotocol_is_agreed_on_by_the_two_ends(sidecar: Sidecar) -> None:
    with connect(
        f"ws://{sidecar.listen}/", subprotocols=[Subprotocol("first"), Subprotocol("second")], proxy=None
    ) as client:
        assert client.subprotocol == "second"


def test_a_ping_is_answered_by_the_other_end(sidecar: Sidecar) -> None:
    with connection_to(sidecar) as client:
        assert client.ping().wait(DEADLINE_S)


def test_the_servers_reason_to_close_arrives(sidecar: Sidecar) -> None:
    with connection_to(sidecar) as client:
        client.send("break")
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(DEADLINE_S)

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as asked")


def test_a_refused_upgrade_arrives_as_an_answer(sidecar: Sidecar) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connection_to(sidecar, "/refused")

    assert refused.value.response.status_code == 403
    assert sidecar.differences(1) == []


def test_many_at_once_each_get_their_own_messages(sidecar: Sidecar) -> None:
    def talk(number: int) -> list[str | bytes]:
        with connection_to(sidecar) as client:
            said = []
            for turn in range(10):
                client.send(f"{number}.{turn}")
                said.append(client.recv(DEADLINE_S))
            return said

    with ThreadPoolExecutor(8) as threads:
        heard = list(threads.map(talk, range(24)))

    assert heard == [[f"{number}.{turn}" for turn in range(10)] for number in range(24)]


def test_each_is_counted_once_and_mirrored_to_nobody(sidecar: Sidecar) -> None:
    for _ in range(3):
        with connection_to(sidecar) as client:
            client.send("hello")
            client.recv(DEADLINE_S)
    differences = sidecar.differences(3)
    counted = sidecar.totals()

    assert differences == []
    assert counted.by(catalogue.REQUEST_OUTCOMES, "outcome")["upgraded"] == 3
    assert counted.by(catalogue.SHADOW_OUTCOMES, "outcome")["streaming_upgrade"] == 3
    assert (counted.value(catalogue.UPGRADES), counted.value(catalogue.TUNNELS_OPEN)) == (3, 0)


def test_a_server_that_vanishes_ends_the_tunnel(sidecar: Sidecar) -> None:
    with connection_to(sidecar) as client:
        client.send("vanish")
        with pytest.raises(ConnectionClosedError):
            client.recv(DEADLINE_S)

    assert until(lambda: sidecar.totals().value(catalogue.TUNNELS_OPEN) == 0)
    assert sidecar.differences(1) == []

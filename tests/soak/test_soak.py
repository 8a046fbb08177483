"""Minutes at load, gigabytes in one body, thousands of connections: nothing grows that should not."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple

import pytest

from sidecar import DEADLINE_S, Memory, Sidecar, open_files, until
from stage import stage
from watchtower.metrics import catalogue
from watchtower.metrics.place import metrics_directory

pytestmark = [pytest.mark.soak, pytest.mark.slow]

MIB: Final = 1024 * 1024
WARM_UP_S: Final = 15.0
LOOKS: Final = 12
LOOK_EVERY_S: Final = 5.0
HUGE: Final = 2048 * MIB
IDLE_CONNECTIONS: Final = 2000
# The whole program may take 200 MiB for 10,000.
IDLE_BOUND: Final = 40 * MIB


class Sizes(NamedTuple):
    """What could grow."""

    memory: int
    descriptors: int
    metrics_files: int
    metrics_bytes: int
    journal_bytes: int


def sizes(sidecar: Sidecar, memory: Memory) -> Sizes:
    metrics = [file.stat().st_size for file in metrics_directory(sidecar.data_dir).iterdir()]
    journal = [file.stat().st_size for file in (sidecar.data_dir / "journal").glob("*.wtj")]
    descriptors = max(open_files(pid) for pid in sidecar.workers())
    return Sizes(memory.growth(), descriptors, len(metrics), sum(metrics), sum(journal))


def sums(sidecar: Sidecar) -> set[float]:
    """Of what should be the number of requests; retention has removed records, so they cannot be counted again."""
    counted = sidecar.totals()
    per_request = (catalogue.REQUESTS, catalogue.REQUEST_OUTCOMES, catalogue.SHADOW_OUTCOMES)
    written, dropped = counted.value(catalogue.JOURNAL_WRITTEN), counted.value(catalogue.JOURNAL_DROPPED)
    return {*map(counted.value, per_request), (written + dropped) / 2}


def test_a_minute_of_mirrored_load_grows_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, capture={"segment_size": "4MiB", "max_disk": "16MiB"}) as on, on.load(8) as clients:
        memory, pause = Memory(on.sidecar.workers()[0]), Event()
        pause.wait(WARM_UP_S)
        looks = [sizes(on.sidecar, memory)]
        for _ in range(LOOKS):
            pause.wait(LOOK_EVERY_S)
            looks.append(sizes(on.sidecar, memory))
        clients.stop()
        first, last = looks[0], looks[-1]

        assert set(clients.seen) == {200}
        assert last.memory - first.memory < 4 * MIB
        assert last.descriptors - first.descriptors <= 2
        assert (last.metrics_files, last.metrics_bytes) == (first.metrics_files, first.metrics_bytes)
        assert max(look.journal_bytes for look in looks) < 64 * MIB  # it is pruned every 5 s
        assert until(lambda: sums(on.sidecar) == {clients.total})


@contextmanager
def client(sidecar: Sidecar) -> Iterator[socket.socket]:
    with socket.create_connection((sidecar.host, sidecar.port), timeout=DEADLINE_S) as made:
        yield made


def test_two_gigabytes_go_up_in_constant_memory(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, client(on.sidecar) as up:
        memory = Memory(on.sidecar.workers()[0])
        up.sendall(f"POST / HTTP/1.1\r\nHost: model\r\nContent-Length: {HUGE}\r\n\r\n".encode())
        for _ in range(HUGE // MIB):
            up.sendall(bytes(MIB))
        answer = up.recv(65536)

        assert answer.startswith(b"HTTP/1.1 200 ")
        assert on.model.received == HUGE
        assert memory.peak_growth() < 12 * MIB
        assert on.sidecar.differences(1) == []


def test_two_gigabytes_come_down_in_constant_memory(tmp_path: Path) -> None:
    with stage(tmp_path) as on, client(on.sidecar) as down:
        memory = Memory(on.sidecar.workers()[0])
        on.model.size = HUGE
        down.sendall(b"GET / HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\r\n")
        received = sum(map(len, iter(lambda: down.recv(MIB), b"")))

        assert received > HUGE
        assert memory.peak_growth() < 12 * MIB
        assert on.sidecar.differences(1) == []


def test_thousands_of_idle_connections_cost_little_and_delay_nobody(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with stage(tmp_path) as on:
        on.ask(100)
        memory = Memory(on.sidecar.workers()[0])
        with ExitStack() as stack:
            for _ in range(IDLE_CONNECTIONS):
                stack.enter_context(client(on.sidecar)).sendall(b"GET / HTTP/1.1\r\nHost: model\r\n\r\n")
            on.model.wait_until_asked(100 + IDLE_CONNECTIONS)
            others = on.ask(100)
            growth = memory.growth()

        assert set(others.seen) == {200}
        assert growth < IDLE_BOUND
        assert until(lambda: on.sidecar.totals().value(catalogue.CLIENT_CONNECTIONS) == 0)

"""No file descriptors left: those who are connected are served, the others wait, and it passes. With many, nobody waits."""

import http.client
import re
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sidecar import DEADLINE_S, Sidecar, open_files
from stage import stage

pytestmark = pytest.mark.slow


@contextmanager
def few_descriptors(pid: int, more: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(pid) + more, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def connected(sidecar: Sidecar) -> http.client.HTTPConnection:
    client = http.client.HTTPConnection(sidecar.host, sidecar.port, timeout=DEADLINE_S)
    client.connect()
    return client


def ask(client: http.client.HTTPConnection) -> int:
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    return answer.status


def test_who_is_connected_is_served_when_no_descriptor_is_left(tmp_path: Path) -> None:
    with stage(tmp_path, model_settings={"pool": {"keep_alive": "60s"}}) as on, ExitStack() as stack:
        old = stack.enter_context(_closing(connected(on.sidecar)))
        assert ask(old) == 200
        with few_descriptors(on.sidecar.workers()[0], 4):
            for _ in range(20):
                stack.enter_context(_closing(connected(on.sidecar)))
            statuses = [ask(old) for _ in range(20)]

        assert statuses == [200] * 20


def test_everybody_is_served_when_there_are_descriptors_again(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        before = on.ask(10)
        with few_descriptors(on.sidecar.workers()[0], 4), ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(_closing(connected(on.sidecar)))
        after = on.ask(100)

        assert set(after.seen) == {200}
        assert on.sidecar.differences(before.total + after.total) == []


def test_it_is_told_when_no_descriptor_is_left_and_when_there_are_some_again(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        with few_descriptors(on.sidecar.workers()[0], 0):
            lost = on.sidecar.log.wait_for("no file descriptor is left: new connections are closed unanswered")
        on.sidecar.log.wait_for("there are file descriptors again")

        assert (lost["level"], lost["process"]) == ("error", "w1")


def test_a_request_for_which_no_connection_can_be_opened_gets_502(tmp_path: Path) -> None:
    with stage(tmp_path) as on, ExitStack() as stack:
        client = stack.enter_context(_closing(connected(on.sidecar)))
        assert ask(client) == 200
        on.model.stop()
        on.model.start()
        with few_descriptors(on.sidecar.workers()[0], 0):
            refused = ask(client)

        assert refused == 502
        assert ask(client) == 200


def test_the_kernels_table_of_descriptors_is_made_before_anybody_waits_for_it(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        worker = on.sidecar.workers()[0]
        room = int(re.findall(r"^FDSize:\s*(\d+)$", Path(f"/proc/{worker}/status").read_text(), re.MULTILINE)[0])
        _, most = resource.prlimit(worker, resource.RLIMIT_NOFILE)

        assert room >= min(most, 65_536)


@contextmanager
def _closing(client: http.client.HTTPConnection) -> Iterator[http.client.HTTPConnection]:
    try:
        yield client
    finally:
        client.close()

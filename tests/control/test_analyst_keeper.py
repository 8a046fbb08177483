import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from watchtower.control.analyst_keeper import (
    AnalystKeeper,
    AnalystState,
    AnalystStatus,
    Encode,
    Patience,
    environment,
)
from watchtower.control.worker_process import Seat
from watchtower.metrics.bury import bury, wipe
from watchtower.metrics.catalogue import ANALYST_STARTS
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import totals
from watchtower.tasks import Tasks

pytestmark = pytest.mark.slow

DEADLINE = 10.0
USUAL = Patience()
# It speaks of a worker's protocol what an analyst speaks: a plan, a beat, a life line and SIGTERM.
COMMAND = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


def told(mood: str = "good") -> Encode:
    def encode(seat: Seat) -> bytes:
        plan = {"mood": mood, "listen_fds": seat.listen_fds, "ready_fd": seat.ready_fd, "process": seat.process}
        return json.dumps(plan).encode()

    return encode


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():  # noqa: ASYNC110  other processes have no event to wait for
            await asyncio.sleep(0.005)


def environ_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


class Kept:
    """A keeper with its fake analysts, and what a test asks of it."""

    def __init__(self, directory: Path, command: tuple[str, ...], patience: Patience) -> None:
        wipe(directory)
        self._directory = directory
        self.buried: list[str] = []
        self.tasks = Tasks()
        self.keeper = AnalystKeeper(command, Cells(directory, "supervisor"), self._bury, self.tasks, patience)

    def _bury(self, process: str) -> None:
        self.buried.append(process)
        bury(self._directory, process)

    @property
    def pid(self) -> int:
        return self.keeper.status().pid or 0

    def starts(self) -> dict[str, float]:
        return totals(self._directory).by(ANALYST_STARTS, "reason")

    async def running(self, other_than: int = 0) -> int:
        """The process, when one runs that is another."""
        await until(lambda: self.keeper.status().state is AnalystState.RUNNING and self.pid != other_than)
        return self.pid


@asynccontextmanager
async def keeping(
    directory: Path, command: tuple[str, ...] = COMMAND, patience: Patience = USUAL
) -> AsyncIterator[Kept]:
    kept = Kept(directory / "metrics", command, patience)
    try:
        yield kept
    finally:
        await kept.keeper.stop(1.0)
        assert await kept.tasks.cancel_all(1.0) == []
        assert kept.keeper.status().state is AnalystState.OFF


async def test_nothing_runs_until_it_is_asked_for(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        assert kept.keeper.status() == AnalystStatus(AnalystState.OFF, 0, None)


async def test_one_that_is_killed_is_started_again_and_buried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told())
        first = await kept.running()
        os.kill(first, signal.SIGKILL)
        await kept.running(other_than=first)

        assert kept.buried == ["a1"]
        assert [vars(line)["exit"] for line in caplog.records if "has ended" in line.message] == ["SIGKILL"]
        assert kept.keeper.status().restarts == 1
        assert kept.starts() == {"start": 1.0, "crash": 1.0, "reload": 0.0, "memory": 0.0}


async def test_one_that_holds_too_much_is_followed_by_another_and_told_from_a_crash(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told("begins anew"))
        await until(lambda: kept.starts().get("memory", 0.0) >= 2)

        assert kept.starts()["crash"] == 0


async def test_one_that_is_replaced_is_gone_before_the_next_begins(tmp_path: Path) -> None:
    alive_at_start: list[bool] = []
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told())
        first = await kept.running()

        def encode(seat: Seat) -> bytes:
            alive_at_start.append(Path(f"/proc/{first}").exists())
            return told()(seat)

        kept.keeper.keep(encode)
        await kept.running(other_than=first)

        assert alive_at_start == [False]
        assert kept.starts() == {"start": 1.0, "crash": 0.0, "reload": 1.0, "memory": 0.0}


async def test_one_that_is_no_longer_wanted_is_stopped(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told())
        await kept.running()
        kept.keeper.keep(None)
        await until(lambda: kept.keeper.status().state is AnalystState.OFF)

        assert kept.buried == ["a1"]


async def test_one_that_hangs_is_killed_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with keeping(tmp_path, patience=Patience(look_every=0.05, lost_after=5)) as kept:
        kept.keeper.keep(told())
        first = await kept.running()
        os.kill(first, signal.SIGSTOP)
        await kept.running(other_than=first)

        assert "an analyst that hangs is killed" in caplog.messages


async def test_one_that_is_never_ready_is_killed_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(tmp_path, patience=Patience(ready=0.2)) as kept:
        kept.keeper.keep(told("never ready"))
        await until(lambda: kept.keeper.status().restarts >= 2)

        assert "the analyst was not ready in time" in caplog.messages
        assert kept.buried[:2] == ["a1", "a2"]


@pytest.mark.parametrize(("mood", "told_of"), [("fails at start", {"the analyst has ended"}), ("never ready", set())])
async def test_one_that_leaves_before_it_is_ready_is_not_blamed_for_being_late(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mood: str, told_of: set[str]
) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told(mood))
        await until(lambda: kept.keeper.status().restarts >= 1 if told_of else kept.starts()["start"] == 1)
        await asyncio.wait_for(kept.keeper.stop(DEADLINE), DEADLINE)

    assert {line.message for line in caplog.records if line.levelname == "ERROR"} == told_of


async def test_one_that_does_not_obey_is_killed_at_the_deadline(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told("deaf"))
        await kept.running()
        await asyncio.wait_for(kept.keeper.stop(0.1), DEADLINE)

        assert caplog.messages[-1] == "the analyst does not stop: it is killed"
        assert kept.buried == ["a1"]


async def test_a_program_that_is_not_there_is_tried_again_and_again(tmp_path: Path) -> None:
    async with keeping(tmp_path, command=("/nowhere/python",)) as kept:
        kept.keeper.keep(told())
        await until(lambda: kept.keeper.status().restarts >= 3)

        assert kept.keeper.status().state is AnalystState.WAITING


async def test_one_that_fails_at_once_is_started_ever_more_slowly(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told("fails at start"))
        await until(lambda: kept.keeper.status().restarts >= 2)
        await asyncio.wait_for(kept.keeper.stop(0.1), DEADLINE)

        assert kept.keeper.status().restarts <= 4


async def test_libraries_that_compute_take_one_thread_each(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        kept.keeper.keep(told())
        environ = environ_of(await kept.running())

        assert [each for each in (b"OPENBLAS_NUM_THREADS=1", b"OMP_NUM_THREADS=1") if each not in environ] == []


def test_what_an_operator_says_of_threads_holds() -> None:
    found = environment({"OMP_NUM_THREADS": "4", "PATH": "/bin"})

    assert (found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"], found["PATH"]) == ("4", "1", "/bin")

import asyncio
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest

from watchtower.address import Address
from watchtower.clock import SECOND, ManualClock
from watchtower.control.generation import FleetPlan, WorkerStatus, Workshop
from watchtower.control.pulse import LOOK_S, LOST_AFTER
from watchtower.control.supervisor import PATIENCE, Supervisor
from watchtower.control.worker_process import Seat, WorkerState
from watchtower.errors import ConfigError, StartError
from watchtower.metrics.bury import bury, wipe
from watchtower.metrics.catalogue import CONFIG_RELOADS, WORKER_STARTS
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import totals
from watchtower.tasks import Tasks

pytestmark = pytest.mark.slow

DEADLINE = 10.0
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


def plan(mood: str = "good", workers: int = 1, drain: float = 5.0, address: Address | None = None) -> FleetPlan:
    def encode(seat: Seat) -> bytes:
        told = {"mood": mood, "listen_fds": seat.listen_fds, "ready_fd": seat.ready_fd, "process": seat.process}
        return json.dumps(told).encode()

    return FleetPlan(address or Address("127.0.0.1", 0), workers, drain, encode)


class Fleet:
    """A supervisor with fake workers, and what a test asks of it."""

    def __init__(
        self, directory: Path, first: FleetPlan, ready_deadline: float = DEADLINE, look_every: float = LOOK_S
    ) -> None:
        wipe(directory)
        self.directory = directory
        self.buried: list[str] = []
        self.next: FleetPlan | ConfigError = first
        self.tasks = Tasks()
        self.clock = ManualClock()
        workshop = Workshop(
            command=(sys.executable, str(FAKE_WORKER)),
            cells=Cells(directory, "supervisor"),
            bury=self._bury,
            tasks=self.tasks,
            ready_deadline=ready_deadline,
            look_every=look_every,
        )
        self.supervisor = Supervisor(first, self._load, workshop, lambda: self.clock.now_ns / SECOND)

    def _load(self) -> FleetPlan:
        if isinstance(self.next, ConfigError):
            raise self.next
        return self.next

    def _bury(self, process: str) -> None:
        self.buried.append(process)
        bury(self.directory, process)

    def names(self) -> list[str]:
        return [f"w{worker.ordinal}" for worker in self.supervisor.workers() if worker.state is WorkerState.READY]

    def worker(self) -> WorkerStatus:
        return self.supervisor.workers()[0]

    async def ask(self) -> str:
        assert self.supervisor.address is not None
        reader, writer = await asyncio.open_connection(*self.supervisor.address)
        answer = await reader.read()
        writer.close()
        return answer.decode()

    async def reload(self, to: FleetPlan | ConfigError) -> None:
        self.next, before = to, self.supervisor.last_reload
        self.supervisor.request_reload()
        await until(lambda: self.supervisor.last_reload is not before)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():  # noqa: ASYNC110  other processes have no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    directory: Path, first: FleetPlan | None = None, ready_deadline: float = DEADLINE, look_every: float = LOOK_S
) -> AsyncIterator[Fleet]:
    fleet = Fleet(directory / "metrics", first or plan(), ready_deadline, look_every)
    await fleet.supervisor.start()
    serving = asyncio.create_task(fleet.supervisor.serve())
    try:
        yield fleet
    finally:
        fleet.supervisor.request_stop()
        await asyncio.wait_for(serving, DEADLINE)
        await asyncio.wait_for(fleet.supervisor.drain(), DEADLINE)
        assert await fleet.tasks.cancel_all(1.0) == []


async def test_workers_answer_when_start_returns(tmp_path: Path) -> None:
    async with running(tmp_path, plan(workers=2)) as fleet:
        answer = await fleet.ask()

        assert fleet.names() == ["w1", "w2"]
        assert answer in {"w1", "w2"}


async def test_a_killed_worker_is_replaced_at_once_and_buried(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        os.kill(fleet.worker().pid or 0, signal.SIGKILL)
        await until(lambda: fleet.names() == ["w2"])

        assert await fleet.ask() == "w2"
        assert fleet.buried == ["w1"]
        assert fleet.worker().restarts == 1


async def test_what_waits_in_a_killed_workers_queue_is_answered_by_its_replacement(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        pid = fleet.worker().pid or 0
        os.kill(pid, signal.SIGSTOP)
        with socket.create_connection(fleet.supervisor.address or ("", 0), timeout=DEADLINE) as queued:
            os.kill(pid, signal.SIGKILL)
            answer = await asyncio.to_thread(queued.recv, 100)

        assert answer == b"w2"


async def test_a_worker_that_hangs_is_told_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, look_every=0.05) as fleet:
        os.kill(fleet.worker().pid or 0, signal.SIGSTOP)
        await until(lambda: fleet.worker().state is WorkerState.HANGING)
        await until(lambda: fleet.names() == ["w2"])

        assert caplog.messages[:2] == ["a worker hangs", "a worker that hangs is killed"]
        assert fleet.buried == ["w1"]


async def test_a_worker_that_hung_for_a_while_is_ready_again(tmp_path: Path) -> None:
    async with running(tmp_path, look_every=0.1) as fleet:
        os.kill(fleet.worker().pid or 0, signal.SIGSTOP)
        await until(lambda: fleet.worker().state is WorkerState.HANGING)
        os.kill(fleet.worker().pid or 0, signal.SIGCONT)
        await until(lambda: fleet.worker().state is WorkerState.READY)

        assert fleet.names() == ["w1"]


async def test_when_all_were_stopped_nobody_is_taken_for_dead(tmp_path: Path) -> None:
    async with running(tmp_path, look_every=0.1) as fleet:
        pid = fleet.worker().pid or 0
        os.kill(pid, signal.SIGSTOP)
        Event().wait(1.2 * LOST_AFTER * 0.1)  # our own loop stands still, too
        os.kill(pid, signal.SIGCONT)
        answer = await fleet.ask()

        assert (answer, fleet.buried) == ("w1", [])


async def test_reasons_to_start_that_never_came_show_zero(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        assert totals(fleet.directory).by(WORKER_STARTS, "reason") == {"start": 1.0, "crash": 0.0, "reload": 0.0}


async def test_starts_are_counted_by_their_reason(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        os.kill(fleet.worker().pid or 0, signal.SIGKILL)
        await until(lambda: fleet.names() == ["w2"])
        await fleet.reload(plan())

        assert totals(fleet.directory).by(WORKER_STARTS, "reason") == {"start": 1.0, "crash": 1.0, "reload": 1.0}


async def test_a_worker_that_fails_at_the_first_start_fails_the_start(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, plan("fails at start"))

    with pytest.raises(StartError, match="a worker failed before it was ready"):
        await fleet.supervisor.start()

    assert fleet.supervisor.workers() == []


async def test_a_worker_that_does_not_get_ready_in_time_is_killed(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, plan("never ready"), ready_deadline=0.3)

    with pytest.raises(StartError):
        await fleet.supervisor.start()

    assert fleet.supervisor.workers() == []


async def test_a_stop_during_the_start_ends_it(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, plan("never ready"))
    starting = asyncio.create_task(fleet.supervisor.start())
    await until(lambda: bool(fleet.supervisor.workers()))

    fleet.supervisor.request_stop()
    await asyncio.wait_for(starting, DEADLINE)
    await asyncio.wait_for(fleet.supervisor.drain(), DEADLINE)

    assert fleet.supervisor.workers() == []


async def test_a_reload_replaces_every_worker_on_the_same_sockets(tmp_path: Path) -> None:
    async with running(tmp_path, plan(workers=2)) as fleet:
        before = fleet.supervisor.address
        await fleet.reload(plan(workers=2))
        await until(lambda: sorted(fleet.buried) == ["w1", "w2"])

        assert fleet.names() == ["w3", "w4"]
        assert fleet.supervisor.address == before
        assert await fleet.ask() in {"w3", "w4"}


async def test_a_reload_to_more_workers_and_back_leaves_no_socket_unserved(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        await fleet.reload(plan(workers=3))
        await until(lambda: fleet.names() == ["w2", "w3", "w4"])
        await fleet.reload(plan(workers=1))
        await until(lambda: len(fleet.buried) == 4)

        answers = [await asyncio.wait_for(fleet.ask(), DEADLINE) for _ in range(20)]

        assert answers == ["w5"] * 20


async def test_what_waits_for_a_worker_that_leaves_for_good_is_answered_by_one_that_stays(tmp_path: Path) -> None:
    async with running(tmp_path, plan(workers=2)) as fleet:
        workers = [worker.pid or 0 for worker in fleet.supervisor.workers()]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.create_task(fleet.ask()) for _ in range(20)]
        await fleet.reload(plan(workers=1))
        answers = await asyncio.wait_for(asyncio.gather(*asked), DEADLINE)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)

        assert answers == ["w3"] * 20


async def test_a_bad_configuration_is_refused_with_every_mistake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as fleet:
        await fleet.reload(ConfigError(["first mistake", "second mistake"]))

        logged = [vars(record)["mistake"] for record in caplog.records if "mistake" in vars(record)]
        assert logged == ["first mistake", "second mistake"]
        assert fleet.names() == ["w1"]
        assert totals(fleet.directory).by(CONFIG_RELOADS, "result") == {"ok": 0.0, "refused": 1.0}


async def test_workers_that_fail_with_the_new_configuration_leave_the_old_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        await fleet.reload(plan("fails at start"))

        assert fleet.supervisor.last_reload is not None
        assert not fleet.supervisor.last_reload.is_adopted
        assert [worker.generation for worker in fleet.supervisor.workers()] == [1]
        assert await fleet.ask() == "w1"


async def test_an_address_that_is_taken_is_refused_by_a_reload(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        async with running(tmp_path) as fleet:
            taken = Address(*other.getsockname())
            await fleet.reload(plan(address=taken))

            assert fleet.supervisor.last_reload is not None
            assert fleet.supervisor.last_reload.mistakes == (f"cannot listen at {taken}: Address already in use",)
            assert fleet.names() == ["w1"]


async def test_a_reload_moves_to_a_new_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        free = Address(*found.getsockname())

    async with running(tmp_path) as fleet:
        await fleet.reload(plan(address=free))

        assert fleet.supervisor.address == free
        assert await fleet.ask() == "w2"


async def test_a_plan_is_told_when_it_is_in_force(tmp_path: Path) -> None:
    adopted: list[str] = []
    first = dataclasses.replace(plan(), adopted=lambda: adopted.append("first"))
    second = dataclasses.replace(plan(), adopted=lambda: adopted.append("second"))
    bad = dataclasses.replace(plan("fails at start"), adopted=lambda: adopted.append("bad"))

    async with running(tmp_path, first) as fleet:
        await fleet.reload(bad)
        await fleet.reload(second)

    assert adopted == ["first", "second"]


async def test_draining_ends_every_worker(tmp_path: Path) -> None:
    async with running(tmp_path, plan(workers=2)) as fleet:
        pids = [worker.pid or 0 for worker in fleet.supervisor.workers()]

    assert fleet.supervisor.workers() == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_second_stop_does_not_wait_for_a_worker_that_does_not_go(tmp_path: Path) -> None:
    async with running(tmp_path, plan("deaf", drain=600.0)) as fleet:
        fleet.supervisor.request_stop()
        fleet.clock.advance(PATIENCE)
        fleet.supervisor.request_stop()

    assert fleet.supervisor.workers() == []


async def test_a_stop_that_arrives_as_several_signals_does_not_force(tmp_path: Path) -> None:
    async with running(tmp_path) as fleet:
        pid = fleet.worker().pid or 0
        os.kill(pid, signal.SIGSTOP)
        fleet.supervisor.request_stop()
        draining = asyncio.create_task(fleet.supervisor.drain())
        fleet.supervisor.request_stop()
        fleet.clock.advance(PATIENCE / 2)
        fleet.supervisor.request_stop()
        ended, _ = await asyncio.wait([draining], timeout=0.2)
        os.kill(pid, signal.SIGCONT)
        await asyncio.wait_for(draining, DEADLINE)

    assert ended == set()


async def test_a_start_that_fails_has_nothing_to_tell_but_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as other:
        fleet = Fleet(tmp_path, plan(address=Address(*other.getsockname())))
        with pytest.raises(StartError):
            await fleet.supervisor.start()
        await fleet.supervisor.drain()

    assert caplog.messages == []


async def test_a_stop_that_was_asked_for_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running(tmp_path):
        caplog.clear()

    assert [message for message in caplog.messages if message in {"draining", "stopped"}] == ["draining", "stopped"]


async def test_a_worker_that_outstays_the_deadline_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with running(tmp_path, plan("deaf", drain=-1.9)):
        pass

    assert "SIGKILL" in [
        vars(record).get("exit") for record in caplog.records if record.message == "a worker has ended"
    ]


async def test_a_worker_that_does_not_retire_is_killed_after_the_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, plan("deaf", drain=-1.9)) as fleet:
        await fleet.reload(plan())
        await until(lambda: fleet.buried == ["w1"])

        assert fleet.names() == ["w2"]


async def test_signals_reload_and_stop(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, plan())
    await fleet.supervisor.start()
    serving = asyncio.create_task(fleet.supervisor.serve())

    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: fleet.supervisor.last_reload is not None)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, DEADLINE)
    await asyncio.wait_for(fleet.supervisor.drain(), DEADLINE)

    assert fleet.supervisor.workers() == []


async def test_workers_go_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_supervisor import Fleet, plan\n"
        "async def main():\n"
        "    fleet = Fleet(pathlib.Path(sys.argv[1]), plan())\n"
        "    await fleet.supervisor.start()\n"
        "    print(fleet.worker().pid, flush=True)\n"
        "    await fleet.supervisor.serve()\n"
        "asyncio.run(main())\n"
    )
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), str(FAKE_WORKER.parent), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    pid = int(await asyncio.wait_for(supervisor.stdout.readline(), DEADLINE))

    supervisor.kill()
    await supervisor.wait()

    await until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

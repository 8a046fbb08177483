from pathlib import Path

import pytest

from watchtower.control.generation import WorkerStatus
from watchtower.control.housekeeping import Census, keep_house
from watchtower.control.worker_process import WorkerState
from watchtower.metrics.catalogue import BUILD_INFO, PROCESS_CPU, PROCESS_MEMORY, PROCESS_START_TIME, WORKERS
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import Totals, totals
from watchtower.metrics.process import ProcessUsage


class Machine:
    """Processes as a test wants them to be."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.processes: dict[int, ProcessUsage] = {}
        self.census = Census(Cells(directory, "supervisor"), self.processes.get)

    def runs(self, pid: int, cpu: float, *, memory: int = 10, started: float = 1.0) -> None:
        self.processes[pid] = ProcessUsage(memory, cpu, 5, started)

    def after(self, *workers: WorkerStatus) -> Totals:
        self.census.take(workers)
        return totals(self.directory)


def worker(place: int, pid: int | None, state: WorkerState = WorkerState.READY) -> WorkerStatus:
    return WorkerStatus(place, 1, state, 0, pid, pid)


def test_workers_are_counted_by_state(tmp_path: Path) -> None:
    found = Machine(tmp_path).after(worker(1, 101), worker(2, None, WorkerState.WAITING), worker(3, 103))

    states = {"starting": 0.0, "ready": 2.0, "hanging": 0.0, "retiring": 0.0, "waiting": 1.0}
    assert found.by(WORKERS, "state") == states


def test_cpu_time_of_a_place_goes_on_over_its_workers(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    machine.runs(101, cpu=2.0)
    machine.after(worker(1, 101))
    machine.runs(101, cpu=3.0)
    machine.after(worker(1, 101))
    machine.runs(102, cpu=0.5)
    found = machine.after(worker(1, 102))

    assert found.value(PROCESS_CPU, process="1") == 3.5


def test_the_analyst_has_a_place_of_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.runs(55, cpu=1.5, memory=70)
    machine.census.take([], analyst=55)

    found = totals(tmp_path)

    assert (found.value(PROCESS_MEMORY, process="analyst"), found.value(PROCESS_CPU, process="analyst")) == (70, 1.5)


def test_a_place_with_two_workers_during_a_reload_has_the_memory_of_both(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.runs(101, cpu=1.0, memory=100, started=1.0)
    machine.runs(102, cpu=1.0, memory=50, started=9.0)

    found = machine.after(worker(1, 101, WorkerState.RETIRING), worker(1, 102))

    assert (found.value(PROCESS_MEMORY, process="1"), found.value(PROCESS_START_TIME, process="1")) == (150.0, 9.0)


def test_a_place_whose_worker_is_gone_has_no_memory(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.runs(101, cpu=1.0)
    machine.after(worker(1, 101))

    found = machine.after(worker(1, None, WorkerState.WAITING))

    assert found.value(PROCESS_MEMORY, process="1") == 0.0


def test_the_build_is_named(tmp_path: Path) -> None:
    assert Machine(tmp_path).after().value(BUILD_INFO) == 1.0


async def test_house_is_kept_when_the_journal_cannot_be_tended(tmp_path: Path) -> None:
    rounds: list[str] = []

    class EnoughError(BaseException):
        pass

    def take_census() -> None:
        if len(rounds) == 2:
            raise EnoughError
        rounds.append("census")

    def tend_journal() -> None:
        raise OSError("no space left")

    with pytest.raises(EnoughError):
        await keep_house(take_census, tend_journal, interval=0.0)

    assert rounds == ["census", "census"]

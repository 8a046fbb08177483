"""What the supervisor does every few seconds: look at the processes, count the workers, keep the journal within its bounds."""

import asyncio
import logging
import os
import platform
from collections.abc import Callable, Iterable
from typing import Final

from watchtower import __version__
from watchtower.control.generation import WorkerStatus
from watchtower.control.worker_process import WorkerState
from watchtower.metrics.catalogue import (
    BUILD_INFO,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_START_TIME,
    WORKERS,
)
from watchtower.metrics.cells import Cells
from watchtower.metrics.process import ProcessUsage, usage

INTERVAL: Final = 5.0

logger = logging.getLogger(__name__)


class Census:
    """Processes by place. A place's CPU time goes on over its workers, so that a restart makes no new series."""

    def __init__(self, cells: Cells, look: Callable[[int], ProcessUsage | None] = usage) -> None:
        self._cells = cells
        self._look = look
        self._cpu: dict[int, float] = {}
        self._states = cells.gauges(WORKERS)
        cells.gauge(BUILD_INFO, __version__, platform.python_version()).set(1.0)

    def take(self, workers: Iterable[WorkerStatus], analyst: int | None = None) -> None:
        """`analyst` is its process, where one runs."""
        places = {"supervisor": [os.getpid()], "analyst": [analyst] if analyst is not None else []}
        states = dict.fromkeys(WorkerState, 0)
        for worker in workers:
            states[worker.state] += 1
            pids = places.setdefault(str(worker.place), [])
            if worker.pid is not None:
                pids.append(worker.pid)
        for state, count in states.items():
            self._states[state].set(count)
        for place, pids in places.items():
            self._count(place, {pid: found for pid in pids if (found := self._look(pid))})
        living = {pid for pids in places.values() for pid in pids}
        self._cpu = {pid: seconds for pid, seconds in self._cpu.items() if pid in living}

    def _count(self, place: str, found: dict[int, ProcessUsage]) -> None:
        for pid, process in found.items():
            self._cells.counter(PROCESS_CPU, place).inc(process.cpu_seconds - self._cpu.get(pid, 0.0))
            self._cpu[pid] = process.cpu_seconds
        processes = found.values()
        self._cells.gauge(PROCESS_MEMORY, place).set(sum(process.memory_bytes for process in processes))
        self._cells.gauge(PROCESS_OPEN_FDS, place).set(sum(process.open_fds for process in processes))
        self._cells.gauge(PROCESS_START_TIME, place).set(
            max((process.started_at for process in processes), default=0.0)
        )


async def keep_house(
    take_census: Callable[[], None], tend_journal: Callable[[], None], interval: float = INTERVAL
) -> None:
    """For ever. The journal is tended in a thread: its disk may be slow, and the supervisor must see to its workers."""
    while True:
        take_census()
        try:
            await asyncio.to_thread(tend_journal)
        except Exception:  # whatever the disk does, the next round tries again
            logger.exception("the journal could not be tended")
        await asyncio.sleep(interval)

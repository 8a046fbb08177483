"""The workers that serve one configuration: each place has one, and one that dies is replaced."""

import asyncio
import itertools
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from watchtower.address import Address
from watchtower.control.pulse import LOOK_S
from watchtower.control.restarts import Restarts
from watchtower.control.sockets import Listeners
from watchtower.control.worker_process import Seat, WorkerProcess, WorkerState, cause, spawn
from watchtower.metrics.catalogue import WORKER_STARTS
from watchtower.metrics.cells import Cells
from watchtower.tasks import Tasks

READY_DEADLINE: Final = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a configuration means for the supervisor."""

    address: Address
    workers: int
    drain_deadline: float
    encode: Callable[[Seat], bytes]  # what a worker is told
    adopted: Callable[[], None] = lambda: None  # called when this plan is in force


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every generation needs to make workers."""

    command: Sequence[str]
    cells: Cells
    bury: Callable[[str], None]  # given the name of a process that has died
    tasks: Tasks
    ordinals: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    ready_deadline: float = READY_DEADLINE
    look_every: float = LOOK_S  # at the pulse of each worker


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    place: int
    generation: int
    state: WorkerState
    restarts: int
    ordinal: int | None  # of a worker that waits for its start: none
    pid: int | None


class Generation:
    def __init__(self, number: int, plan: FleetPlan, listeners: Listeners, workshop: Workshop) -> None:
        self.number = number
        self.plan = plan
        self.listeners = listeners
        self._workshop = workshop
        self._starts = workshop.cells.counters(WORKER_STARTS)
        self._restarts = {place: Restarts() for place in range(1, plan.workers + 1)}
        self._workers: dict[int, WorkerProcess] = {}
        self._unready = set(self._restarts)
        # Whether every place had a worker that became ready, none having failed before.
        self.started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._farewell: signal.Signals | None = None
        self._leaving = asyncio.Event()
        self._tending: list[asyncio.Task[None]] = []

    def start(self, reason: str) -> None:
        for place in self._restarts:
            work = self._tend(place, reason)
            self._tending.append(self._workshop.tasks.start(work, f"worker {place} of generation {self.number}"))

    def leave(self, farewell: signal.Signals) -> None:
        """No worker is started any more, and those that run are told to go, as often as this is called."""
        self._farewell = farewell
        self._leaving.set()
        for worker in self._workers.values():
            worker.tell(farewell)

    async def gone(self, deadline: float | None = None) -> bool:
        """Whether all workers are gone within some seconds."""
        if self._tending:
            await asyncio.wait(self._tending, timeout=deadline)
        return all(task.done() for task in self._tending)

    def status(self) -> list[WorkerStatus]:
        return [self._status_of(place) for place in self._restarts if place in self._workers or not self._farewell]

    def _status_of(self, place: int) -> WorkerStatus:
        worker = self._workers.get(place)
        if worker is None:
            state = WorkerState.WAITING
        elif self._farewell:
            state = WorkerState.RETIRING
        elif not worker.is_ready:
            state = WorkerState.STARTING
        else:
            state = WorkerState.HANGING if worker.pulse.is_hanging else WorkerState.READY
        restarts = self._restarts[place].count
        ordinal, pid = (worker.seat.ordinal, worker.pid) if worker else (None, None)
        return WorkerStatus(place, self.number, state, restarts, ordinal, pid)

    async def _tend(self, place: int, reason: str) -> None:
        restarts = self._restarts[place]
        try:
            while not self._leaving.is_set():
                restarts.started(time.monotonic())
                await self._live(place, reason)
                self._settle(is_started=False)
                delay = restarts.died(time.monotonic())
                await self._pause(delay)
                reason = "crash"
        finally:
            self._settle(is_started=False)

    async def _live(self, place: int, reason: str) -> None:
        """One worker's life, from its start to its burial."""
        listen_fds = tuple(listener.fileno() for listener in self.listeners.of_place(place, self.plan.workers))
        seat = Seat(place, next(self._workshop.ordinals), self.number, listen_fds, ready_fd=-1)
        try:
            worker = await spawn(self._workshop.command, seat, self.plan.encode)
        except OSError as error:
            logger.error("a worker cannot be started", extra={"place": place, "error": str(error)})  # noqa: TRY400  the machine's fault: the trace says nothing
            return
        self._workers[place] = worker
        self._starts[reason].inc()
        if self._farewell:
            worker.tell(self._farewell)
        if await worker.ready(self._workshop.ready_deadline):
            logger.info("a worker is ready", extra={"place": place, "worker": seat.process, "pid": worker.pid})
            self._unready.discard(place)
            if not self._unready:
                self._settle(is_started=True)
        watching = self._workshop.tasks.start(self._watch(worker), f"watch {seat.process}")
        code = await worker.exited()
        watching.cancel()
        del self._workers[place]
        self._mourn(seat, code)

    async def _watch(self, worker: WorkerProcess) -> None:
        """Ends a worker that hangs, so that it is replaced; one that was told to go has a deadline of its own."""
        extra = {"place": worker.seat.place, "worker": worker.seat.process, "pid": worker.pid}
        while not worker.pulse.is_lost:
            was_hanging = worker.pulse.is_hanging
            await asyncio.sleep(self._workshop.look_every)
            if self._farewell:
                return
            worker.pulse.look()
            if worker.pulse.is_hanging and not was_hanging:
                logger.error("a worker hangs", extra=extra)
        logger.error("a worker that hangs is killed", extra=extra)
        worker.tell(signal.SIGKILL)

    def _mourn(self, seat: Seat, code: int) -> None:
        level = logging.INFO if self._farewell else logging.ERROR
        logger.log(
            level, "a worker has ended", extra={"place": seat.place, "worker": seat.process, "exit": cause(code)}
        )
        try:
            self._workshop.bury(seat.process)
        except OSError as error:
            logger.error("metrics of a dead worker cannot be merged", extra={"error": str(error)})  # noqa: TRY400

    async def _pause(self, seconds: float) -> None:
        if not self._leaving.is_set():
            logger.warning("a worker is started again", extra={"delay_s": seconds})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), seconds)

    def _settle(self, *, is_started: bool) -> None:
        if not self.started.done():
            self.started.set_result(is_started)

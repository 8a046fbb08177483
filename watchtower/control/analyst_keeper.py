"""Keeps one analyst running beside the workers. It may die, hang, fall behind or be replaced: no client notices.

Two never run at once, for both would write one store: one that is to make way is told to go, and waited for. What it
did not commit is read again by the next.
"""

import asyncio
import itertools
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.control.restarts import Restarts
from watchtower.control.worker_process import BEGIN_ANEW, Seat, WorkerProcess, cause, spawn
from watchtower.metrics.catalogue import ANALYST_STARTS
from watchtower.metrics.cells import Cells
from watchtower.tasks import Tasks

KILL_DEADLINE: Final = 2.0
# What numpy stands on would take a thread for each core, and they fight for the one that is there: a window's tests of
# several columns together took 27 ms instead of 1. They read this once, when they are loaded.
_THREADS: Final = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

logger = logging.getLogger(__name__)

Encode = Callable[[Seat], bytes]


class AnalystState(StrEnum):
    OFF = "off"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # for its next start


@dataclass(frozen=True, slots=True)
class AnalystStatus:
    state: AnalystState = AnalystState.OFF
    restarts: int = 0
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds; the analyst has more of them than a worker, because nobody waits for it."""

    ready: float = 30.0  # it opens a store, and imports what reads it
    look_every: float = 1.0  # at its pulse
    # One step may merge an hour of files or ask them all for the predictions that labels wait for.
    lost_after: int = 120  # looks without a beat
    leave: float = 10.0  # to read what was recorded before it was told to go


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """With one thread for each library that computes, unless an operator said otherwise."""
    return {**dict.fromkeys(_THREADS, "1"), **given}


class AnalystKeeper:
    def __init__(
        self,
        command: Sequence[str],
        cells: Cells,
        bury: Callable[[str], None],
        tasks: Tasks,
        patience: Patience = Patience(),
    ) -> None:
        self._command = command
        self._starts = cells.counters(ANALYST_STARTS)
        self._bury = bury
        self._tasks = tasks
        self._patience = patience
        self._leave_deadline = patience.leave
        self._ordinals = itertools.count(1)
        self._restarts = Restarts()
        self._process: WorkerProcess | None = None
        self._wanted: Encode | None = None
        self._changed = asyncio.Event()
        self._is_leaving = False
        self._tending: asyncio.Task[None] | None = None

    def status(self) -> AnalystStatus:
        if self._process is not None:
            state = AnalystState.RUNNING if self._process.is_ready else AnalystState.STARTING
            return AnalystStatus(state, self._restarts.count, self._process.pid)
        return AnalystStatus(AnalystState.WAITING if self._wanted else AnalystState.OFF, self._restarts.count)

    def keep(self, encode: Encode | None) -> None:
        """Run one that is told this, and another whenever it ends; one that runs makes way. `None`: run none."""
        self._wanted = encode
        self._changed.set()
        if self._tending is None:
            self._tending = self._tasks.start(self._tend(), "analyst")

    async def stop(self, deadline: float) -> None:
        """It reads on to the end and commits. One that cannot within some seconds is killed."""
        self._is_leaving = True
        self._leave_deadline = deadline
        self.keep(None)
        if self._tending is not None:
            await asyncio.wait([self._tending], timeout=deadline + KILL_DEADLINE)

    async def _tend(self) -> None:
        reason = "start"
        while not self._is_leaving:
            self._changed.clear()
            if self._wanted is None:
                reason = "start"
                await self._changed.wait()
                continue
            self._restarts.started(time.monotonic())
            status = await self._live(self._wanted, reason)
            if self._changed.is_set():
                reason = "reload"
                continue
            reason = "memory" if status == BEGIN_ANEW else "crash"
            delay = self._restarts.died(time.monotonic())
            logger.warning("the analyst is started again", extra={"reason": reason, "delay_s": delay})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), delay)

    async def _live(self, encode: Encode, reason: str) -> int | None:
        """One analyst's life, from its start to its burial; gives its exit status, if it ended by itself."""
        seat = Seat(0, next(self._ordinals), 0, (), ready_fd=-1, kind="a")
        try:
            process = self._process = await spawn(self._command, seat, encode, environment(os.environ))
        except OSError as error:
            logger.error("the analyst cannot be started", extra={"error": str(error)})  # noqa: TRY400  the machine's fault: the trace says nothing
            return None
        self._starts[reason].inc()
        watching = self._tasks.start(self._watch(process), "watch the analyst")
        exited = asyncio.ensure_future(process.exited())
        changed = asyncio.ensure_future(self._changed.wait())
        await asyncio.wait((exited, changed), return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        status = exited.result() if exited.done() else None
        if status is None:
            await self._see_off(process, exited)
        elif status != BEGIN_ANEW:
            logger.error("the analyst has ended", extra={"exit": cause(status)})
        watching.cancel()
        self._process = None
        self._mourn(seat)
        return status

    async def _see_off(self, process: WorkerProcess, exited: "asyncio.Future[int]") -> None:
        process.tell(signal.SIGTERM)
        _, late = await asyncio.wait([exited], timeout=self._leave_deadline)
        if late:
            logger.error("the analyst does not stop: it is killed", extra={"pid": process.pid})
            process.tell(signal.SIGKILL)
            await exited

    async def _watch(self, process: WorkerProcess) -> None:
        if not await process.ready(self._patience.ready):
            if not process.is_gone:  # by itself, or because it was told to
                logger.error("the analyst was not ready in time", extra={"pid": process.pid})
            return
        logger.info("the analyst is ready", extra={"pid": process.pid})
        while process.pulse.missed < self._patience.lost_after:
            await asyncio.sleep(self._patience.look_every)
            process.pulse.look()
        logger.error("an analyst that hangs is killed", extra={"pid": process.pid})
        process.tell(signal.SIGKILL)

    def _mourn(self, seat: Seat) -> None:
        try:
            self._bury(seat.process)
        except OSError as error:
            logger.error("metrics of a dead analyst cannot be merged", extra={"error": str(error)})  # noqa: TRY400  as above

"""Keeps one analyst running beside the workers. It may die, hang, fall behind or be replaced: no client notices."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.control.restarts import Restarts
from watchtower.control.worker_process import Seat, WorkerProcess, spawn
from watchtower.tasks import Tasks

READY_DEADLINE: Final = 30.0  # it opens a store, and imports what reads it
LOOK_S: Final = 1.0
# One step may merge an hour of files or ask them all for the predictions that labels wait for.
LOST_AFTER: Final = 120
LEAVE_DEADLINE: Final = 10.0

logger = logging.getLogger(__name__)


class AnalystState(StrEnum):
    OFF = "off"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # for its next start


@dataclass(frozen=True, slots=True)
class AnalystStatus:
    state: AnalystState
    restarts: int
    pid: int | None


class AnalystKeeper:
    def __init__(
        self, command: Sequence[str], ordinals: Iterator[int], bury: Callable[[str], None], tasks: Tasks
    ) -> None:
        self._command = command
        self._ordinals = ordinals
        self._bury = bury
        self._tasks = tasks
        self._restarts = Restarts()
        self._process: WorkerProcess | None = None
        self._leaving = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None

    def status(self) -> AnalystStatus:
        if self._tending is None or self._tending.done():
            return AnalystStatus(AnalystState.OFF, self._restarts.count, None)
        if self._process is None:
            return AnalystStatus(AnalystState.WAITING, self._restarts.count, None)
        state = AnalystState.RUNNING if self._process.is_ready else AnalystState.STARTING
        return AnalystStatus(state, self._restarts.count, self._process.pid)

    def start(self, encode: Callable[[Seat], bytes]) -> None:
        """Run one, and another whenever it ends, until `stop`."""
        self._leaving = asyncio.Event()
        self._tending = self._tasks.start(self._tend(encode, self._leaving), "analyst")

    async def stop(self) -> None:
        """It commits what it has read; one that cannot is killed, and what it did not commit is read again."""
        self._leaving.set()
        if self._process is not None:
            self._process.tell(signal.SIGTERM)
        if self._tending is None:
            return
        _, late = await asyncio.wait([self._tending], timeout=LEAVE_DEADLINE)
        if late and self._process is not None:
            logger.error("the analyst does not stop: it is killed")
            self._process.tell(signal.SIGKILL)
            await asyncio.wait([self._tending], timeout=LEAVE_DEADLINE)

    async def _tend(self, encode: Callable[[Seat], bytes], leaving: asyncio.Event) -> None:
        while not leaving.is_set():
            self._restarts.started(time.monotonic())
            await self._live(encode, leaving)
            if leaving.is_set():
                return
            delay = self._restarts.died(time.monotonic())
            logger.warning("the analyst is started again", extra={"delay_s": delay})
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), delay)

    async def _live(self, encode: Callable[[Seat], bytes], leaving: asyncio.Event) -> None:
        seat = Seat(0, next(self._ordinals), 0, (), ready_fd=-1, kind="a")
        try:
            process = self._process = await spawn(self._command, seat, encode)
        except OSError as error:
            logger.error("the analyst cannot be started", extra={"error": str(error)})  # noqa: TRY400  the machine's fault: the trace says nothing
            return
        if leaving.is_set():
            process.tell(signal.SIGTERM)
        if await process.ready(READY_DEADLINE):
            logger.info("the analyst is ready", extra={"pid": process.pid})
        watching = self._tasks.start(_watch(process), "watch the analyst")
        code = await process.exited()
        watching.cancel()
        self._process = None
        if not leaving.is_set():
            logger.error("the analyst has ended", extra={"exit": code})
        try:
            self._bury(seat.process)
        except OSError as error:
            logger.error("metrics of a dead analyst cannot be merged", extra={"error": str(error)})  # noqa: TRY400


async def _watch(process: WorkerProcess) -> None:
    while process.pulse.missed < LOST_AFTER:
        await asyncio.sleep(LOOK_S)
        process.pulse.look()
    logger.error("an analyst that hangs is killed", extra={"pid": process.pid})
    process.tell(signal.SIGKILL)

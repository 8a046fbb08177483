"""Starts the workers, keeps them running, replaces them when the configuration changes, and lets them finish at the end.

The caller calls `start`, `serve` and `drain`, in this order; between them it starts and stops what runs beside the
workers (the admin server), so that nothing delays the first request.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from watchtower.address import Address
from watchtower.control.generation import FleetPlan, Generation, WorkerStatus, Workshop
from watchtower.control.sockets import Listeners, listen_at
from watchtower.errors import ConfigError, StartError, WatchtowerError
from watchtower.metrics.catalogue import CONFIG_RELOADS

# A worker closes what is still open at its drain deadline by itself; this is for one that cannot any more.
GRACE: Final = 2.0
KILL_DEADLINE: Final = 5.0
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# One stop may arrive as several signals: timeout(1), a terminal or a manager signals a process and its whole group.
PATIENCE: Final = 1.0
# A supervisor that was killed leaves workers behind, which give the address free when they notice.
ADDRESS_DEADLINE: Final = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    at: float  # seconds since 1970
    is_adopted: bool
    mistakes: tuple[str, ...] = ()


class Supervisor:
    def __init__(
        self,
        plan: FleetPlan,
        load: Callable[[], FleetPlan],
        workshop: Workshop,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last_reload: ReloadStatus | None = None
        self._plan = plan
        self._load = load
        self._workshop = workshop
        self._generations: list[Generation] = []  # all that have workers: starting, in force, leaving
        self._in_force: Generation | None = None
        self._number = 0
        self._monotonic = monotonic
        self._stopping = asyncio.Event()
        self._stop_asked_at: float | None = None
        self._forced = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._reloads = workshop.cells.counters(CONFIG_RELOADS)

    @property
    def address(self) -> Address | None:
        """Where the workers listen; with port 0, the port that the kernel chose."""
        return self._in_force.listeners.bound if self._in_force else None

    @property
    def is_draining(self) -> bool:
        return self._stopping.is_set()

    @property
    def is_forced(self) -> bool:
        """Whether somebody who asked for the stop has no patience left."""
        return self._forced.is_set()

    def workers(self) -> list[WorkerStatus]:
        return [worker for generation in self._generations for worker in generation.status()]

    def request_stop(self) -> None:
        """As SIGTERM does: the first lets the workers finish, a later one, by somebody who has waited, does not."""
        now = self._monotonic()
        if self._stop_asked_at is None:
            self._stop_asked_at = now
        elif now - self._stop_asked_at >= PATIENCE:
            self._forced.set()
        self._stopping.set()

    def request_reload(self) -> None:
        """As SIGHUP does."""
        self._reload_wanted.set()

    async def start(self) -> None:
        """Returns when all workers are ready, or a stop was asked for."""
        self._handle_signals()
        first = self._begin(self._plan, await self._first_listeners(), "start")
        await _first_of(first.started, self._stopping)
        if first.started.done() and not first.started.result():
            await self._end(first)
            raise StartError("a worker failed before it was ready: the lines above say why")
        self._adopt(first)

    async def serve(self) -> None:
        """Returns when a stop was asked for."""
        reloading = self._workshop.tasks.start(self._reload_when_wanted(), "reload")
        await self._stopping.wait()
        reloading.cancel()

    async def drain(self) -> None:
        """Returns when no worker is left. Nothing is told when nobody asked: then an error ends us, and says why."""
        is_asked_for = self.is_draining
        if is_asked_for:
            logger.info("draining", extra={"workers": len(self.workers()), "deadline_s": self._plan.drain_deadline})
        else:
            self.request_stop()
        for generation in self._generations:
            generation.leave(signal.SIGTERM)
            generation.listeners.close_all_but()
        gone = asyncio.gather(*(generation.gone() for generation in self._generations))
        await _first_of(gone, self._forced, self._plan.drain_deadline + GRACE)
        for generation in list(self._generations):
            await self._end(generation)
        if is_asked_for:
            logger.info("stopped")

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.request_reload if number is signal.SIGHUP else self.request_stop)
        # A flood of signals fills the pipe that they wake the loop by. Then CPython warns, from within the handler, by way of
        # a lock that the interrupted code may hold: it would wait for itself for ever. What is in the pipe is enough.
        signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)

    async def _first_listeners(self) -> Listeners:
        give_up_at = time.monotonic() + ADDRESS_DEADLINE
        while True:
            try:
                return listen_at(self._plan.address, self._plan.workers)
            except StartError:
                if time.monotonic() >= give_up_at:
                    raise
                await asyncio.sleep(0.05)

    async def _reload_when_wanted(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            try:
                await self._reload()
                mistakes: tuple[str, ...] = ()
            except ConfigError as error:
                mistakes = tuple(error.mistakes)
            except WatchtowerError as error:
                mistakes = (str(error),)
            except Exception as error:  # a reload must never take the running workers with it
                logger.exception("reload failed")
                mistakes = (f"{type(error).__name__}: {error}",)
            self._note_reload(mistakes)

    async def _reload(self) -> None:
        plan, old = self._load(), self._in_force
        if old is None or plan.address != old.listeners.wanted:
            listeners = listen_at(plan.address, plan.workers)
        else:
            listeners = old.listeners.at_least(plan.workers)
        new = self._begin(plan, listeners, "reload")
        if not await asyncio.shield(new.started):
            # Those of them that were ready share the address: they have clients, too.
            self._retire(new, kept=old)
            raise StartError("a worker with the new configuration failed before it was ready: the lines above say why")
        self._adopt(new)
        if old:
            self._retire(old, kept=new)

    def _begin(self, plan: FleetPlan, listeners: Listeners, reason: str) -> Generation:
        self._number += 1
        generation = Generation(self._number, plan, listeners, self._workshop)
        self._generations.append(generation)
        generation.start(reason)
        return generation

    def _adopt(self, generation: Generation) -> None:
        self._in_force, self._plan = generation, generation.plan
        generation.plan.adopted()

    def _retire(self, generation: Generation, kept: Generation | None) -> None:
        """Its workers finish what they have begun, and nobody waits for them here."""
        generation.leave(signal.SIGUSR1)
        self._workshop.tasks.start(self._see_off(generation, kept), f"see off generation {generation.number}")

    async def _see_off(self, generation: Generation, kept: Generation | None) -> None:
        # The workers that leave have the sockets, too, and take what is queued there before they close them.
        generation.listeners.close_all_but(kept.listeners if kept else None)
        await generation.gone(generation.plan.drain_deadline + GRACE)
        await self._end(generation, kept)

    async def _end(self, generation: Generation, kept: Generation | None = None) -> None:
        """No worker and no socket of it is left, but those sockets that another generation has."""
        generation.leave(signal.SIGKILL)
        if not await generation.gone(KILL_DEADLINE):
            logger.error("a worker outlives SIGKILL", extra={"generation": generation.number})
        generation.listeners.close_all_but(kept.listeners if kept else None)
        if generation in self._generations:
            self._generations.remove(generation)

    def _note_reload(self, mistakes: tuple[str, ...]) -> None:
        self.last_reload = ReloadStatus(time.time(), not mistakes, mistakes)
        self._reloads["refused" if mistakes else "ok"].inc()
        if mistakes:
            logger.error("the new configuration is refused, the old one stays")
            for mistake in mistakes:
                logger.error("mistake in the configuration", extra={"mistake": mistake})
        else:
            logger.info("the new configuration is in force")


async def _first_of(done: "asyncio.Future[Any]", event: asyncio.Event, deadline: float | None = None) -> None:
    happened = asyncio.ensure_future(event.wait())
    waited: set[asyncio.Future[Any]] = {done, happened}
    await asyncio.wait(waited, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
    happened.cancel()

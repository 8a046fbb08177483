"""Puts the sidecar together: the supervisor with its workers, then the admin server, then the housekeeping.

The only file of the supervisor's side that sees the whole configuration; everybody else gets values and callables.
"""

import asyncio
import logging
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aiohttp import web

from watchtower import analyst_plan, worker_plan
from watchtower.address import Address, parse_address
from watchtower.clock import Clock, patient
from watchtower.config.model import Config, EndpointConfig, encode
from watchtower.control import logs
from watchtower.control.admin import AdminParts, admin_app, bind_admin, start_admin
from watchtower.control.analyst_keeper import AnalystKeeper
from watchtower.control.claim import claim
from watchtower.control.generation import FleetPlan, Workshop
from watchtower.control.housekeeping import Census, keep_house
from watchtower.control.readiness import ProbeTarget, probe_target
from watchtower.control.supervisor import SIGNALS, Supervisor
from watchtower.control.unwritten import unwritten_records
from watchtower.control.views import EndpointView, MatchView, MirrorView, VariantView
from watchtower.control.worker_process import Seat
from watchtower.errors import StartError
from watchtower.journal.retention import sweep
from watchtower.metrics import catalogue
from watchtower.metrics.bury import bury, wipe
from watchtower.metrics.cells import Cells
from watchtower.metrics.place import metrics_directory
from watchtower.tasks import Tasks

logger = logging.getLogger(__name__)

SUPERVISOR = "supervisor"
ANALYST_LEAST: Final = 3.0  # seconds for it to commit, however long the workers took to drain
ANALYST_MOST: Final = 10.0


def run(config: Config, reload: Callable[[], Config] | None) -> int:
    """Serve until a signal ends it. `reload` reads the configuration again; without it, SIGHUP keeps what is there."""
    logs.set_up(config.log, SUPERVISOR)
    asyncio.run(_serve(config, reload or (lambda: config)))
    return 0


async def _serve(config: Config, reload: Callable[[], Config]) -> None:
    await _Sidecar(config, reload).serve()


class _Sidecar:
    def __init__(self, config: Config, reload: Callable[[], Config]) -> None:
        self._config = config  # in force, as is what was made of it
        self._probe_targets: list[ProbeTarget] = []
        self._reload = reload
        self._data_dir = Path(config.data_dir)
        self._claim = claim(self._data_dir)  # held for as long as this process lives
        self._metrics_dir = _prepared(self._data_dir)
        self._cells = Cells(self._metrics_dir, SUPERVISOR)
        self._tasks = Tasks()
        workshop = Workshop(_command("watchtower.worker"), self._cells, self._bury, self._tasks)
        self._analyst = AnalystKeeper(_command("watchtower.analyst_main"), self._cells, self._bury, self._tasks)
        self._supervisor = Supervisor(self._plan(config), lambda: self._plan(self._fresh()), workshop)
        self._census = Census(self._cells)
        self._careful_ns = patient(Clock(lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns))
        self._disk_bytes = self._cells.gauge(catalogue.JOURNAL_DISK_BYTES)
        self._died_with_worker = self._cells.counter(catalogue.JOURNAL_DROPPED, catalogue.WORKER_DIED)
        self._removed = self._cells.counters(catalogue.JOURNAL_REMOVED_SEGMENTS)
        self._removed_unread = self._cells.counter(catalogue.JOURNAL_REMOVED_UNREAD)

    async def serve(self) -> None:
        supervisor = self._supervisor
        # Signals are for the main thread: one that another thread takes when the loop has let go of them would end us.
        aside = ThreadPoolExecutor(initializer=signal.pthread_sigmask, initargs=(signal.SIG_BLOCK, SIGNALS))
        asyncio.get_running_loop().set_default_executor(aside)
        admin = None
        listeners: list[socket.socket] = []
        try:
            # An address that is taken ends the start before any worker has said that it is ready.
            listeners = bind_admin(parse_address(self._config.admin.listen))
            await supervisor.start()
            if not supervisor.is_draining:
                admin = await self._start_admin(listeners)
                self._tasks.start(keep_house(self._take_census, self._tend_journal), "housekeeping")
                at = Address(*admin.addresses[0][:2])
                logger.info("serving", extra={"listen": str(supervisor.address), "admin": str(at)})
                await supervisor.serve()
        finally:
            drained_by = time.monotonic() + self._config.drain.deadline
            await supervisor.drain()
            # Last, so that it reads the last records; what it does not read now, the next one does.
            left = 0.0 if supervisor.is_forced else drained_by - time.monotonic()
            await self._analyst.stop(min(max(left, ANALYST_LEAST), ANALYST_MOST))
            if admin is not None:
                await admin.cleanup()  # until now /readyz has said that it drains
            for listener in listeners:
                listener.close()
            await self._tasks.cancel_all(1.0)
            self._cells.close()
            shutil.rmtree(self._metrics_dir, ignore_errors=True)
            # The loop lets go of them when it closes. One that comes late must not turn a good end into a bad one.
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    async def _start_admin(self, listeners: Iterable[socket.socket]) -> web.AppRunner:
        settings = self._config.admin
        parts = AdminParts(
            token=settings.token,
            metrics_directory=self._metrics_dir,
            routes_file=self._data_dir / "routes.json",
            data_dir=self._data_dir,
            endpoints=lambda: [_view(endpoint) for endpoint in self._config.endpoints],
            workers=self._supervisor.workers,
            last_reload=lambda: self._supervisor.last_reload,
            is_draining=lambda: self._supervisor.is_draining,
            take_census=self._take_census,
            probe_targets=lambda: self._probe_targets,
            probe_timeout=settings.probe_timeout,
            analyst=self._analyst.status,
            reports=lambda: self._config.reports,
        )
        return await start_admin(admin_app(parts), listeners)

    def _fresh(self) -> Config:
        config = self._reload()
        for name in ("data_dir", "admin"):
            if getattr(config, name) != getattr(self._config, name):
                raise StartError(f"{name} cannot change while the sidecar runs: restart it")
        return config

    def _plan(self, config: Config) -> FleetPlan:
        encoded, targets = encode(config), _probe_targets(config)

        folders = {"metrics_dir": str(self._metrics_dir), "data_dir": str(self._data_dir)}

        def told(seat: Seat) -> bytes:
            return worker_plan.plan_for(seat, **folders, config=encoded)

        def analyst_told(seat: Seat) -> bytes:
            return analyst_plan.plan_for(seat, **folders, config=encoded)

        return FleetPlan(
            parse_address(config.listen.address),
            config.workers,
            config.drain.deadline,
            told,
            lambda: self._adopt(config, targets, analyst_told if config.analyst.enabled else None),
        )

    def _adopt(self, config: Config, targets: list[ProbeTarget], analyst: Callable[[Seat], bytes] | None) -> None:
        """The workers of this configuration are ready; only now may its analyst ask for a core."""
        self._config = config
        self._probe_targets = targets
        self._analyst.keep(analyst)

    def _bury(self, process: str) -> None:
        self._died_with_worker.inc(unwritten_records(self._metrics_dir, process))
        bury(self._metrics_dir, process)

    def _take_census(self) -> None:
        self._census.take(self._supervisor.workers(), self._analyst.status().pid)

    def _tend_journal(self) -> None:
        """In a thread of its own: these cells are counted by nobody else."""
        swept = sweep(self._data_dir / "journal", self._config.capture, self._careful_ns())
        self._disk_bytes.set(swept.size)
        for removed in swept.removed:
            self._removed[removed.removal.reason].inc()
            self._removed_unread.inc(removed.unread_records)
            level = logging.WARNING if removed.unread_records else logging.INFO
            logger.log(
                level,
                "a journal segment is removed",
                extra={"reason": str(removed.removal.reason), "unread_records": removed.unread_records},
            )


def _command(module: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module)  # -P: not what the current folder calls so


def _prepared(data_dir: Path) -> Path:
    """The folder for metrics, empty."""
    try:
        metrics_dir = metrics_directory(data_dir)
        wipe(metrics_dir)
    except OSError as error:
        raise StartError(f"{data_dir}: cannot be used as data_dir: {error.strerror}") from error
    return metrics_dir


def _probe_targets(config: Config) -> list[ProbeTarget]:
    path = config.admin.probe
    if path is None:
        return []
    try:
        return [probe_target(each.name, variant, path) for each in config.endpoints for variant in each.variants]
    except OSError as error:  # it could be read a moment ago, when the configuration was checked
        raise StartError(f"a certificate cannot be read: {error}") from error


def _view(endpoint: EndpointConfig) -> EndpointView:
    return EndpointView(
        name=endpoint.name,
        match=MatchView(host=endpoint.match.host, path=endpoint.match.path),
        variants=[VariantView(name=one.name, url=one.url, weight=one.weight) for one in endpoint.variants],
        shadows=[MirrorView(name=one.name, url=one.url) for one in endpoint.shadows],
    )

"""One worker process: puts the data plane together, serves until it is told to stop, and leaves nothing unaccounted.

Run by the supervisor as `python -m watchtower.worker`; see control/worker_process.py for what the two have agreed on.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from watchtower.clock import Clock
from watchtower.config.model import Config, EndpointConfig, decode
from watchtower.control import logs
from watchtower.control.descriptors import Descriptors, make_room
from watchtower.control.pulse import BEAT_S
from watchtower.control.routes_file import POLL_INTERVAL, OverridesReader, effective_weights
from watchtower.deadlines import Sweep
from watchtower.gauges import Gauges
from watchtower.http1.fields import Rules, request_rules, response_rules
from watchtower.http1.heads import AnswerTable, RequestTable
from watchtower.journal.capture import Capture
from watchtower.journal.writer import JournalWriter
from watchtower.journal_cells import JournalCells
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells
from watchtower.mirror.mirror import Mirror, ShadowRecorder
from watchtower.mirror.rewrite import Rewrite
from watchtower.mirror.sample import sampler
from watchtower.mirror.settings import ShadowSettings
from watchtower.mirror.shadow import Shadow
from watchtower.proxy.endpoint import Endpoint, Variant, VariantCells
from watchtower.proxy.hub import Hub, refusal_cells
from watchtower.proxy.ledger import FlowLedger
from watchtower.proxy.route import Router
from watchtower.proxy.server import ProxyServer, server_context
from watchtower.proxy.settings import LimitSettings, VariantSettings
from watchtower.record import Exchange
from watchtower.tasks import Tasks
from watchtower.upstream.address import parse_url
from watchtower.upstream.pool import ConnectResult, Pool
from watchtower.upstream.settings import PoolSettings, TlsClientSettings
from watchtower.upstream.tls import client_context
from watchtower.worker_plan import WorkerPlan, read_plan

logger = logging.getLogger(__name__)

SWEEP_S: Final = 0.1
# Beside a stalled shadow all of its traffic ends by the clock: ten times a second, that was a burst of a millisecond.
SHADOW_SWEEP_S: Final = 0.01
IDLE_SWEEP_S: Final = 0.5
TEND_S: Final = 0.5
CLOSE_JOURNAL_S: Final = 1.5  # the supervisor waits 2 s behind the drain's deadline
OTHER_FILES: Final = 64  # the journal, pipes, libraries
# Bytes of a request kept for a second attempt when neither journal nor mirror wants them.
RETRY_KEEP: Final = 64 * 1024


def main() -> int:
    size = int.from_bytes(_read_exactly(4))
    plan = read_plan(_read_exactly(size))
    config = decode(plan.config)
    logs.set_up(config.log, plan.process)
    make_room()  # before there are threads
    # The collector's full rounds stop the loop for milliseconds; what a request leaves behind has no cycles, so they
    # find nothing. Fewer rounds, and none over what was loaded at the start.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(Worker(plan, config).serve())
    return 0


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            raise SystemExit("the supervisor closed the pipe before the plan was whole")
        data += part
    return data


class Worker:
    def __init__(self, plan: WorkerPlan, config: Config) -> None:
        self._plan = plan
        self._config = config
        self._clock = Clock(time.monotonic_ns, time.time_ns)
        self._cells = Cells(Path(plan.metrics_dir), plan.process)
        self._tasks = Tasks()
        self._capture = Capture(config.capture)
        self._told = asyncio.Event()
        self._spare_idle = False
        self._mirrors: list[Mirror] = []
        self._pools: list[Pool] = []
        self._descriptors = Descriptors()
        self._overrides = OverridesReader(Path(plan.data_dir) / "routes.json")

    async def serve(self) -> None:
        config, plan = self._config, self._plan
        loop = asyncio.get_running_loop()
        journal_cells = JournalCells(self._cells)
        journal = JournalWriter(
            config.capture,
            Path(plan.data_dir) / "journal",
            f"{plan.process}-{self._clock.wall_ns()}",
            journal_cells,
            self._clock,
        )

        def record(exchange: Exchange) -> None:
            journal_cells.offered(exchange)
            journal.offer(exchange)

        self._sweep = Sweep(SWEEP_S)
        self._shadow_sweep = Sweep(SHADOW_SWEEP_S)
        gauges = Gauges(self._cells)
        endpoints = [self._endpoint(settings, record, gauges) for settings in config.endpoints]
        ledger = FlowLedger(self._capture, record, journal_cells.sampled_out.inc, self._clock)
        hub = Hub(
            Router(endpoints),
            self._limits(),
            RequestTable(self._request_rules()),
            self._sweep,
            Sweep(IDLE_SWEEP_S),
            refusal_cells(self._cells),
            self._cells.counter(catalogue.CLIENT_CONNECTIONS_OPENED),
            self._cells.gauge(catalogue.TUNNELS_OPEN),
            self._clock,
            config.capture.max_body,
        )
        server = ProxyServer(hub, ledger)
        gauges.watch_worker(server, journal)
        self._tasks.start(_every(TEND_S, lambda: self._tend(gauges)), "tend")
        self._take_weights(endpoints)
        self._tasks.start(_every(POLL_INTERVAL, lambda: self._take_weights(endpoints)), "weights")
        self._obey(loop)  # before anybody is accepted: a signal that nobody handles would end us under a client
        tls = config.listen.tls
        listeners = [socket.socket(fileno=number) for number in plan.listen_fds]
        await server.start(listeners, server_context(tls) if tls is not None else None)
        os.set_blocking(plan.ready_fd, False)
        self._beat()
        self._tasks.start(_every(BEAT_S, self._beat), "beat")

        await self._told.wait()

        give_up_at = loop.time() + config.drain.deadline
        await server.drain(config.drain.deadline, spare_idle=self._spare_idle)
        await self._drain_mirrors(give_up_at)
        ledger.settle()
        gauges.take()
        await loop.run_in_executor(None, journal.close, CLOSE_JOURNAL_S)
        await self._tasks.cancel_all(1.0)
        os.close(plan.ready_fd)

    def _beat(self) -> None:
        with suppress(BlockingIOError, BrokenPipeError):  # the supervisor has stopped reading, or is gone
            os.write(self._plan.ready_fd, b"1")

    def _obey(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._told.set)
        loop.add_signal_handler(signal.SIGINT, self._told.set)
        loop.add_signal_handler(signal.SIGUSR1, self._retire)
        loop.add_reader(0, self._read_life_line)

    def _retire(self) -> None:
        self._spare_idle = True
        self._told.set()

    def _read_life_line(self) -> None:
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            if not self._told.is_set():
                logger.error("the supervisor is gone: draining")
            self._told.set()

    async def _drain_mirrors(self, give_up_at: float) -> None:
        """Shadows may finish, each within its own deadline; then they are told that it is over."""
        loop = asyncio.get_running_loop()
        shadows = [shadow for mirror in self._mirrors for shadow in mirror.shadows]
        while loop.time() < give_up_at and any(shadow.in_flight for shadow in shadows):  # noqa: ASYNC110  they end in many ways, once in a worker's life
            await asyncio.sleep(0.02)
        for mirror in self._mirrors:
            mirror.close()
        for pool in self._pools:
            pool.close()

    # From time to time.

    def _tend(self, gauges: Gauges) -> None:
        for pool in self._pools:
            pool.close_stale()
        gauges.take()
        self._descriptors.look()

    def _take_weights(self, endpoints: list[Endpoint]) -> None:
        if self._overrides.look():
            for endpoint in endpoints:
                configured = {variant.name: variant.weight for variant in endpoint.settings.variants}
                override = self._overrides.current.endpoints.get(endpoint.name)
                endpoint.set_weights(effective_weights(configured, override))

    # Putting it together.

    def _endpoint(self, settings: EndpointConfig, record: Callable[[Exchange], None], gauges: Gauges) -> Endpoint:
        mirror = self._mirror(settings, record, gauges)
        endpoint = Endpoint(
            settings,
            [self._variant(settings, variant, gauges) for variant in settings.variants],
            self._cells,
            mirror=mirror.offer if mirror.shadows else None,
            keep=max(mirror.keep, self._config.capture.max_body, RETRY_KEEP if settings.retry != "never" else 0),
        )
        gauges.watch_endpoint(endpoint)
        return endpoint

    def _variant(self, endpoint: EndpointConfig, settings: VariantSettings, gauges: Gauges) -> Variant:
        pool = self._pool(endpoint.name, settings.name, settings.url, endpoint.pool, settings.tls, gauges)
        return Variant(settings, pool, VariantCells(self._cells, endpoint.name, settings.name))

    def _mirror(self, endpoint: EndpointConfig, record: Callable[[Exchange], None], gauges: Gauges) -> Mirror:
        recorder = ShadowRecorder(endpoint.name, self._capture, record, self._clock)
        mirror = Mirror(endpoint.name, [self._shadow(endpoint, one, recorder, gauges) for one in endpoint.shadows])
        self._mirrors.append(mirror)
        return mirror

    def _shadow(
        self, endpoint: EndpointConfig, settings: ShadowSettings, recorder: ShadowRecorder, gauges: Gauges
    ) -> Shadow:
        pool_settings = PoolSettings(
            max_connections=settings.max_in_flight,
            max_waiting=settings.max_in_flight,
            connect_timeout=min(settings.timeout, PoolSettings().connect_timeout),
        )
        pool = self._pool(endpoint.name, settings.name, settings.url, pool_settings, settings.tls, gauges)
        names = (endpoint.name, settings.name)
        shadow = Shadow(
            settings,
            pool,
            Rewrite(settings, pool.address, rewrite_host=endpoint.rewrite_host),
            sampler(settings.sample, settings.sample_by, "/".join(names)),
            sweep=self._shadow_sweep,
            outcomes=self._cells.counters(catalogue.SHADOW_OUTCOMES, *names),
            duration=self._cells.histogram(catalogue.SHADOW_DURATION, *names),
            record=recorder.record,
            keep=self._config.capture.max_body,
        )
        gauges.watch_shadow(endpoint.name, shadow)
        return shadow

    def _pool(
        self, endpoint: str, name: str, url: str, settings: PoolSettings, tls: TlsClientSettings, gauges: Gauges
    ) -> Pool:
        address = parse_url(url)
        connects = self._cells.counters(catalogue.UPSTREAM_CONNECTS, endpoint, name)

        def connected(result: ConnectResult) -> None:
            connects[result].inc()

        pool = Pool(
            address,
            settings,
            AnswerTable(response_rules(self._config.capture.headers_noted())),
            start_task=self._tasks.start,
            on_connect=connected,
            tls=client_context(tls) if address.is_tls else None,
            server_name=tls.server_name,
        )
        self._pools.append(pool)
        gauges.watch_pool(endpoint, name, pool)
        return pool

    def _limits(self) -> LimitSettings:
        """Beyond the descriptors of this process, connections would be cut off by the event loop, and nobody would count."""
        limits = self._config.limits
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        upstream = sum(pool.settings.max_connections for pool in self._pools)
        room = max(files - OTHER_FILES - upstream, files // 2)
        if room >= limits.max_connections:
            return limits
        logger.warning("fewer connections than configured: RLIMIT_NOFILE", extra={"files": files, "connections": room})
        return msgspec.structs.replace(limits, max_connections=room)

    def _request_rules(self) -> Rules:
        """Values are noted only where somebody asks for them."""
        noted = set(self._config.capture.headers_noted())
        for endpoint in self._config.endpoints:
            keys = [endpoint.sticky, *(one.sample_by for one in endpoint.shadows)]
            for key in keys:
                if key is None or isinstance(key, str):
                    continue
                if key.cookie is not None:
                    noted.add(b"cookie")
                elif key.header is not None:
                    noted.add(key.header.lower().encode())
        return request_rules(noted)


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            work()
        except Exception:  # it comes again, and may then find what it needs
            logger.exception("what is done from time to time failed")


if __name__ == "__main__":
    sys.exit(main())

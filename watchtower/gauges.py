"""What is true now, looked at twice a second: nothing on the path of a request keeps a gauge."""

from collections.abc import Callable

from watchtower.journal.writer import JournalWriter
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells
from watchtower.mirror.shadow import Shadow
from watchtower.proxy.endpoint import Endpoint
from watchtower.proxy.server import ProxyServer
from watchtower.upstream.pool import Pool


class Gauges:
    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._looks: list[Callable[[], None]] = []

    def take(self) -> None:
        for look in self._looks:
            look()

    def watch_worker(self, server: ProxyServer, journal: JournalWriter) -> None:
        connections = self._cells.gauge(catalogue.CLIENT_CONNECTIONS)
        buffered = self._cells.gauge(catalogue.JOURNAL_BUFFERED_BYTES)
        lag = self._cells.gauge(catalogue.JOURNAL_LAG)

        def look() -> None:
            connections.set(server.connections)
            buffered.set(journal.buffered_bytes)
            lag.set(journal.lag_seconds)

        self._looks.append(look)

    def watch_endpoint(self, endpoint: Endpoint) -> None:
        in_flight = self._cells.gauge(catalogue.REQUESTS_IN_FLIGHT, endpoint.name)
        self._looks.append(lambda: in_flight.set(endpoint.in_flight))

    def watch_pool(self, endpoint: str, upstream: str, pool: Pool) -> None:
        states = self._cells.gauges(catalogue.UPSTREAM_CONNECTIONS, endpoint, upstream)
        waiting = self._cells.gauge(catalogue.UPSTREAM_WAITING, endpoint, upstream)

        def look() -> None:
            states["idle"].set(pool.idle)
            states["busy"].set(pool.busy)
            states["connecting"].set(pool.connecting)
            waiting.set(pool.waiting)

        self._looks.append(look)

    def watch_shadow(self, endpoint: str, shadow: Shadow) -> None:
        names = (endpoint, shadow.name)
        queue_bytes = self._cells.gauge(catalogue.SHADOW_QUEUE_BYTES, *names)
        queued = self._cells.gauge(catalogue.SHADOW_QUEUE_REQUESTS, *names)
        in_flight = self._cells.gauge(catalogue.SHADOW_IN_FLIGHT, *names)
        breaker = self._cells.gauge(catalogue.SHADOW_BREAKER_STATE, *names)

        def look() -> None:
            queue_bytes.set(shadow.queue_bytes)
            queued.set(shadow.queued)
            in_flight.set(shadow.in_flight)
            breaker.set(shadow.breaker.state)

        self._looks.append(look)

"""The connections to one upstream: last in, first out, so that what is not needed grows old and is closed.

`take` and `release` decide at once and return; connecting is the only work that waits, in a task of its own with a
deadline. Who waits is served in order; a connection that becomes free goes to the first of them. An idle connection is
closed by us before common servers would close it, so that a request rarely meets a closing one.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from enum import Enum, StrEnum
from typing import Any

from watchtower.http1.heads import AnswerTable
from watchtower.upstream.address import Address
from watchtower.upstream.connection import Caller, Failure, UpstreamConnection
from watchtower.upstream.settings import PoolSettings

StartTask = Callable[[Coroutine[Any, Any, None], str], object]


class Wait(Enum):
    """There is no connection yet: it comes through `connected`, or there are too many who wait."""

    QUEUED = 1
    FULL = 2


class ConnectResult(StrEnum):
    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class Pool:
    def __init__(
        self,
        address: Address,
        settings: PoolSettings,
        table: AnswerTable,
        *,
        start_task: StartTask,
        on_connect: Callable[[ConnectResult], None],
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self.address = address
        self.settings = settings
        self._table = table
        self._tls = tls
        self._server_name = (server_name or address.host) if tls is not None else None
        self._start_task = start_task
        self._on_connect = on_connect
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._keep_alive = settings.keep_alive
        self._idle: deque[UpstreamConnection] = deque()
        self._all: set[UpstreamConnection] = set()
        self._waiting: dict[Caller, None] = {}  # an ordered set
        self._connecting = 0
        self.is_closed = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def busy(self) -> int:
        return len(self._all) - len(self._idle)

    @property
    def connecting(self) -> int:
        return self._connecting

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take(self, caller: Caller) -> UpstreamConnection | Wait:
        """A connection now, or a place in the queue for one."""
        idle = self._idle
        if idle:
            oldest = self._now() - self._keep_alive
            while idle:
                connection = idle.pop()
                if connection.idle_since > oldest and not connection.transport.is_closing():
                    connection.caller = caller
                    return connection
                connection.transport.close()
        if len(self._waiting) >= self.settings.max_waiting:
            return Wait.FULL
        self._waiting[caller] = None
        self._connect_for_waiting()
        return Wait.QUEUED

    def take_fresh(self, caller: Caller) -> None:
        """A connection that nobody used before, beyond the limit if need be: for a request that is sent once more."""
        self._connecting += 1
        self._start_task(self._connect(caller), f"connect {self.address}")

    def forget(self, caller: Caller) -> None:
        """The caller waits no longer."""
        self._waiting.pop(caller, None)

    def release(self, connection: UpstreamConnection) -> None:
        """The caller is done: the next in the queue gets the connection, or it waits for one, or it is closed."""
        connection.caller = None
        if not connection.reader.is_reusable or self.is_closed or connection.transport.is_closing():
            connection.transport.close()
            return
        connection.is_fresh = False
        self._offer(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is gone: one of those who wait may need another."""
        self._all.discard(connection)
        if connection.caller is None and connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._connect_for_waiting()

    def close_stale(self) -> None:
        """Close what was idle for longer than `keep_alive`; called from time to time."""
        oldest = self._now() - self._keep_alive
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.popleft().transport.close()

    def close(self) -> None:
        """Close what is idle, and everything else when it is released."""
        self.is_closed = True
        while self._idle:
            self._idle.pop().transport.close()

    def _offer(self, connection: UpstreamConnection) -> None:
        if self._waiting:
            caller = next(iter(self._waiting))
            del self._waiting[caller]
            connection.caller = caller
            caller.connected(connection)
        else:
            connection.idle_since = self._now()
            self._idle.append(connection)

    def _connect_for_waiting(self) -> None:
        while (
            self._connecting < len(self._waiting) and len(self._all) + self._connecting < self.settings.max_connections
        ):
            self._connecting += 1
            self._start_task(self._connect(None), f"connect {self.address}")

    async def _connect(self, caller: Caller | None) -> None:
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                connection = await self._open()
        except TimeoutError:
            self._failed(caller, ConnectResult.TIMED_OUT)
        except (OSError, ssl.SSLError):
            self._failed(caller, ConnectResult.FAILED)
        except Exception:  # ours or the loop's: the log has its trace, and whoever waits must hear of it
            self._failed(caller, ConnectResult.FAILED)
            raise
        else:
            self._connecting -= 1
            self._on_connect(ConnectResult.OK)
            if connection.transport.is_closing():  # accepted and closed in one breath
                self._fail(caller, Failure.RESET)
                return
            self._all.add(connection)
            if caller is not None:
                connection.caller = caller
                caller.connected(connection)
            else:
                self._offer(connection)

    async def _open(self) -> UpstreamConnection:
        def protocol() -> UpstreamConnection:
            return UpstreamConnection(self, self._table)

        address = self.address
        if address.scheme == "unix":
            _, connection = await self._loop.create_unix_connection(protocol, address.socket)
        else:
            _, connection = await self._loop.create_connection(
                protocol,
                address.host,
                address.port,
                ssl=self._tls,
                server_hostname=self._server_name,
            )
        return connection

    def _failed(self, caller: Caller | None, result: ConnectResult) -> None:
        self._connecting -= 1
        self._on_connect(result)
        self._fail(caller, Failure.TIMED_OUT if result is ConnectResult.TIMED_OUT else Failure.CONNECT_FAILED)

    def _fail(self, caller: Caller | None, failure: Failure) -> None:
        """The one who waited longest hears of it; for the others there is another attempt."""
        if caller is None and self._waiting:
            caller = next(iter(self._waiting))
            del self._waiting[caller]
        if caller is not None:
            caller.failed(failure)
        self._connect_for_waiting()

"""One client's connection: reads its requests, lets one flow at a time answer them in order, and closes politely."""

import asyncio
from typing import Final, cast

from watchtower.http1.forwarding import forwarded_fields
from watchtower.http1.refusal import Refusal, problem
from watchtower.http1.request import Request, RequestHead
from watchtower.http1.request_reader import RequestReader
from watchtower.proxy.account import Ledger
from watchtower.proxy.flow import FOREVER, READ_AHEAD, Flow
from watchtower.proxy.hub import Hub
from watchtower.proxy.identity import is_usable, make_request_id
from watchtower.proxy.tunnel import Side

# RFC 9112 section 9.6: who closes on a client that still sends must read on for a while, or the reset that its bytes
# meet destroys the answer before it is read. nginx: lingering_close, 5 s between two reads.
LINGER_S: Final = 2.0


class ClientConnection(asyncio.Protocol):
    __slots__ = (
        "_clients",
        "_flow",
        "_forwarded",
        "_hub",
        "_is_lingering",
        "_is_paused",
        "_is_slow",
        "_is_starting",
        "_ledger",
        "_reader",
        "deadline",
        "peer",
        "scheme",
        "transport",
        "tunnel",
    )

    def __init__(self, hub: Hub, ledger: Ledger, clients: set["ClientConnection"], scheme: bytes) -> None:
        self._hub = hub
        self._ledger = ledger
        self._clients = clients
        self._reader = RequestReader(hub.table, max_head=hub.limits.max_head, max_target=hub.limits.max_target)
        self._flow: Flow | None = None
        self._forwarded: tuple[RequestHead | None, bytes] = (None, b"")
        self._is_lingering = False
        self._is_paused = False  # we do not read
        self._is_slow = False  # the client does not
        self._is_starting = False
        self.deadline = FOREVER
        self.scheme = scheme
        self.peer = b""
        self.transport: asyncio.Transport
        self.tunnel: Side | None = None

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]).encode() if isinstance(peer, tuple) else b"unknown"
        hub = self._hub
        self._clients.add(self)
        hub.connections_opened.inc()
        hub.idle_sweep.watch(self)
        self.deadline = hub.idle_sweep.now + hub.limits.keep_alive
        if len(self._clients) > hub.limits.max_connections:
            request_id = make_request_id(hub.clock.wall_ns(), hub.getrandbits)
            hub.refused(Refusal.TOO_MANY_CONNECTIONS)
            self.transport.write(problem(Refusal.TOO_MANY_CONNECTIONS, request_id, close=True))
            self._linger()

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.data_received(data)
            return
        if self._is_lingering:
            return
        reader = self._reader
        reader.feed(data)
        if self._flow is not None:
            self._flow.request_arrived()
        if self._flow is None and not self._is_lingering:
            self._next()
        if self._is_paused or len(reader.requests) > 1 or reader.current is not None or reader.held:
            self.pace()

    def eof_received(self) -> bool:
        """Taken as leaving, as nginx and Envoy do: a client that closes looks no different from one that half-closes."""
        if self.tunnel is not None:
            return self.tunnel.eof_received()
        if self._flow is not None:
            self._flow.client_left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.discard(self)
        self._hub.idle_sweep.forget(self)
        if self.tunnel is not None:
            self.tunnel.connection_lost(exc)
        if self._flow is not None:
            self._flow.client_left()

    def pause_writing(self) -> None:
        self._is_slow = True
        if self.tunnel is not None:
            self.tunnel.pause_writing()
        elif self._flow is not None:
            self._flow.client_writable(is_writable=False)

    def resume_writing(self) -> None:
        self._is_slow = False
        if self.tunnel is not None:
            self.tunnel.resume_writing()
        elif self._flow is not None:
            self._flow.client_writable(is_writable=True)
        elif self._reader.requests and not self._is_starting:
            self._next()
            self.pace()

    # The sweep and the server call these.

    def overdue(self) -> None:
        if self._reader.is_mid_head and not self._is_lingering:
            self._reader.time_out()
            self._next()
        else:
            self.transport.abort() if self._is_lingering or self.transport.is_closing() else self.transport.close()

    @property
    def is_idle(self) -> bool:
        return self._flow is None and self.tunnel is None and not self._reader.is_mid_head

    def close_if_idle(self) -> None:
        if self.is_idle:
            self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    # The flow calls these.

    def forwarded(self, head: RequestHead) -> bytes:
        known_head, fields = self._forwarded
        if head is not known_head:  # heads that came before are shared
            fields = forwarded_fields(head, self.peer, self.scheme)
            self._forwarded = (head, fields)
        return fields

    def pace(self) -> None:
        """Read no further while a pipelined request waits for its turn, or a body for its upstream."""
        flow, waiting = self._flow, len(self._reader.requests)
        should_pause = waiting > 0 if flow is None else waiting > 1 or flow.is_congested
        should_pause = should_pause or self._reader.held > READ_AHEAD
        if should_pause is not self._is_paused and not self.transport.is_closing():
            self._is_paused = should_pause
            if should_pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def take_rest(self) -> bytes:
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        return self._reader.take_rest()

    def flow_ended(self, *, keep: bool) -> None:
        self._flow = None
        request = self._reader.requests.popleft()
        if not keep:
            self._close()
            return
        if request.head.upgrade is not None:
            self._reader.resume()
        if self._is_starting:
            return
        if self._reader.requests or self._reader.is_mid_head:
            self._next()
        else:
            self.deadline = self._hub.idle_sweep.now + self._hub.limits.keep_alive
        if self._is_paused:
            self.pace()

    # Requests in their order.

    def _next(self) -> None:
        """Begin what is read; a loop, because a refused request ends before `begin` returns."""
        requests = self._reader.requests
        self._is_starting = True
        while requests and self._flow is None and not self._is_lingering and not self._is_slow:
            self._begin(requests[0])
        self._is_starting = False
        if self._flow is not None or self._is_lingering:
            return
        hub = self._hub
        if self._reader.is_mid_head:
            if self.deadline > (latest := hub.idle_sweep.now + hub.limits.head_timeout):
                self.deadline = latest
        else:
            self.deadline = hub.idle_sweep.now + hub.limits.keep_alive

    def _begin(self, request: Request) -> None:
        hub = self._hub
        head = request.head
        request_id = head.noted.get(b"x-request-id")
        if request_id is None or not is_usable(request_id):
            request_id = make_request_id(hub.clock.wall_ns(), hub.getrandbits)
        if request.refusal is not None:
            self._refuse(request, request_id, request.refusal)
            return
        endpoint = hub.router.find(head.host, head.target)
        if endpoint is None:
            self._refuse(request, request_id, Refusal.NO_ENDPOINT)
            return
        self.deadline = FOREVER
        self._flow = flow = Flow(hub, self._ledger, self, request, request_id, endpoint)
        flow.begin()

    def _refuse(self, request: Request, request_id: bytes, refusal: Refusal) -> None:
        """Before any endpoint took it."""
        self._hub.refused(refusal)
        keep = request.refusal is None and request.is_complete and request.keep_alive and not self._hub.is_draining
        self.transport.write(problem(refusal, request_id, close=not keep, bodiless=request.head.method == b"HEAD"))
        self.flow_ended(keep=keep)

    def _close(self) -> None:
        """Close behind what was written; where the client may still send, after it has had time to read."""
        # A client that does not read what is left for it holds its buffer no longer than this.
        self.deadline = self._hub.idle_sweep.now + self._hub.limits.body_timeout
        if self.transport.is_closing():
            return
        reader = self._reader
        if reader.is_refused or reader.current is not None or reader.held:
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._is_lingering = True
        self.deadline = self._hub.idle_sweep.now + LINGER_S
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

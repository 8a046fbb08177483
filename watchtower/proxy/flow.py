"""One request on its way to the upstream, and the answer on its way back.

The client's side tells it that more of the request has come, the upstream's connection that more of the answer has; each
part is passed on as it comes, and a side that cannot take more stops the reading on the other. A flow ends exactly once,
in `_end`, with one outcome; the journal, the metrics and the mirror hear of it outside the client's time.
"""

import asyncio
from time import monotonic_ns
from typing import Final, Protocol

from watchtower.http1.forwarding import answer_head, request_head, switching_head
from watchtower.http1.framing import chunks, last_chunk
from watchtower.http1.refusal import ANSWERS, Refusal, problem
from watchtower.http1.request import Request, RequestHead
from watchtower.http1.response import Answer
from watchtower.proxy.account import Account, Ledger
from watchtower.proxy.endpoint import Endpoint
from watchtower.proxy.hub import Hub
from watchtower.proxy.tunnel import Side, Tunnel
from watchtower.record import NEVER, Outcome
from watchtower.upstream.address import Address
from watchtower.upstream.connection import Failure, UpstreamConnection
from watchtower.upstream.pool import Wait

FOREVER: Final = float("inf")
# Bytes of a request that wait for their upstream before the client is no longer read.
READ_AHEAD: Final = 64 * 1024
JOIN_SIZE: Final = 2 * 1024  # up to here, a copy is cheaper than a second buffer (measured: 1 µs at 4 KiB)

_FAILURES: Final = {
    Failure.CONNECT_FAILED: (Refusal.UPSTREAM_CONNECT_FAILED, Outcome.CONNECT_FAILED),
    Failure.RESET: (Refusal.UPSTREAM_RESET, Outcome.RESET),
    Failure.TIMED_OUT: (Refusal.UPSTREAM_TIMED_OUT, Outcome.TIMED_OUT),
    Failure.BAD_ANSWER: (Refusal.UPSTREAM_BAD_ANSWER, Outcome.BAD_ANSWER),
}


class Client(Protocol):
    """The connection that the request came by."""

    transport: asyncio.Transport
    peer: bytes
    scheme: bytes
    tunnel: Side | None

    def forwarded(self, head: RequestHead) -> bytes:
        """The X-Forwarded-* fields of a request that came by it."""

    def pace(self) -> None:
        """Stop or go on reading, as the flow can take more or not."""

    def take_rest(self) -> bytes:
        """What came behind a request to upgrade."""

    def flow_ended(self, *, keep: bool) -> None: ...


class Flow(Account):
    deadline = FOREVER
    _connection: UpstreamConnection | None = None
    _address: Address  # the variant's
    _answer_field = b""  # tells the client which variant it is
    _total_deadline = FOREVER
    _client_keeps = False
    _has_retried = False
    _is_client_slow = False
    _held_since_ns = 0
    _is_upstream_slow = False

    def __init__(
        self, hub: Hub, ledger: Ledger, client: Client, request: Request, request_id: bytes, endpoint: Endpoint
    ) -> None:
        super().__init__(request, request_id, endpoint)
        self._hub = hub
        self._ledger = ledger
        self._client = client

    def begin(self) -> None:
        endpoint, head = self.endpoint, self.request.head
        settings = endpoint.settings
        endpoint.in_flight += 1
        self._hub.sweep.watch(self)
        if endpoint.in_flight > settings.max_in_flight:
            self.refuse(Refusal.TOO_MANY_IN_FLIGHT)
            return
        if settings.max_body is not None and head.length > settings.max_body:
            self.refuse(Refusal.BODY_TOO_LARGE)
            return
        if settings.pool.total_timeout is not None:
            self._total_deadline = self._hub.sweep.now + settings.pool.total_timeout
        self.own_fields = b"%bx-request-id: %b\r\n" % (self._client.forwarded(head), self.request_id)
        variant = self.variant = endpoint.choose(head)
        self._answer_field = variant.answer_field
        self._address = variant.pool.address
        taken = variant.pool.take(self)
        if isinstance(taken, UpstreamConnection):
            self._connection = taken
            self._send(taken)
        elif taken is Wait.FULL:
            self.refuse(Refusal.TOO_MANY_WAITING)
        else:
            self._expire_after(settings.pool.first_byte_timeout)

    @property
    def is_congested(self) -> bool:
        """More of the request would have to wait here."""
        if self._connection is not None:
            return self._is_upstream_slow
        return sum(map(len, self.request.parts)) > READ_AHEAD

    # The client's side.

    def request_arrived(self) -> None:
        """More of the request's body has come, or its end, or what shows that it has no good end."""
        if self.request.refusal is not None:
            self.refuse(self.request.refusal)
        elif self._connection is not None and self.sent_ns == NEVER:
            self._forward_body(self._connection)

    def client_left(self) -> None:
        """RFC 9110 gives no way to tell the upstream but closing; it should not work for nobody."""
        self._drop_connection()
        self._end(Outcome.CANCELLED, keep=False)

    def client_writable(self, is_writable: bool) -> None:
        self._is_client_slow = not is_writable
        if self._connection is None:
            return
        if is_writable:
            self.held_ns += monotonic_ns() - self._held_since_ns
            self._connection.transport.resume_reading()
            self._expire_after(self.endpoint.settings.pool.idle_timeout)
        else:
            self._held_since_ns = monotonic_ns()
            self._connection.transport.pause_reading()
            self._expire_after(self._hub.limits.body_timeout)

    # The upstream's side: the methods of a Caller.

    def connected(self, connection: UpstreamConnection) -> None:
        if self.outcome is not None and self.variant is not None:  # it came too late
            self.variant.pool.release(connection)
            return
        self._connection = connection
        self.was_fresh = connection.is_fresh
        self.wait_ns = monotonic_ns() - self.read_ns
        self._send(connection)
        self._client.pace()

    def upstream_writable(self, is_writable: bool) -> None:
        self._is_upstream_slow = not is_writable
        self._client.pace()
        if not is_writable:
            self._expire_after(self.endpoint.settings.pool.idle_timeout)

    def answered(self) -> None:
        connection = self._connection
        if connection is None:
            return
        now = self.last_arrival_ns = monotonic_ns()
        reader = connection.reader
        if reader.is_broken:
            self._fail(Failure.BAD_ANSWER)
            return
        if reader.interim:
            self._pass_interim(connection)
        answer = reader.answer
        if answer is None:
            return
        head = b""
        if self.answer is None:
            if answer.status == 101:
                self._become_tunnel(connection, answer)
                return
            head = self._pass_head(answer, now)
        out = self._pass_parts(answer, now) if answer.parts else []
        if answer.is_complete:
            self._pass_end(answer, connection, head, out)
        else:
            self._expire_after(self.endpoint.settings.pool.idle_timeout)
            write(self._client.transport, head, out)  # behind it the client may be slow, and the deadline its own

    def failed(self, failure: Failure) -> None:
        connection, self._connection = self._connection, None
        if self.outcome is not None:
            return
        if (
            failure is Failure.RESET
            and connection is not None
            and not connection.is_fresh
            and not connection.has_heard
            and self._can_send_again()
        ):
            self._send_again()
        else:
            self._fail(failure)

    def overdue(self) -> None:
        """The deadline passed: whose it was is seen from what we waited for."""
        if self._connection is None:
            if self.variant is not None and self.variant.pool.connecting:
                self._fail(Failure.TIMED_OUT)
            else:
                self.refuse(Refusal.TOO_MANY_WAITING)
        elif self._is_client_slow:
            self._client.transport.abort()
            self.client_left()
        elif self.sent_ns == NEVER and not self._is_upstream_slow:
            self.refuse(Refusal.BODY_TIMEOUT)
        else:
            self._fail(Failure.TIMED_OUT)

    # Sending the request.

    def _send(self, connection: UpstreamConnection) -> None:
        head, upstream = self.request.head, self._address
        host = upstream.authority if self.endpoint.settings.rewrite_host else head.host or upstream.authority
        connection.begin(is_head=head.method == b"HEAD")
        self._forward_body(connection, request_head(head, upstream.prefix, host, self.own_fields))

    def _forward_body(self, connection: UpstreamConnection, sent: bytes = b"") -> None:
        """Pass on what has come, behind a head that is to be sent with it."""
        request = self.request
        out = request.parts
        if out:
            out = request.take(self.endpoint.keep, self._hub.capture_body)
            limit = self.endpoint.settings.max_body
            if limit is not None and request.size > limit:
                self.refuse(Refusal.BODY_TOO_LARGE)
                return
        if request.head.is_chunked:
            out = chunks(out)
        if request.is_complete:
            if request.head.is_chunked:
                out.append(last_chunk(request.trailers))
            self.sent_ns = monotonic_ns()
            self._expire_after(self.endpoint.settings.pool.first_byte_timeout)
            if self.endpoint.mirror is not None:
                self._ledger.request_sent(self)
        else:
            self._expire_after(self._hub.limits.body_timeout)
        write(connection.transport, sent, out)

    def _can_send_again(self) -> bool:
        return (
            not self._has_retried
            and self.request.is_kept_whole
            and self.request.head.upgrade is None
            and self.endpoint.may_retry(self.request.head.method)
        )

    def _send_again(self) -> None:
        variant = self.variant
        if variant is None:
            return
        self._has_retried = True
        variant.cells.retries.inc()
        self.request.put_back()
        self.sent_ns = NEVER
        self._is_upstream_slow = False
        variant.pool.take_fresh(self)
        self._expire_after(self.endpoint.settings.pool.first_byte_timeout)

    # Passing the answer on.

    def _pass_interim(self, connection: UpstreamConnection) -> None:
        interim, connection.reader.interim = connection.reader.interim, []
        head = self.request.head
        if head.is_http11 and self.answer is None:  # RFC 9110 section 15.2: never to an HTTP/1.0 client
            for answer in interim:
                if answer.status != 100 or b"expect" in head.noted:
                    self._client.transport.write(answer.head.first + b"\r\n")

    def _pass_head(self, answer: Answer, now: int) -> bytes:
        self.answer = answer
        self.first_byte_ns = now
        self.status = answer.status
        to_http11 = self.request.head.is_http11
        keeps = self._client_keeps = (
            self.request.keep_alive and not self._hub.is_draining and answer.shows_its_end(to_http11=to_http11)
        )
        return answer_head(answer, self.request_id, self._answer_field, to_http11=to_http11, keep_alive=keeps)

    def _pass_parts(self, answer: Answer, now: int) -> list[bytes]:
        parts = answer.take(self._hub.capture_body, self._hub.capture_body)
        if self.part_count == 0:
            self.first_part_ns = now
        self.last_part_ns = now
        self.part_count += len(parts)
        return chunks(parts) if answer.is_chunked(to_http11=self.request.head.is_http11) else parts

    def _pass_end(self, answer: Answer, connection: UpstreamConnection, head: bytes, out: list[bytes]) -> None:
        request = self.request
        if answer.is_chunked(to_http11=request.head.is_http11):
            out = [*out, last_chunk(answer.trailers)]
        write(self._client.transport, head, out)
        self._connection = None
        if self._is_client_slow:
            connection.transport.resume_reading()  # its next user is another client
        if self.variant is not None and request.is_complete:
            self.variant.pool.release(connection)
        else:
            connection.abort()  # the upstream answered before it had the whole request
        outcome = Outcome.ERROR_STATUS if answer.status >= 400 else Outcome.ANSWERED
        self._end(outcome, keep=self._client_keeps and request.is_complete)

    def _become_tunnel(self, connection: UpstreamConnection, answer: Answer) -> None:
        if self.request.head.upgrade is None:
            self._fail(Failure.BAD_ANSWER)
            return
        client = self._client
        self.answer = answer
        self.status = 101
        self.first_byte_ns = self.last_arrival_ns
        self.deadline = FOREVER
        self.endpoint.upgrades.inc()
        self._hub.tunnels.add(1)
        tunnel = Tunnel(client.transport, connection.transport, self._tunnel_ended)
        connection.caller, connection.tunnel = None, tunnel.upstream
        client.tunnel = tunnel.client
        switched = switching_head(answer.head, self.request_id, self._answer_field)
        client.transport.write(switched + connection.reader.rest)
        connection.transport.write(client.take_rest())

    def _tunnel_ended(self) -> None:
        self._connection = None
        self._hub.tunnels.add(-1)
        self._end(Outcome.UPGRADED, keep=False)

    # Ends.

    def refuse(self, refusal: Refusal, outcome: Outcome = Outcome.REFUSED) -> None:
        """Answer in the upstream's place; where its answer has begun, there is nothing left but to close."""
        self.reason = refusal.value
        self._hub.refused(refusal)
        self._drop_connection()
        request = self.request
        if self.answer is not None:
            self._client.transport.close()
            self._end(outcome, keep=False)
            return
        keep = request.is_complete and request.keep_alive and request.refusal is None and not self._hub.is_draining
        self.status = ANSWERS[refusal][0]
        self._client.transport.write(
            problem(refusal, self.request_id, close=not keep, bodiless=request.head.method == b"HEAD")
        )
        self._end(outcome, keep=keep)

    def _fail(self, failure: Failure) -> None:
        self.refuse(*_FAILURES[failure])

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        elif self.variant is not None:
            self.variant.pool.forget(self)

    def _expire_after(self, seconds: float) -> None:
        deadline = self._hub.sweep.now + seconds
        self.deadline = min(self._total_deadline, deadline)

    def _end(self, outcome: Outcome, *, keep: bool) -> None:
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.ended_ns = monotonic_ns()
        self.endpoint.in_flight -= 1
        self._hub.sweep.forget(self)
        self._ledger.ended(self)
        self._client.flow_ended(keep=keep)


def write(transport: asyncio.Transport, head: bytes, out: list[bytes]) -> None:
    """All of it at once: every write of its own is a system call, which costs more than to copy a few kilobytes."""
    if len(out) == 1 and len(out[0]) <= JOIN_SIZE:
        transport.write(head + out[0] if head else out[0])
    elif out:
        transport.writelines([head, *out] if head else out)
    elif head:
        transport.write(head)

"""One request at one shadow: sent, answered or not, within its deadline. It hurts nobody: what it may hold is bounded."""

from time import monotonic_ns
from typing import Final, Protocol

from watchtower.http1.response import Answer
from watchtower.record import NEVER, KeptRequest, ShadowOutcome
from watchtower.upstream.connection import Failure, UpstreamConnection
from watchtower.upstream.pool import Pool

JOIN_SIZE: Final = 2 * 1024  # up to here, a copy is cheaper than a second buffer (measured: 1 µs at 4 KiB)

_OUTCOME_OF: Final = {
    Failure.CONNECT_FAILED: ShadowOutcome.CONNECT_FAILED,
    Failure.RESET: ShadowOutcome.RESET,
    Failure.TIMED_OUT: ShadowOutcome.TIMED_OUT,
    Failure.BAD_ANSWER: ShadowOutcome.BAD_ANSWER,
}


class Sender(Protocol):
    """What a call needs of its shadow."""

    max_body: int
    keep: int  # bytes of an answer that the journal keeps
    pool: Pool

    def head(self, request: KeptRequest) -> bytes: ...

    def call_ended(self, call: "ShadowCall", outcome: ShadowOutcome, connection: UpstreamConnection | None) -> None: ...


class ShadowCall:
    # Most calls change few of these; the class holds the values that they begin with.
    answer: Answer | None = None
    connection: UpstreamConnection | None = None
    started_ns = NEVER  # when it left the queue
    sent_ns = NEVER  # all at once, as soon as it was connected
    first_byte_ns = NEVER
    first_part_ns = NEVER
    last_part_ns = NEVER
    ended_ns = NEVER
    was_fresh = False
    part_count = 0
    answer_size = 0
    outcome: ShadowOutcome | None = None
    _has_retried = False

    def __init__(self, shadow: Sender, request: KeptRequest, deadline: float) -> None:
        self._shadow = shadow
        self.request = request
        self.deadline = deadline
        self.kept: list[bytes] = []

    # The methods of a Caller.

    def connected(self, connection: UpstreamConnection) -> None:
        if self.outcome is not None:  # it came too late
            self._shadow.pool.release(connection)
            return
        self.connection = connection
        self.was_fresh = connection.is_fresh
        request = self.request
        head = self._shadow.head(request)
        connection.begin(is_head=request.method == b"HEAD")
        self.sent_ns = monotonic_ns()
        if request.size <= JOIN_SIZE:
            connection.transport.write(b"".join((head, *(request.parts or ()))))
        else:
            connection.transport.writelines([head, *(request.parts or ())])

    def upstream_writable(self, is_writable: bool) -> None:
        """The whole request is held anyway; the deadline bounds for how long."""

    def answered(self) -> None:
        connection = self.connection
        if connection is None:
            return
        now = monotonic_ns()
        reader = connection.reader
        if reader.is_broken:
            self.end(ShadowOutcome.BAD_ANSWER)
            return
        reader.interim.clear()
        answer = reader.answer
        if answer is None:
            return
        if self.answer is None:
            self.answer = answer
            self.first_byte_ns = now
            if answer.status == 101:
                self.end(ShadowOutcome.BAD_ANSWER)
                return
            if answer.has_body and (answer.head.length or 0) > self._shadow.max_body:
                self.end(ShadowOutcome.TOO_LARGE)
                return
        if answer.parts and not self._take_parts(answer, now):
            self.end(ShadowOutcome.TOO_LARGE)
        elif answer.is_complete:
            self.end(ShadowOutcome.ERROR_STATUS if answer.status >= 400 else ShadowOutcome.ANSWERED)

    def failed(self, failure: Failure) -> None:
        connection, self.connection = self.connection, None
        if (
            failure is Failure.RESET
            and self.outcome is None
            and connection is not None
            and not connection.is_fresh
            and not connection.has_heard
            and not self._has_retried
        ):
            # A kept connection closed under it says nothing of the shadow; the request is marked, it may come twice.
            self._has_retried = True
            self._shadow.pool.take_fresh(self)
        else:
            self.end(_OUTCOME_OF[failure])

    def overdue(self) -> None:
        self.end(ShadowOutcome.TIMED_OUT)

    def end(self, outcome: ShadowOutcome) -> None:
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.ended_ns = monotonic_ns()
        connection, self.connection = self.connection, None
        self._shadow.call_ended(self, outcome, connection)

    def _take_parts(self, answer: Answer, now: int) -> bool:
        parts, answer.parts = answer.parts, []
        if self.part_count == 0:
            self.first_part_ns = now
        self.last_part_ns = now
        self.part_count += len(parts)
        if self.answer_size < self._shadow.keep:
            self.kept += parts
        self.answer_size += len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        return self.answer_size <= self._shadow.max_body

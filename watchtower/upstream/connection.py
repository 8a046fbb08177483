"""One connection to an upstream: writes what its caller gives it, reads answers, and tells the caller what happened.

A connection serves one caller at a time and decides nothing: the caller looks at `reader` and says when it is done.
"""

import asyncio
from enum import StrEnum
from typing import Protocol, cast

from watchtower.http1.heads import AnswerTable
from watchtower.http1.response_reader import ResponseReader


class Failure(StrEnum):
    """Why an upstream gave no answer; the words are those of record.Outcome."""

    CONNECT_FAILED = "connect_failed"
    RESET = "reset"
    TIMED_OUT = "timed_out"
    BAD_ANSWER = "bad_answer"


class Caller(Protocol):
    """Who a connection works for."""

    def connected(self, connection: "UpstreamConnection") -> None:
        """A connection is there: one that was waited for."""

    def answered(self) -> None:
        """Something of the answer has come: it waits in the connection's reader."""

    def failed(self, failure: Failure) -> None:
        """There will be no more of it."""

    def upstream_writable(self, is_writable: bool) -> None:
        """The upstream reads too slowly, or has caught up."""


class Owner(Protocol):
    """Who keeps connections."""

    def lost(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection(asyncio.Protocol):
    __slots__ = ("_owner", "caller", "has_heard", "idle_since", "is_fresh", "reader", "transport", "tunnel")

    def __init__(self, owner: Owner, table: AnswerTable) -> None:
        self._owner = owner
        self.reader = ResponseReader(table)
        self.caller: Caller | None = None
        self.transport: asyncio.Transport
        self.is_fresh = True  # has not answered yet
        self.has_heard = False  # a byte of the answer to the current request
        self.idle_since = 0.0
        self.tunnel: asyncio.Protocol | None = None  # takes over after a 101

    def begin(self, *, is_head: bool) -> None:
        """A new request follows through `transport`."""
        self.has_heard = False
        self.reader.expect(is_head)

    def abort(self) -> None:
        """Close at once; the caller, who asked for it, is not told."""
        self.caller = None
        self.transport.abort()

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        if self.caller is not None:
            self.has_heard = True
            self.reader.feed(data)
            self.caller.answered()
        elif self.tunnel is not None:
            self.tunnel.data_received(data)
        else:
            self.transport.abort()  # bytes that nobody asked for: what follows could not be trusted

    def eof_received(self) -> bool:
        if self.tunnel is not None:
            return bool(self.tunnel.eof_received())
        self._ended()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost(self)
        if self.tunnel is not None:
            self.tunnel.connection_lost(exc)
        elif exc is None:
            self._ended()
        else:
            self._fail()

    def pause_writing(self) -> None:
        if self.caller is not None:
            self.caller.upstream_writable(is_writable=False)
        elif self.tunnel is not None:
            self.tunnel.pause_writing()

    def resume_writing(self) -> None:
        if self.caller is not None:
            self.caller.upstream_writable(is_writable=True)
        elif self.tunnel is not None:
            self.tunnel.resume_writing()

    def _ended(self) -> None:
        caller, reader = self.caller, self.reader
        reader.feed_eof()
        if caller is not None and reader.answer is not None and reader.answer.is_complete:
            caller.answered()
        else:
            self._fail()

    def _fail(self) -> None:
        caller, self.caller = self.caller, None
        self.reader.is_reusable = False
        if caller is not None:
            caller.failed(Failure.RESET)

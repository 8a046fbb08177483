"""A connection that has changed its protocol (RFC 9110 section 7.8): bytes pass both ways, and nobody looks at them.

Back-pressure crosses over: who cannot take more stops the reading on the other side. An end in one direction is passed
on as an end; the tunnel is over when both directions are, or when either side is lost.
"""

import asyncio
from collections.abc import Callable


class Tunnel:
    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        on_end: Callable[[], None],
    ) -> None:
        self.client = Side(self, client, upstream)
        self.upstream = Side(self, upstream, client)
        self._on_end = on_end
        self._is_over = False

    def half_ended(self) -> None:
        if self.client.is_ended and self.upstream.is_ended:
            self.end()

    def end(self) -> None:
        """Close both sides, after what is still to be written."""
        if not self._is_over:
            self._is_over = True
            self.client.transport.close()
            self.upstream.transport.close()
            self._on_end()


class Side(asyncio.Protocol):
    """Takes one side's events and acts on the other."""

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, other: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self.transport = transport
        self._other = other
        self.is_ended = False
        self.size = 0  # bytes that came from this side

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        self._other.write(data)

    def eof_received(self) -> bool:
        self.is_ended = True
        if not self._other.can_write_eof():
            self._tunnel.end()  # TLS has no half-close
            return False
        self._other.write_eof()
        self._tunnel.half_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._tunnel.end()

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        self._other.resume_reading()

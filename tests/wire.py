"""Both ends of a conversation as raw bytes: what a test sends is what goes over the wire, and what came is all there.

Nothing here waits for a time to pass: a read ends when what it asks for has come, and fails at a deadline.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

DEADLINE: Final = 10.0
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Message:
    """A request or an answer, read by a reader that has nothing in common with the one under test."""

    start: str
    fields: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes = b""
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def value(self, name: str) -> str:
        """Of a field that is there once."""
        [value] = self.values(name)
        return value


class Line(asyncio.Protocol):
    """One end of one connection."""

    def __init__(self, on_made: Callable[["Line"], None] | None = None) -> None:
        self._on_made = on_made
        self.transport: asyncio.Transport
        self.received = bytearray()  # ever
        self.is_ended = False  # the other end will send no more
        self.is_lost = False
        self.error: Exception | None = None
        self._read = 0
        self._changed = asyncio.Event()

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.is_ended = True
        self._changed.set()
        return True  # half-open until the test closes it

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_ended = self.is_lost = True
        self.error = exc
        self._changed.set()

    # The test calls these.

    @property
    def unread(self) -> bytes:
        return bytes(self.received[self._read :])

    @property
    def left_to_send(self) -> int:
        """Bytes that not even the kernel has taken yet."""
        return self.transport.get_write_buffer_size()

    def send(self, data: bytes) -> Self:
        self.transport.write(data)
        return self

    def end(self) -> None:
        """Send no more, read on."""
        self.transport.write_eof()

    def close(self) -> None:
        self.transport.close()

    def reset(self) -> None:
        """Close with an RST."""
        # SO_LINGER with a time of 0
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0" + bytes(4)
        )
        self.transport.abort()

    async def read(self, size: int) -> bytes:
        await self.until(lambda: len(self.received) - self._read >= size)
        return self._take(size)

    async def read_to(self, end: bytes) -> bytes:
        """Up to and with these bytes."""
        await self.until(lambda: self.received.find(end, self._read) >= 0)
        return self._take(self.received.find(end, self._read) + len(end) - self._read)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        await self.until(lambda: self.is_ended)
        return self._take(len(self.received) - self._read)

    async def lost(self) -> None:
        await self.until(lambda: self.is_lost)

    async def head(self) -> Message:
        """A start line and its fields, and nothing of what follows."""
        start, *lines = (await self.read_to(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
        return Message(start, _fields(lines))

    async def message(self) -> Message:
        """A head and the body that it announces."""
        head = await self.head()
        if head.values("transfer-encoding"):
            body, trailers = await self._chunks()
            return Message(head.start, head.fields, body, trailers)
        length = sum(map(int, head.values("content-length")))
        return Message(head.start, head.fields, await self.read(length))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until what came on this connection makes it so."""
        async with asyncio.timeout(DEADLINE):
            while not is_so():
                if self.is_lost:
                    raise EOFError(f"the connection ended behind {self.unread!r}")
                self._changed.clear()
                await self._changed.wait()

    async def _chunks(self) -> tuple[bytes, tuple[tuple[str, str], ...]]:
        parts = []
        while size := int((await self.read_to(b"\r\n"))[:-2], 16):
            parts.append(await self.read(size))
            await self.read_to(b"\r\n")
        trailers = []
        while line := (await self.read_to(b"\r\n"))[:-2].decode("latin-1"):
            trailers.append(line)
        return b"".join(parts), _fields(trailers)

    def _take(self, size: int) -> bytes:
        self._read += size
        return bytes(self.received[self._read - size : self._read])


class Model:
    """A server that plays a model: it answers by itself, or as the test says on each connection."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.lines: list[Line] = []  # every connection that it ever took
        self.requests: list[Message] = []  # those that it has answered by itself
        self.port = 0
        self._answers = list(answers)
        self._taken = 0
        self._arrived = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: Line(self._took), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        """Every byte that ever came."""
        return b"".join(bytes(line.received) for line in self.lines)

    async def line(self) -> Line:
        """The next connection, in the order in which they came."""
        async with asyncio.timeout(DEADLINE):
            while self._taken == len(self.lines):
                self._arrived.clear()
                await self._arrived.wait()
        self._taken += 1
        return self.lines[self._taken - 1]

    def hang_up(self) -> None:
        """Take no more connections."""
        self._server.close()

    async def close(self) -> None:
        self._server.close()
        for task in self._at_work:
            task.cancel()
        for line in self.lines:
            line.transport.abort()
            await line.lost()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _took(self, line: Line) -> None:
        self.lines.append(line)
        self._arrived.set()
        if self._answers:
            task = asyncio.get_running_loop().create_task(self._answer_all(line))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _answer_all(self, line: Line) -> None:
        while True:
            await line.until(lambda: bool(line.unread) or line.is_ended)
            if line.is_ended and not line.unread:
                line.close()
                return
            self.requests.append(await line.message())
            line.send(self._answers[min(len(self.requests), len(self._answers)) - 1])


def answer(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """An answer with a Content-Length."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines))
    return head.encode("latin-1") + b"\r\n" + body


def request(start: str, *lines: str, body: bytes | None = None) -> bytes:
    """A request to `GET /path`, with a Host, and a Content-Length where there is a body."""
    lengths = [] if body is None else [f"Content-Length: {len(body)}"]
    head = "".join(f"{line}\r\n" for line in (f"{start} HTTP/1.1", "Host: model.test", *lines, *lengths))
    return head.encode("latin-1") + b"\r\n" + (body or b"")


def _fields(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(":") for line in lines)
    return tuple((name.lower(), value.strip()) for name, _, value in pairs)

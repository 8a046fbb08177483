"""Models and clients in a thread of their own, with one event loop, so that a test's own steps stay plain."""

import asyncio
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import Any, TypeVar

from sidecar import DEADLINE_S

T = TypeVar("T")
PART = 65536
RETRY_S = 0.005  # of a client that is refused
LOST = "lost"  # a request whose connection ended before its answer did


class Background:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="background")
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.start(work).result(DEADLINE_S)

    def call(self, work: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


class Model:
    """Answers every request whole with `status` and `size` bytes, as soon as its gate is open; understands lengths alone."""

    def __init__(self, background: Background) -> None:
        self.asked = 0
        self.last_asked = 0.0  # monotonic
        self.received = 0  # bytes of bodies
        self.status = 200
        self.size = 2
        self.port = 0
        self._background = background
        self._gate = asyncio.Event()
        self._gate.set()
        self._listener: socket.socket | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """At a port of the kernel's choice the first time, and at the same one after a stop."""
        self._background.run(self._start())

    def stop(self) -> None:
        self._background.run(self._stop())

    def stall(self) -> None:
        self._background.call(self._gate.clear)

    def go_on(self) -> None:
        self._background.call(self._gate.set)

    def wait_until_asked(self, times: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= times, DEADLINE_S), self.asked

    async def _start(self) -> None:
        # asyncio's own server loses a connection that it accepts in the round in which it is closed.
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def _stop(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serving = asyncio.create_task(self._serve(connection))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        serving.add_done_callback(lambda _: connection.close())  # also of one that never began

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
                await self._receive(reader, int(length[1]) if length else 0)
                await self._gate.wait()
                await self._answer(writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    async def _receive(self, reader: asyncio.StreamReader, size: int) -> None:
        while size:
            part = await reader.read(min(size, PART))
            if not part:
                raise EOFError
            size -= len(part)
            self.received += len(part)
        with self._changed:
            self.asked += 1
            self.last_asked = time.monotonic()
            self._changed.notify_all()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        left = self.size
        writer.write(f"HTTP/1.1 {self.status} Whatever\r\nContent-Length: {left}\r\n\r\n".encode())
        while left:
            length = min(left, PART)
            writer.write(b"x" * length)
            await writer.drain()
            left -= length


class Load:
    """Clients that ask one request after the other, on kept connections or each on its own, until they are told to stop."""

    def __init__(self, background: Background, host: str, port: int, clients: int, *, is_keeping: bool = True) -> None:
        self.seen: Counter[int | str] = Counter()
        self.seconds: list[float] = []
        self.answered_by: Counter[str] = Counter()  # x-watchtower-variant
        self._at = (host, port)
        body = b'{"instances": [1, 2, 3]}'
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        close = b"" if is_keeping else b"\r\nConnection: close"
        self._request = head.encode() + close + b"\r\n\r\n" + body
        self._is_over = False
        self._background = background
        self._over = asyncio.Event()
        self._changed = Condition()
        self._work = [background.start(self._client()) for _ in range(clients)]

    @property
    def total(self) -> int:
        return self.seen.total()

    def wait_for(self, more: int) -> None:
        """Until so many more requests have ended."""
        with self._changed:
            wanted = self.total + more
            assert self._changed.wait_for(lambda: self.total >= wanted, DEADLINE_S), self.seen

    def wait_for_answers(self, more: int, status: int = 200) -> None:
        with self._changed:
            wanted = self.seen[status] + more
            assert self._changed.wait_for(lambda: self.seen[status] >= wanted, DEADLINE_S), self.seen

    def finish(self) -> None:
        """Nobody asks again; what is asked already goes on."""
        self._is_over = True
        self._background.call(self._over.set)

    def stop(self) -> None:
        """Returns when the last answer has come."""
        self.finish()
        for work in self._work:
            work.result(DEADLINE_S)

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * share)]

    async def _client(self) -> None:
        while not self._is_over:
            try:
                reader, writer = await asyncio.open_connection(*self._at)
            except OSError:
                self._note(LOST)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), RETRY_S)
                continue
            try:
                while await self._ask(reader, writer):
                    pass
            except (OSError, EOFError):
                self._note(LOST)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether to ask again on this connection."""
        started = time.perf_counter()
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(fields["content-length"]))
        self.seconds.append(time.perf_counter() - started)
        self.answered_by[fields.get("x-watchtower-variant", "")] += 1
        self._note(int(status.split()[1]))
        return not self._is_over and fields.get("connection") != "close"

    def _note(self, result: int | str) -> None:
        with self._changed:
            self.seen[result] += 1
            self._changed.notify_all()


@contextmanager
def background() -> Iterator[Background]:
    made = Background()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def model(at: Background) -> Iterator[Model]:
    made = Model(at)
    made.start()
    try:
        yield made
    finally:
        made.go_on()
        made.stop()

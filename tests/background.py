"""Models and clients in a thread of their own, with one event loop, so that a test's own steps stay plain."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import Any, TypeVar

from aiohttp import web
from sidecar import DEADLINE_S

T = TypeVar("T")
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
    """Answers every request with `status` and `size` bytes, as soon as its gate is open."""

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
        self._runner: web.AppRunner | None = None
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
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        # Kept for longer than a test, so that no connection is closed in the middle of it.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, keepalive_timeout=600.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        async for part in request.content.iter_any():
            self.received += len(part)
        with self._changed:
            self.asked += 1
            self.last_asked = time.monotonic()
            self._changed.notify_all()
        await self._gate.wait()
        if self.size <= 65536:
            return web.Response(body=b"x" * self.size, status=self.status)
        answer = web.StreamResponse(status=self.status, headers={"Content-Length": str(self.size)})
        await answer.prepare(request)
        left = self.size
        while left:
            length = min(left, 65536)
            await answer.write(b"x" * length)
            left -= length
        return answer


class Load:
    """Clients that ask one request after the other on kept connections, until they are told to stop."""

    def __init__(self, background: Background, host: str, port: int, clients: int, path: str = "/v1/predict") -> None:
        self.seen: Counter[int | str] = Counter()
        self.seconds: list[float] = []
        self.answered_by: Counter[str] = Counter()  # x-watchtower-variant
        self._background = background
        self._at = (host, port)
        body = b'{"instances": [1, 2, 3]}'
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._request = head.encode() + b"\r\n\r\n" + body
        self._is_over = False
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
                await asyncio.sleep(0.005)
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

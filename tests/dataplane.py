"""One worker's data plane in the test's own process: real sockets, a real journal, real metrics; no supervisor.

    async def test_a_request_is_answered(plane: Plane) -> None:
        model = await plane.model(OK)
        await plane.serve(endpoint(model))
        client = await plane.client()
        ...

What the worker logs as an error, and what the loop reports, fails the test that met it.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from watchtower.config.load import load
from watchtower.deadlines import Sweep
from watchtower.journal.reader import JournalReader
from watchtower.metrics.catalogue import REFUSALS, REQUEST_OUTCOMES, SHADOW_OUTCOMES, Metric
from watchtower.metrics.collect import totals
from watchtower.record import Exchange, Role
from watchtower.worker import Worker
from watchtower.worker_plan import WorkerPlan
from wire import DEADLINE, Line, Model, request

LISTEN_BACKLOG: Final = 128
# What two connections on loopback hold in the kernel's own buffers at most (tcp_wmem and tcp_rmem), with a margin.
KERNEL: Final = 20 * 1024 * 1024


def endpoint(*models: Model, name: str = "churn", **settings: Any) -> dict[str, Any]:
    """An endpoint as the configuration has it; its variants are blue, green and red."""
    names = ("blue", "green", "red")
    variants = [{"name": name, "url": model.url} for name, model in zip(names, models, strict=False)]
    return {"name": name, "variants": variants, **settings}


def shadow(model: Model, name: str = "dark", **settings: Any) -> dict[str, Any]:
    return {"name": name, "url": model.url, **settings}


class Plane:
    """Everything that a test meets: models, clients, and the worker between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics_dir = folder / "metrics"
        self.errors: list[str] = []
        self.send_buffer: int | None = None  # of the kernel, for each client; by itself it grows to megabytes
        self._models: list[Model] = []
        self._clients: list[Line] = []
        self._address = ("", 0)
        self._worker: _InProcess | None = None
        self._serving: asyncio.Task[None] | None = None
        self._alarm = _Alarm(self.errors)

    async def model(self, *answers: bytes) -> Model:
        """A server that gives these answers, the last one for ever; without any, the test speaks for it."""
        model = Model(answers)
        await model.listen()
        self._models.append(model)
        return model

    async def serve(self, *endpoints: dict[str, Any], **sections: Any) -> None:
        """Run a worker with these endpoints and sections of the configuration; give up at once when it is to stop."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.errors.append(str(context)))
        logging.getLogger("watchtower").addHandler(self._alarm)
        path = self.folder / "watchtower.yaml"
        document = {"endpoints": endpoints, "drain": {"deadline": "0s"}, "data_dir": str(self.folder), **sections}
        path.write_text(json.dumps(document))
        self.metrics_dir.mkdir()
        listener = socket.create_server(("127.0.0.1", 0), backlog=LISTEN_BACKLOG)
        if self.send_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
        self._address = listener.getsockname()
        told, tell = os.pipe()
        plan = WorkerPlan(
            process="w1",
            listen_fds=(listener.detach(),),
            ready_fd=tell,
            metrics_dir=str(self.metrics_dir),
            data_dir=str(self.folder),
            config=b"",
        )
        self._worker = _InProcess(plan, load(path, {}))
        self._serving = loop.create_task(self._worker.serve())
        ready = asyncio.Event()
        loop.add_reader(told, ready.set)
        waiting = loop.create_task(ready.wait())
        await asyncio.wait([self._serving, waiting], timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(told)
        os.close(told)
        if self._serving.done():
            waiting.cancel()
            await self._serving

    async def client(self, receive_buffer: int | None = None, source: str = "127.0.0.1") -> Line:
        """A new connection to the worker."""
        connection = socket.socket()
        connection.bind((source, 0))
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, self._address)
        _, line = await loop.create_connection(Line, sock=connection)
        self._clients.append(line)
        return line

    async def conversation(self, *answers: bytes, **settings: Any) -> tuple[Line, Model]:
        """One client and one model, with the worker between them."""
        model = await self.model(*answers)
        await self.serve(endpoint(model, **settings))
        return await self.client(), model

    async def asked(self, data: bytes, **settings: Any) -> tuple[Line, Line]:
        """The client's end and the model's, where a request's head has arrived and no answer was given."""
        client, model = await self.conversation(**settings)
        client.send(data)
        upstream = await model.line()
        await upstream.head()
        return client, upstream

    async def others_were_served(self, path: str = "/other") -> None:
        """Long enough for everything that could move to have moved: many other exchanges went through the same loop."""
        other = await self.client()
        for _ in range(50):
            await other.send(request(f"GET {path}")).message()

    async def stop(self) -> None:
        """Stop the worker as SIGTERM does; afterwards everything has been counted and written."""
        if self._worker is not None and self._serving is not None:
            self._worker.told()
            await self._serving
            self._worker.close()
            self._worker = None

    async def close(self) -> None:
        await self.stop()
        for line in self._clients:
            line.transport.abort()
        for model in self._models:
            await model.close()
        logging.getLogger("watchtower").removeHandler(self._alarm)
        assert self.errors == []

    @property
    def sweep(self) -> Sweep:
        """Who looks at the deadlines of flows and of requests to shadows."""
        assert self._worker is not None
        return self._worker.sweep

    def count(self, metric: Metric, **labels: str) -> float:
        return totals(self.metrics_dir).value(metric, **labels)

    def outcomes(self) -> dict[str, int]:
        """Of requests, by outcome; those that never happened are left out."""
        return self._counted(REQUEST_OUTCOMES, "outcome")

    def shadow_outcomes(self, name: str = "dark") -> dict[str, int]:
        return self._counted(SHADOW_OUTCOMES, "outcome", shadow=name)

    def refusals(self) -> dict[str, int]:
        return self._counted(REFUSALS, "reason")

    async def counted(self, is_so: Callable[[], bool]) -> None:
        """Wait for a count: it is made when the client has its answer, and tells nobody."""
        async with asyncio.timeout(DEADLINE):
            while not is_so():  # noqa: ASYNC110  a counter in shared memory has no event
                await asyncio.sleep(0.002)

    async def records(self, role: Role | None = None) -> list[Exchange]:
        """What the journal holds when the worker has stopped, the primary's first."""
        await self.stop()
        reader = JournalReader(self.folder / "journal")
        found = [entry.exchange for entry in reader.read()]
        reader.close()
        assert not reader.counts.faults
        return [each for each in sorted(found, key=_order) if role in (None, each.role)]

    def _counted(self, metric: Metric, label: str, **labels: str) -> dict[str, int]:
        by_label = totals(self.metrics_dir).by(metric, label, **labels)
        return {value: int(count) for value, count in by_label.items() if count}


class _InProcess(Worker):
    """A worker whose process is not its own: its signals and its standard input belong to others."""

    def told(self) -> None:
        self._told.set()

    @property
    def sweep(self) -> Sweep:
        return self._sweep

    def close(self) -> None:
        self._sweep.stop()
        self._cells.close()

    def _obey(self, loop: asyncio.AbstractEventLoop) -> None:
        """Told by the test alone."""


class _Alarm(logging.Handler):
    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(self.format(record))


def _order(exchange: Exchange) -> tuple[Sequence[int], bytes]:
    return (exchange.role is not Role.PRIMARY, exchange.started_ns), exchange.request_id

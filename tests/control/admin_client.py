"""An admin server with one endpoint, and who asks it."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from watchtower.address import Address
from watchtower.control.admin import AdminParts, admin_app, bind_admin, start_admin
from watchtower.control.generation import WorkerStatus
from watchtower.control.supervisor import ReloadStatus
from watchtower.control.views import EndpointView, MatchView, MirrorView, VariantView
from watchtower.control.worker_process import WorkerState
from watchtower.units import Secret

CHURN = EndpointView(
    name="churn",
    match=MatchView(host="*", path="/"),
    variants=[
        VariantView(name="blue", url="http://127.0.0.1:8000", weight=95.0),
        VariantView(name="green", url="http://127.0.0.1:8002", weight=5.0),
    ],
    shadows=[MirrorView(name="v2", url="http://127.0.0.1:8001")],
)


def parts_in(directory: Path, token: Secret | None = None) -> AdminParts:
    return AdminParts(
        token=token,
        metrics_directory=directory,
        routes_file=directory / "routes.json",
        data_dir=directory,
        endpoints=lambda: [CHURN],
        workers=lambda: [WorkerStatus(1, 1, WorkerState.READY, 2, 7, None)],
        last_reload=lambda: ReloadStatus(12.0, False, ("a mistake",)),
        is_draining=lambda: False,
        take_census=lambda: None,
    )


class Client:
    def __init__(self, session: aiohttp.ClientSession, address: Address) -> None:
        self.address = address
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, Any]:
        """Status, content type, and the body: decoded when it is JSON."""
        octets = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        data = None if octets is None else io.BytesIO(octets)
        async with self._session.request(method, path, data=data, headers=headers) as answer:
            text = await answer.text()
            kind = answer.content_type
            return answer.status, kind, json.loads(text) if kind.endswith("json") and text else text

    async def headers(self, method: str, path: str) -> dict[str, str]:
        async with self._session.request(method, path) as answer:
            return dict(answer.headers)


@asynccontextmanager
async def serving(parts: AdminParts) -> AsyncIterator[Client]:
    runner = await start_admin(admin_app(parts), bind_admin(Address("127.0.0.1", 0)))
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield Client(session, Address(host, port))
    await runner.cleanup()

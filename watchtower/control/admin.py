"""The admin server: what runs, how it fares, and the weights that may be changed while it runs."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from watchtower.address import Address
from watchtower.control.access import refusal
from watchtower.control.analysis import AnalysisHandlers
from watchtower.control.analyst_keeper import AnalystStatus
from watchtower.control.answers import endpoint_of, json_answer, problem_answer
from watchtower.control.generation import WorkerStatus
from watchtower.control.openapi import OPERATIONS, openapi
from watchtower.control.readiness import ProbeTarget, Unreachable, probe, readiness
from watchtower.control.reports import ReportHandlers
from watchtower.control.routes_file import (
    OverridesReader,
    WeightsError,
    changed_weights,
    effective_weights,
    with_weights,
    write_overrides,
)
from watchtower.control.sockets import listen_alone_at
from watchtower.control.status import status
from watchtower.control.supervisor import ReloadStatus
from watchtower.control.views import Endpoints, EndpointView, Health, Problem, WeightsChange, WeightsView
from watchtower.control.weights_change import read_change
from watchtower.errors import StartError
from watchtower.metrics.collect import render, totals
from watchtower.reports.settings import ReportSettings
from watchtower.units import Secret

MAX_BODY: Final = 64 * 1024  # weights of a thousand variants; what is larger is no weights
PROBE_AGE: Final = 1.0  # seconds an answer is used again, so that asking us often is not asking the upstreams often

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the admin server shows and may change, as plain values and callables."""

    token: Secret | None
    metrics_directory: Path
    routes_file: Path
    data_dir: Path
    endpoints: Callable[[], Sequence[EndpointView]]  # with the configuration's weights
    workers: Callable[[], Sequence[WorkerStatus]]
    last_reload: Callable[[], ReloadStatus | None]
    is_draining: Callable[[], bool]
    take_census: Callable[[], None]  # brings the supervisor's own metrics up to date
    probe_targets: Callable[[], Sequence[ProbeTarget]] = tuple
    probe_timeout: float = 1.0
    analyst: Callable[[], AnalystStatus] = AnalystStatus
    reports: Callable[[], ReportSettings] = ReportSettings


def admin_app(parts: AdminParts) -> web.Application:
    app = web.Application(middlewares=[_guard(parts.token)], client_max_size=MAX_BODY)
    holders = (
        _Handlers(parts),
        AnalysisHandlers(parts.data_dir, parts.endpoints, parts.analyst),
        ReportHandlers(parts.data_dir, parts.endpoints, parts.analyst, parts.reports),
    )
    for operation in OPERATIONS:
        handler: Handler = next(
            getattr(holder, operation.name) for holder in holders if hasattr(holder, operation.name)
        )
        app.router.add_route(operation.method, operation.path, handler)
        if operation.method == "GET":
            app.router.add_route("HEAD", operation.path, handler)
    return app


def bind_admin(address: Address) -> list[socket.socket]:
    """At everything that the address stands for. Who asks before the server is started waits for it."""
    try:
        return listen_alone_at(address)
    except StartError as error:
        raise StartError(f"admin server: {error}") from error


async def start_admin(app: web.Application, listeners: Iterable[socket.socket]) -> web.AppRunner:
    """Serves until the runner's `cleanup`."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    for listener in listeners:
        await web.SockSite(runner, listener).start()
    return runner


class _Handlers:
    """One method for each operation, of the same name."""

    def __init__(self, parts: AdminParts) -> None:
        self._parts = parts
        self._started = time.monotonic()
        self._overrides = OverridesReader(parts.routes_file)
        self._changing = asyncio.Lock()
        self._probed_at = -PROBE_AGE
        self._unreachable: list[Unreachable] = []
        self._probing = asyncio.Lock()
        self._document = msgspec.json.encode(openapi())

    async def health(self, _: web.Request) -> web.Response:
        return json_answer(Health())

    async def readiness(self, _: web.Request) -> web.Response:
        targets = self._parts.probe_targets()
        found = await self._probe(targets)
        ready = readiness(self._parts.workers(), targets, found, is_draining=self._parts.is_draining())
        return json_answer(ready, 200 if ready.is_ready else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        self._parts.take_census()
        page = render(self._parts.metrics_directory, request.headers.get("Accept", ""))
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    async def status(self, _: web.Request) -> web.Response:
        found = status(
            totals(self._parts.metrics_directory),
            self._parts.endpoints(),
            self._parts.workers(),
            self._parts.analyst(),
            self._parts.last_reload(),
            uptime=time.monotonic() - self._started,
            is_draining=self._parts.is_draining(),
        )
        return json_answer(found)

    async def endpoints(self, _: web.Request) -> web.Response:
        return json_answer(Endpoints(endpoints=[self._with_current(endpoint) for endpoint in self._parts.endpoints()]))

    async def weights(self, request: web.Request) -> web.Response:
        return json_answer(self._weights_of(endpoint_of(request, self._parts.endpoints())))

    async def change_weights(self, request: web.Request) -> web.Response:
        endpoint = endpoint_of(request, self._parts.endpoints())
        body = await request.read()
        try:
            change = read_change(body)
            async with self._changing:
                await self._change(endpoint, change)
        except WeightsError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        except OSError as error:
            logger.error("changed weights cannot be kept", extra={"error": str(error)})  # noqa: TRY400  the disk's fault
            raise web.HTTPInternalServerError(text=f"The weights cannot be kept: {error.strerror}.") from error
        return json_answer(self._weights_of(endpoint))

    async def document(self, _: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")

    async def _change(self, endpoint: EndpointView, change: WeightsChange) -> None:
        weights = changed_weights(self._weights_of(endpoint).weights, change.weights)
        overrides = with_weights(self._overrides.current, endpoint.name, endpoint.weights(), weights)
        # In a thread: fsync takes as long as the disk likes, and the supervisor must see to its workers.
        await asyncio.to_thread(write_overrides, self._parts.routes_file, overrides)
        logger.info("weights are changed", extra={"endpoint": endpoint.name, "weights": weights})

    async def _probe(self, targets: Sequence[ProbeTarget]) -> list[Unreachable]:
        async with self._probing:
            if targets and time.monotonic() - self._probed_at >= PROBE_AGE:
                self._unreachable = await probe(targets, self._parts.probe_timeout)
                self._probed_at = time.monotonic()
            return self._unreachable if targets else []

    def _weights_of(self, endpoint: EndpointView) -> WeightsView:
        self._overrides.look()
        configured = endpoint.weights()
        weights = effective_weights(configured, self._overrides.current.endpoints.get(endpoint.name))
        return WeightsView(weights=weights, is_override=weights != configured)

    def _with_current(self, endpoint: EndpointView) -> EndpointView:
        weights = self._weights_of(endpoint).weights
        variants = [msgspec.structs.replace(variant, weight=weights[variant.name]) for variant in endpoint.variants]
        return msgspec.structs.replace(endpoint, variants=variants)


def _guard(token: Secret | None) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        if refused := refusal(request.method, request.path, request.headers.get("Host", ""), authorization, token):
            return problem_answer(refused, {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {})
        try:
            return await handler(request)
        except web.HTTPException as error:
            kept = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return problem_answer(Problem(title=error.reason, status=error.status, detail=_detail(error)), kept)
        except web.RequestPayloadError:
            return _unreadable(request)
        except ConnectionError:  # the client left within its body, and nobody is told this
            return problem_answer(Problem(title="Bad Request", status=400, detail="The body ended early."))
        except Exception:  # one request's failure must not be told to its client, nor end the others
            logger.exception("an admin request failed", extra={"operation": request.path})
            return problem_answer(Problem(title="Internal Server Error", status=500, detail="The log says why."), {})

    return guard


def _unreadable(request: web.Request) -> web.Response:
    """A body that is not what its Content-Encoding or Transfer-Encoding says. Nothing behind it can be trusted."""
    request.content.feed_eof()  # aiohttp would read on, meet the same error, and log its trace
    detail = "The body cannot be decoded: it is not what its Content-Encoding or Transfer-Encoding says."
    answer = problem_answer(Problem(title="Bad Request", status=400, detail=detail))
    answer.force_close()
    return answer


def _detail(error: web.HTTPException) -> str:
    """What to do about it; of the router's own refusals the text only repeats the title."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"This path answers {', '.join(sorted(error.allowed_methods))}."
    if error.text == f"{error.status}: {error.reason}":
        return "Nothing is at this path; /openapi.json lists what there is."
    return error.text or error.reason

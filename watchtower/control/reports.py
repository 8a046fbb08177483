"""Evidently's pages, listed and served.

A page is another project's, and values that clients sent stand in it. So it is served into a sandbox: its scripts run,
which draw it, but in an origin of their own that nothing else is of, and they can load from nowhere and send nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiohttp import web

from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.control.answers import endpoint_of, json_answer
from watchtower.control.views import EndpointView, ReportsView, ReportView
from watchtower.reports import folder
from watchtower.reports.settings import ReportSettings

_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " style-src 'unsafe-inline'; img-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'"
)
CONFINED: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # live values stand in it
}


class ReportHandlers:
    """One method for each operation, of the same name."""

    def __init__(
        self,
        data_dir: Path,
        endpoints: Callable[[], Sequence[EndpointView]],
        analyst: Callable[[], AnalystStatus],
        settings: Callable[[], ReportSettings],
    ) -> None:
        self._data_dir = data_dir
        self._endpoints = endpoints
        self._analyst = analyst
        self._settings = settings

    async def reports(self, request: web.Request) -> web.Response:
        endpoint = endpoint_of(request, self._endpoints())
        pages = await asyncio.to_thread(folder.kept, self._data_dir, endpoint.name)
        shown = [ReportView(name=page.path.name, at=page.at, occasion=page.occasion, size=page.size) for page in pages]
        return json_answer(ReportsView(reports=shown, every=self._settings().every, waiting_for=self._why_none()))

    async def report(self, request: web.Request) -> web.StreamResponse:
        endpoint, name = endpoint_of(request, self._endpoints()), request.match_info["report"]
        path = await asyncio.to_thread(folder.found, self._data_dir, endpoint.name, name)
        if path is None:
            raise web.HTTPNotFound(text="No report of this endpoint has this name.")
        return web.FileResponse(path, headers=CONFINED)

    def _why_none(self) -> str:
        if self._analyst().state is AnalystState.OFF:
            return "the analyst is left off (`analyst: false`)"
        # As reports.report has it, which the supervisor does not load.
        if any(find_spec(name) is None for name in ("evidently", "pandas")):
            return "the extra is not installed: pip install 'watchtower-sidecar[reports]'"
        return ""

"""What the analyst found, as it stands in the state database, and the labels that it waits for.

The database is asked in a thread: it lies on a disk, and the supervisor must see to its workers. It is opened for each
question, which takes a millisecond, so that one that is moved away or made anew needs no restart of ours.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from aiohttp import web

from watchtower.analyst import documents
from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.control.answers import endpoint_of, json_answer, problem_answer
from watchtower.control.views import EndpointView, LabelMistake, LabelsRefused, LabelsTaken
from watchtower.performance.labels import Label, LabelFault, Parsed, parse_json
from watchtower.store.database import NAME, Access, Database
from watchtower.store.documents import Documents
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.inbox import InboxLabel, LabelInbox, Received

MAX_LABELS_BODY: Final = 1024 * 1024
MAX_LABELS: Final = 10_000  # in one request: a transaction that others wait for by tens of milliseconds

logger = logging.getLogger(__name__)


class AnalysisHandlers:
    """One method for each operation, of the same name."""

    def __init__(
        self,
        data_dir: Path,
        endpoints: Callable[[], Sequence[EndpointView]],
        analyst: Callable[[], AnalystStatus],
    ) -> None:
        self._path = data_dir / NAME
        self._endpoints = endpoints
        self._analyst = analyst

    async def analysis(self, request: web.Request) -> web.Response:
        return await self._shown(request, documents.STATUS)

    async def drift(self, request: web.Request) -> web.Response:
        return await self._shown(request, documents.DRIFT)

    async def baseline(self, request: web.Request) -> web.Response:
        return await self._shown(request, documents.BASELINE)

    async def schema(self, request: web.Request) -> web.Response:
        return await self._shown(request, documents.SCHEMA)

    async def performance(self, request: web.Request) -> web.Response:
        return await self._shown(request, documents.PERFORMANCE)

    async def shadow(self, request: web.Request) -> web.Response:
        name = request.match_info["shadow"]
        if name not in [shadow.name for shadow in endpoint_of(request, self._endpoints()).shadows]:
            raise web.HTTPNotFound(text="No shadow of this endpoint has this name.")
        return await self._shown(request, documents.SHADOW, name)

    async def add_labels(self, request: web.Request) -> web.Response:
        if self._analyst().state is AnalystState.OFF:
            raise web.HTTPConflict(text="The analyst is left off (`analyst: false`): nobody would read labels.")
        body = await request.clone(client_max_size=MAX_LABELS_BODY).read()
        names = [endpoint.name for endpoint in self._endpoints()]
        parsed = await asyncio.to_thread(parse_json, body, time.time_ns(), endpoints=names)
        if refused := _refusal(parsed):
            return problem_answer(refused)
        if len(parsed.labels) > MAX_LABELS:
            raise web.HTTPRequestEntityTooLarge(MAX_LABELS, len(parsed.labels), text=_TOO_MANY)
        try:
            received = await asyncio.to_thread(_put, self._path, parsed.labels)
        except StoreError as error:
            lost = _LOST if error.fault is StoreFault.FOLDER_GONE else ""
            raise _unavailable(error, "labels cannot be kept", lost) from error
        taken = LabelsTaken(
            accepted=received.new,
            updated=received.updated,
            unchanged=received.repeated,
            outdated=received.outdated,
        )
        return json_answer(taken)

    async def _shown(self, request: web.Request, subject: str, shadow: str = "") -> web.Response:
        """The document as it is stored: the analyst made it of the type that the API promises."""
        endpoint = endpoint_of(request, self._endpoints())
        try:
            wanted = documents.key(subject, endpoint.name, shadow)
            document, is_known = await asyncio.to_thread(
                _read, self._path, wanted, documents.key(documents.STATUS, endpoint.name)
            )
        except StoreError as error:
            raise _unavailable(error, "the analysis cannot be read") from error
        if document is None:
            raise web.HTTPNotFound(text=self._why_nothing(is_known=is_known))
        return web.Response(body=document, content_type="application/json")

    def _why_nothing(self, *, is_known: bool) -> str:
        if is_known:
            return "The analyst knows this endpoint, and has had nothing to tell about this yet."
        if self._analyst().state is AnalystState.OFF:
            return "The analyst is left off (`analyst: false`), and it has left nothing about this."
        return "No exchange has been analysed yet. /api/v1/status shows the analyst and its lag."


_TOO_MANY: Final = f"More than {MAX_LABELS} labels: send them in several requests, or with `watchtower labels add`."

_LOST: Final = " The log says what is lost: put state.db back, or move the store's folder away."


def _read(path: Path, key: str, status: str) -> tuple[bytes | None, bool]:
    """The document, and whether there is one about the endpoint at all. Before the analyst's first start there is no database, which is nothing to be told as a failure."""
    try:
        with closing(Database(path, Access.READ)) as database:
            shown = Documents(database)
            return shown.get(key), shown.get(status) is not None
    except StoreError as error:
        if error.fault is StoreFault.FOLDER_GONE:
            return None, False
        raise


def _put(path: Path, labels: Sequence[Label]) -> Received:
    with closing(Database(path, Access.WRITE)) as database:
        return LabelInbox(database).put(InboxLabel.of(label) for label in labels)


def _refusal(parsed: Parsed) -> LabelsRefused | None:
    """One mistake refuses all: whoever sends them again need not know which were taken."""
    count = sum(parsed.faults.values())
    if not count:
        return None
    if LabelFault.NOT_JSON in parsed.faults:
        return LabelsRefused(title="Bad Request", status=400, detail=parsed.errors[0].message)
    mistakes = [
        LabelMistake(index=error.line - 1, reason=error.fault, message=error.message) for error in parsed.errors
    ]
    detail = f"{count} of {count + len(parsed.labels)} are no labels: none was taken."
    return LabelsRefused(title="Bad Request", status=400, detail=detail, mistakes=mistakes)


def _unavailable(error: StoreError, event: str, advice: str = "") -> web.HTTPServiceUnavailable:
    logger.error(event, extra={"reason": str(error.fault), "error": str(error)})
    return web.HTTPServiceUnavailable(text=f"{event[0].upper()}{event[1:]} now: {error.fault}.{advice}")

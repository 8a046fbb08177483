"""Draws the reports that are due, one at a time, in a thread of the analyst's process that asks what the store shows.

It shares nothing with the analyst's own thread: what alarms stand is read where everybody reads it, and what was drawn
is told by the files. What takes time and memory happens in a process of low priority.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import msgspec

from watchtower.analyst.documents import DRIFT, DriftView, key
from watchtower.clock import SECOND, Clock, patient
from watchtower.reports import folder
from watchtower.reports.folder import FOLDER, Occasion
from watchtower.reports.report import EVIDENTLY, ReportError, ReportFault, write_report
from watchtower.reports.schedule import due
from watchtower.reports.settings import ReportSettings
from watchtower.reports.window import requested
from watchtower.store.database import Access
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State

LOOK_S: Final = 20.0
LEAVE_S: Final = 2.0  # to end the process that draws
WRITTEN: Final = "written"

logger = logging.getLogger(__name__)


class ReportKeeper:
    def __init__(
        self,
        data_dir: Path,
        endpoints: Sequence[str],
        settings: ReportSettings,
        store: StoreSettings,
        told: Callable[[str], None],
        program: Sequence[str] = EVIDENTLY,
    ) -> None:
        """`told` is given what became of each: `written`, or the word of a ReportFault."""
        self._data_dir = data_dir
        self._settings = settings
        self._store = store
        self._told = told
        self._program = program
        self._tried: dict[str, dict[Occasion, float]] = {name: {} for name in endpoints}
        self.over = Event()

    def look(self, now: float, old_by: float | None = None) -> list[Path]:
        """Clears away what is too old, by a clock that may be more careful, and draws what is due; gives what was drawn."""
        for removed in folder.sweep(self._data_dir, self._settings, now if old_by is None else old_by):
            logger.info("a report is removed", extra={"report": removed.name})
        drawn: list[Path] = []
        failed: dict[str, Exception] = {}
        for endpoint in self._tried:
            try:
                page = self._look_at(endpoint, now)
            except Exception as error:  # noqa: BLE001  it is told below, and the others have their pages
                failed[endpoint] = error
            else:
                drawn += [] if page is None else [page]
        if failed:
            _tell(failed)
        return drawn

    def _look_at(self, endpoint: str, now: float) -> Path | None:
        since, alarms = self._standing(endpoint)
        if since is None or self.over.is_set():
            return None
        tried = self._tried[endpoint]
        wanted = due(folder.kept(self._data_dir, endpoint), alarms, since, tried, self._settings, now)
        if wanted is None:
            return None
        occasion, at = wanted
        tried[occasion] = now
        return self._draw(endpoint, occasion, at, now)

    def _draw(self, endpoint: str, occasion: Occasion, at: float, now: float) -> Path | None:
        settings = self._settings
        seconds = settings.every if occasion is Occasion.SCHEDULE and settings.every else settings.window
        told = {"endpoint": endpoint, "occasion": str(occasion)}
        try:
            request = requested(
                self._data_dir, endpoint, seconds, settings.max_rows, self._store, now=now, occasion=occasion, at=at
            )
            written = write_report(request, settings, self._program, self.over)
        except ReportError as error:
            self._told(error.fault)
            level = logging.INFO if error.fault is ReportFault.STOPPED else logging.WARNING
            logger.log(level, "a report was not drawn", extra={**told, "reason": str(error.fault), "error": str(error)})
            return None
        self._told(WRITTEN)
        logger.info("a report is drawn", extra={**told, "report": written.path.name})
        return written.path

    def _standing(self, endpoint: str) -> tuple[float | None, list[float]]:
        """When the baseline in force was made, if there is one, and when the alarms that stand were raised."""
        try:
            with State(self._data_dir, Access.READ) as state:
                active = next((one for one in state.baselines.list(endpoint) if one.is_active), None)
                document = state.document(key(DRIFT, endpoint))
        except StoreError as error:
            if error.fault is StoreFault.FOLDER_GONE:  # until something was analysed there is no state
                return None, []
            raise
        alarms = msgspec.json.decode(document, type=DriftView).alarms if document else []
        return active.made_at_ns / SECOND if active else None, [alarm.detected for alarm in alarms]


def _tell(failed: Mapping[str, Exception]) -> None:
    """Once a round, by the first of them: what fails for one endpoint seldom fails for it alone."""
    error = next(iter(failed.values()))
    trace = None if isinstance(error, StoreError) else error
    logger.warning(
        "reports cannot be looked after", exc_info=trace, extra={"endpoints": [*failed], "error": str(error)}
    )


def alarm_pages(data_dir: Path, endpoint: str) -> Callable[[float], str | None]:
    """By the time of an alarm, where the page lies that was drawn for it, below the data folder."""
    pages = folder.kept(data_dir, endpoint)

    def page_of(detected: float) -> str | None:
        page = folder.of_alarm(pages, detected)
        return f"{FOLDER}/{endpoint}/{page.path.name}" if page else None

    return page_of


@contextmanager
def reports_kept(keeper: ReportKeeper, clock: Clock, *, can_draw: bool, every_s: float = LOOK_S) -> Iterator[None]:
    """In a thread beside the analyst. Where Evidently is not installed nobody is asked for reports."""
    if not can_draw:
        logger.info(
            "no reports are drawn", extra={"reason": "pip install 'watchtower-sidecar[reports]' would have them"}
        )
        yield
        return

    careful_ns = patient(clock)

    def work() -> None:
        while not keeper.over.wait(every_s):
            try:
                keeper.look(clock.wall_ns() / SECOND, careful_ns() / SECOND)
            except Exception:  # whatever it was, the next round tries again
                logger.exception("reports cannot be looked after")

    thread = Thread(target=work, name="reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        keeper.over.set()
        thread.join(LEAVE_S)

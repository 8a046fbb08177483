"""Where reports lie, and for how long: `reports/ENDPOINT/TIME-OCCASION.html` in the data folder.

A name says when and why its page was drawn, so a restart knows what is due from what lies there; nothing else is kept.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

from watchtower.record import Word
from watchtower.reports.settings import ReportSettings

FOLDER: Final = "reports"
UNFINISHED: Final = ".report-"  # the beginning of a folder that a report is drawn in
_FORM: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)-(schedule|alarm|asked)\.html", re.ASCII)
ALARM_EVERY_S: Final = 3600.0


class Occasion(Word):
    SCHEDULE = "schedule"
    ALARM = "alarm"
    ASKED = "asked"


class Kept(NamedTuple):
    """A page. Its time is a whole second: when an alarm was raised, of the newest row when it was asked for, or of now."""

    path: Path
    at: float
    occasion: Occasion
    size: int
    written: float

    @property
    def young_at(self) -> float:
        """From when its age counts: what was asked for of rows that are long past shall not go at once."""
        return max(self.at, self.written)


def path_of(data_dir: Path, endpoint: str, at: float, occasion: Occasion) -> Path:
    return data_dir / FOLDER / endpoint / f"{datetime.fromtimestamp(at, UTC):{_FORM}}-{occasion}.html"


def kept(data_dir: Path, endpoint: str) -> list[Kept]:
    """Its pages, the newest first."""
    return sorted(_pages(data_dir / FOLDER / endpoint), key=lambda page: page.at, reverse=True)


def found(data_dir: Path, endpoint: str, name: str) -> Path | None:
    """The page of this name: one that `kept` would list, and no other file."""
    return next((page.path for page in kept(data_dir, endpoint) if page.path.name == name), None)


def of_alarm(pages: Sequence[Kept], detected: float) -> Kept | None:
    """The page that shows what an alarm was raised by: its own, or one that was drawn within the hour for another."""
    alarms = [page for page in pages if page.occasion is Occasion.ALARM]
    behind = [page for page in alarms if 0 <= page.at - int(detected) <= ALARM_EVERY_S]
    before = [page for page in alarms if 0 < int(detected) - page.at <= ALARM_EVERY_S]
    return min(behind, key=lambda page: page.at, default=None) or max(before, key=lambda page: page.at, default=None)


def sweep(data_dir: Path, settings: ReportSettings, now: float) -> list[Path]:
    """Removes pages that are too old or too much, and what a process left that died while it drew."""
    folders = _listed(data_dir / FOLDER)
    pages = sorted(
        (page for folder in folders for page in _pages(folder)), key=lambda page: page.young_at, reverse=True
    )
    removed, size = [], 0
    for page in pages:
        size += page.size
        if now - page.young_at > settings.retention or size > settings.max_disk:
            with suppress(OSError):  # whoever draws the next one there is told
                page.path.unlink(missing_ok=True)
                removed.append(page.path)
    for path in (path for folder in folders for path in _listed(folder) if path.name.startswith(UNFINISHED)):
        with suppress(OSError):  # it has just been drawn in, and is gone
            if now - path.stat().st_mtime > 2 * settings.deadline:
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
    return removed


def _pages(folder: Path) -> Iterator[Kept]:
    for path in _listed(folder):
        if (match := _NAME.fullmatch(path.name)) and (page := _page(path, match)):
            yield page


def _page(path: Path, match: re.Match[str]) -> Kept | None:
    """Nothing, where the name says a day that never was, or there is no file to be read."""
    try:
        at = datetime.strptime(match[1], _FORM).replace(tzinfo=UTC).timestamp()
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Kept(path, at, Occasion(match[2]), status.st_size, status.st_mtime) if S_ISREG(status.st_mode) else None


def _listed(folder: Path) -> list[Path]:
    """Nothing, too, where it may not be read: another user made it, or what lies there is no folder."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []

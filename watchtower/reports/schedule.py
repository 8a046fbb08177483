"""Which report is due: a decision from what lies there, what stands, and the time."""

from collections.abc import Mapping, Sequence
from typing import Final

from watchtower.reports.folder import ALARM_EVERY_S, Kept, Occasion
from watchtower.reports.settings import ReportSettings

AGAIN_S: Final = 3600.0  # after one that failed; what it lacked is seldom there a minute later
# Of an older alarm nobody needs a page of what has come since; after a restart, or a new version, none is drawn for it.
ALARM_FRESH_S: Final = 86400.0
# Further ahead than events of a clock that is right: it was set ahead once, and what it dated holds nothing up.
AHEAD_S: Final = 86400.0


def due(
    pages: Sequence[Kept],
    alarms: Sequence[float],
    since: float,
    tried: Mapping[Occasion, float],
    settings: ReportSettings,
    now: float,
) -> tuple[Occasion, float] | None:
    """Why one of an endpoint's is to be drawn, and the time for its name.

    `alarms`: when those that stand were raised. `since`: when its baseline was made. `tried`: when one was last begun.
    """
    pages = [page for page in pages if page.at <= now + AHEAD_S]
    begun = {occasion: at for occasion, at in tried.items() if at <= now + AHEAD_S}
    fresh = [at for at in alarms if now - ALARM_FRESH_S < at <= now + AHEAD_S]
    if settings.on_alarm and fresh:
        last = _last(pages, Occasion.ALARM)
        rested = now - max(last, begun.get(Occasion.ALARM, 0.0)) >= ALARM_EVERY_S
        if int(max(fresh)) > last and rested:
            return Occasion.ALARM, max(fresh)
    if settings.every is not None:
        last = max(_last(pages, Occasion.SCHEDULE), since if since <= now + AHEAD_S else 0.0)
        rested = now - begun.get(Occasion.SCHEDULE, 0.0) >= min(settings.every, AGAIN_S)
        if now - last >= settings.every and rested:
            return Occasion.SCHEDULE, now
    return None


def _last(pages: Sequence[Kept], occasion: Occasion) -> float:
    return max((page.at for page in pages if page.occasion is occasion), default=0.0)

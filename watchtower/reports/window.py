"""A window of an endpoint's rows and its baseline's own sample, as a report is asked for: from what the store keeps."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]

from watchtower.drift.baseline import Baseline
from watchtower.reports.folder import Occasion, path_of
from watchtower.reports.report import ReportError, ReportFault, ReportRequest
from watchtower.store.baselines import StoredBaseline
from watchtower.store.cells import column
from watchtower.store.database import Access
from watchtower.store.query import Query
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.statement import QueryError
from watchtower.store.views import quoted
from watchtower.units import format_duration


def requested(
    data_dir: Path,
    endpoint: str,
    seconds: float,
    rows: int,
    store: StoreSettings,
    *,
    now: float,
    occasion: Occasion = Occasion.ASKED,
    at: float | None = None,
    output: Path | None = None,
) -> ReportRequest:
    """Of the last so many seconds of its rows; a ReportError says why there is nothing to draw.

    A row from after `now`, which a clock set ahead has left, is not among them. `at` names the page: without it, the newest
    row does. The same store gives the same rows.
    """
    with State(data_dir, Access.READ) as state:
        stored = state.baselines.active(endpoint)
    if stored is None:
        message = f"{endpoint}: no baseline is in force yet; `watchtower drift` says what it waits for"
        raise ReportError(ReportFault.NO_BASELINE, message)
    baseline = _decoded(stored)
    newest, current = _window(data_dir, endpoint, baseline, seconds, rows, store, now)
    return ReportRequest(
        reference=pa.table({name: column(cells, baseline.kinds[name]) for name, cells in baseline.sample.items()}),
        current=current,
        kinds={name: kind for name, kind in baseline.kinds.items() if name in baseline.sample},
        title=f"{endpoint}: {format_duration(seconds)} until {newest:%Y-%m-%d %H:%M} UTC against {baseline.name}",
        output=output or path_of(data_dir, endpoint, newest.timestamp() if at is None else at, occasion),
    )


def _decoded(stored: StoredBaseline) -> Baseline:
    try:
        baseline = Baseline.from_bytes(stored.profile)
    except (ValueError, msgspec.DecodeError) as error:
        message = f"{stored.endpoint}: the baseline {stored.name} cannot be read: {error}"
        raise ReportError(ReportFault.UNREADABLE, message) from error
    if not baseline.sample:
        message = f"{stored.endpoint}: the baseline {stored.name} keeps no rows, so nothing can be drawn"
        raise ReportError(ReportFault.NO_BASELINE, message)
    return baseline


def _window(
    data_dir: Path, endpoint: str, baseline: Baseline, seconds: float, rows: int, store: StoreSettings, now: float
) -> tuple[datetime, Any]:
    """The newest row's time, and a sample of the rows of the time before it: the primary's, and no test's."""
    view = quoted(f"rows_{endpoint}")
    ours = f"role = 'primary' AND test_run IS NULL AND started <= {_moment(now)}"
    with Query(data_dir, store) as query:
        try:
            there = set(query.run(f"SELECT * FROM {view} LIMIT 0").schema.names)  # noqa: S608  quoted
            names = [name for name in baseline.sample if name in there]
            last = query.run(f"SELECT max(started) AS newest FROM {view} WHERE {ours}")  # noqa: S608  quoted
            newest = last.table()["newest"][0].as_py()
            if newest is None or not names:
                raise ReportError(ReportFault.NO_ROWS, f"{endpoint}: no rows are kept that have the baseline's columns")
            since = max(0.0, newest.timestamp() - seconds)  # a duration may be longer than there are years
            chosen = query.run(
                f"SELECT {', '.join(map(quoted, names))} FROM {view}"  # noqa: S608  quoted
                f" WHERE {ours} AND started >= {_moment(since)}"
                f" ORDER BY hash(request_id, row) LIMIT {rows:d}"
            ).table()
        except QueryError as error:
            raise ReportError(ReportFault.NO_ROWS, f"{endpoint}: no rows can be read: {error}") from error
    return newest.astimezone(UTC), chosen


def _moment(at: float) -> str:
    return f"TIMESTAMPTZ '{datetime.fromtimestamp(at, UTC).isoformat()}'"

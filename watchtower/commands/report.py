import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]

from watchtower.commands import found
from watchtower.commands.layout import printable
from watchtower.drift.baseline import Baseline
from watchtower.errors import ConfigError
from watchtower.reports.report import ReportRequest, ReportWritten, write_report
from watchtower.reports.settings import ReportSettings
from watchtower.store.cells import column
from watchtower.store.query import Query
from watchtower.store.settings import StoreSettings
from watchtower.store.statement import QueryError
from watchtower.store.views import quoted
from watchtower.units import format_duration, parse_duration

EXAMPLES: Final = """\
examples:
  watchtower report
  watchtower report --endpoint churn --window 6h --output churn.html

Evidently draws it, of a sample of the rows against the baseline's own sample: pip install 'watchtower-sidecar[reports]'.
Its colours are per-column tests of one window; alarms with a promised rate are what `watchtower drift` tells.
exit status: 0 written, 1 it could not be, 2 wrong usage or nothing there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    found.add_arguments(parser, endpoint="of this endpoint; not needed where there is only one")
    parser.add_argument(
        "--window", metavar="DURATION", type=_duration, default=3600.0, help="the last of its rows (1h)"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, help="(reports/ENDPOINT-TIME.html in the data_dir)")


def main(args: argparse.Namespace) -> int:
    endpoint, baseline = _baseline(args.data_dir, args.endpoint)
    settings = ReportSettings()
    newest, current = _window(args.data_dir, endpoint, baseline, args.window, settings.max_rows)
    output = args.output or args.data_dir / "reports" / f"{endpoint}-{newest:%Y%m%dT%H%M%SZ}.html"
    written = write_report(
        ReportRequest(
            reference=pa.table({name: column(cells, baseline.kinds[name]) for name, cells in baseline.sample.items()}),
            current=current,
            kinds={name: kind for name, kind in baseline.kinds.items() if name in baseline.sample},
            title=f"{endpoint}: {format_duration(args.window)} until {newest:%Y-%m-%d %H:%M} UTC against {baseline.name}",
            output=output,
        ),
        settings,
    )
    if args.json:
        found.print_json(_as_json(written))
    else:
        sys.stdout.write(
            f"{written.path}: {written.current_rows:,} rows against {written.reference_rows:,} of the baseline,"
            f" {len(written.columns)} columns\n"
        )
        found.print_lines([f"  left out: {printable(name)}: {why}" for name, why in written.left_out.items()])
    return 0


def _baseline(data_dir: Path, endpoint: str | None) -> tuple[str, Baseline]:
    with found.opened(data_dir) as state:
        active = [one for one in state.baselines.list(endpoint) if one.is_active]
        if not active:
            raise ConfigError([f"{data_dir}: no baseline is in force yet; `watchtower drift` says what it waits for"])
        if len(active) > 1:
            raise ConfigError([f"--endpoint: expected one of {', '.join(one.endpoint for one in active)}"])
        stored = state.baselines.active(active[0].endpoint)
    if stored is None:
        raise ConfigError([f"{data_dir}: the baseline was taken back a moment ago"])
    baseline = Baseline.from_bytes(stored.profile)
    if not baseline.sample:
        raise ConfigError([f"{stored.endpoint}: the baseline {stored.name} keeps no rows, so nothing can be drawn"])
    return stored.endpoint, baseline


def _window(data_dir: Path, endpoint: str, baseline: Baseline, seconds: float, rows: int) -> tuple[datetime, Any]:
    """The newest row's time, and a sample of the rows of the time before it: the same rows for the same store."""
    with Query(data_dir, StoreSettings()) as query:
        view = quoted(f"rows_{endpoint}")
        try:
            there = set(query.run(f"SELECT * FROM {view} LIMIT 0").schema.names)  # noqa: S608  quoted
            names = [name for name in baseline.sample if name in there]
            newest = query.run(f"SELECT max(started) AS newest FROM {view}").table()["newest"][0].as_py()  # noqa: S608  quoted
            if newest is None or not names:
                raise ConfigError([f"{endpoint}: no rows are kept that have the baseline's columns"])
            since = datetime.fromtimestamp(newest.timestamp() - seconds, UTC)
            chosen = query.run(
                f"SELECT {', '.join(map(quoted, names))} FROM {view}"  # noqa: S608  quoted
                f" WHERE role = 'primary' AND test_run IS NULL AND started >= TIMESTAMPTZ '{since.isoformat()}'"
                f" ORDER BY hash(request_id, row) LIMIT {rows:d}"
            ).table()
        except QueryError as error:
            raise ConfigError([f"{endpoint}: no rows are kept yet: {error}"]) from error
    return newest.astimezone(UTC), chosen


def _as_json(written: ReportWritten) -> dict[str, object]:
    return {
        "path": str(written.path),
        "columns": list(written.columns),
        "left_out": dict(written.left_out),
        "reference_rows": written.reference_rows,
        "current_rows": written.current_rows,
    }


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {error}") from error

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from watchtower.analyst.documents import DRIFT, AlarmView, ColumnDriftView, DriftView
from watchtower.commands import behind, found
from watchtower.commands.layout import WIDTH, cut, moment, number, printable, share, table
from watchtower.commands.quantities import count

EXAMPLES: Final = """\
examples:
  watchtower drift
  watchtower drift --endpoint churn --columns 20
  watchtower drift --json || page somebody

exit status: 0 no alarm stands, 1 one does, 3 nobody has looked at what came of late, 2 wrong usage or nothing there.
An alarm is raised as rarely on unchanged traffic as `drift.false_alarms` asks; large effects in one small window are none."""

_SHOWN: Final = ("psi", "wasserstein", "missing", "new_words")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    found.add_arguments(parser)
    parser.add_argument("--columns", metavar="N", type=count, default=5, help="show those with the most evidence (5)")
    behind.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    views = found.documents(args.data_dir, DRIFT, DriftView, args.endpoint)
    now = time.time()
    stale_since = behind.stale_since(args, now)
    if args.json:
        found.print_json([{**msgspec.to_builtins(view), "stale_since": stale_since} for view in views])
    else:
        lines = [(*told(view, now, args.columns, args.data_dir, stale_since), "") for view in views]
        found.print_lines([line for each in lines for line in each][:-1])
    if any(view.alarms for view in views):
        return 1
    return 0 if stale_since is None else behind.STALE_STATUS


def told(
    view: DriftView, now: float, columns: int, data_dir: Path = found.HERE, stale_since: float | None = None
) -> Iterator[str]:
    standing = len(view.alarms)
    alarms = "no alarm" if not standing else "1 ALARM" if standing == 1 else f"{standing} ALARMS"
    if view.baseline is None:
        yield f"{view.endpoint}: no baseline yet: {printable(view.waiting_for) or 'no rows have come'}"
    else:
        yield f"{view.endpoint}: {alarms}, held against the baseline {view.baseline}"
    if stale_since is not None:
        yield from behind.told(stale_since, alarms, now)
    if view.baseline is None:
        return
    yield f"  {view.windows:,} windows, the last {moment(view.last_window, now)}; false alarms: {view.promise}"
    if view.waiting_for:
        yield f"  {printable(view.waiting_for)}"
    yield from _alarms(view.alarms, now)
    yield from _quality(view)
    yield from _columns(view.columns[:columns], view.threshold)
    yield from _alarms(view.cleared, now)
    if view.left_out:
        yield f"  {view.left_out:,} columns beyond drift.max_columns are not watched"
    if view.alarms:
        yield f"  next: {found.again(f'report --endpoint {view.endpoint}', data_dir)}"
        yield "  and look for what else changed at that time"


def _alarms(alarms: list[AlarmView], now: float) -> Iterator[str]:
    for alarm in alarms:
        yield ""
        if alarm.cleared is None:
            yield f"  {printable(alarm.column)}: {printable(alarm.way)}, since {moment(alarm.since, now)}"
        else:
            over = f"over since {moment(alarm.cleared, now)}"
            yield f"  {printable(alarm.column)} was {printable(alarm.way)}: {over}"
        yield cut(f"    {printable(alarm.effect)}", WIDTH)
        sure = f"10^{alarm.evidence:.1f} where an alarm takes 10^{alarm.threshold:.1f}"
        yield f"    evidence {sure}, from {alarm.observations:,} observations"
        if alarm.report is not None:
            yield f"    drawn in {alarm.report}"


def _quality(view: DriftView) -> Iterator[str]:
    if view.quality:
        yield ""
        head = ("column", "broken in the last window", "rows", "of", "detail")
        rows = [(one.column, one.violation, f"{one.rows:,}", f"{one.of:,}", one.detail) for one in view.quality]
        yield from table(head, rows, "rows of")


def _columns(columns: list[ColumnDriftView], threshold: float | None) -> Iterator[str]:
    if not columns:
        return
    yield ""
    rows = [
        (
            one.column,
            one.kind,
            f"{one.rows:,}",
            number(one.evidence),
            *(number(one.effects.get(name)) for name in _SHOWN[:2]),
            *(share(one.effects.get(name)) for name in _SHOWN[2:]),
        )
        for one in columns
    ]
    yield from table(("last window", "kind", "rows", "evidence", *_SHOWN), rows, f"rows evidence {' '.join(_SHOWN)}")
    yield f"  evidence is a decimal logarithm; an alarm is raised at {number(threshold)}"

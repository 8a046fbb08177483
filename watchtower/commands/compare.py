import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from watchtower.analyst.documents import SHADOW, ShadowView, VerdictView, WorstPairView
from watchtower.commands import behind, found
from watchtower.commands.layout import WIDTH, cut, moment, number, printable, seconds, share, table
from watchtower.commands.quantities import count
from watchtower.errors import ConfigError

EXAMPLES: Final = """\
examples:
  watchtower compare
  watchtower compare --endpoint churn --shadow v2 --worst 5
  watchtower compare --json && deploy v2

exit status: 0 every shadow keeps within its budgets, 1 one is worse, 3 not decided yet, 2 wrong usage or nothing there.
Asking often does not make a wrong verdict more likely. Where the analyst is not running, or far behind what was
recorded, nobody knows how the shadow does now: what was within its budgets is not decided, and what was worse still is."""

WITHIN: Final = "within"
WORSE: Final = "worse"
UNDECIDED: Final = "undecided"
UNDECIDED_STATUS: Final = 3
_MOST_COLUMNS: Final = 8
_MOST_SEGMENTS: Final = 5
_LATENCIES: Final = frozenset({"p50", "p95"})
_SHARES: Final = frozenset({"disagreement", "errors"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    found.add_arguments(parser)
    parser.add_argument("--shadow", metavar="NAME", help="only this shadow")
    parser.add_argument("--worst", metavar="N", type=count, default=0, help="show the pairs that differ most (0)")
    behind.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    views = found.documents(args.data_dir, SHADOW, ShadowView, args.endpoint)
    # A twin is there to measure, and judged only when it is asked about; where there is nothing else, nothing is decided.
    judged = [view for view in views if not view.is_twin]
    if args.shadow is not None:
        judged = views = [view for view in views if view.shadow == args.shadow]
        if not views:
            raise ConfigError([f"{args.data_dir}: the analyst has told nothing about a shadow {args.shadow}"])
    now = time.time()
    stale_since = behind.stale_since(args, now)
    if args.json:
        found.print_json([as_json(view, stale_since) for view in views])
    else:
        lines = [(*told(view, now, args.worst, args.data_dir, stale_since), "") for view in views]
        found.print_lines([line for each in lines for line in each][:-1])
    return status(judged, stale_since)


def as_json(view: ShadowView, stale_since: float | None) -> dict[str, object]:
    """As the analyst wrote it, but for a decision that may not hold any more."""
    shown: dict[str, object] = msgspec.to_builtins(view)
    return {**shown, "decision": decision(view, stale_since), "stale_since": stale_since}


def decision(view: ShadowView, stale_since: float | None) -> str:
    """Of now. What was worse stays so until later pairs say otherwise; whether what was within still is, nobody knows."""
    return UNDECIDED if stale_since is not None and view.decision == WITHIN else view.decision


def status(views: list[ShadowView], stale_since: float | None = None) -> int:
    if not views:
        return UNDECIDED_STATUS
    decisions = {decision(view, stale_since) for view in views}
    if WORSE in decisions:
        return 1
    return UNDECIDED_STATUS if decisions - {WITHIN} else 0


def told(
    view: ShadowView, now: float, worst: int = 0, data_dir: Path = found.HERE, stale_since: float | None = None
) -> Iterator[str]:
    twin = ", a twin of the primary: it measures, and is not judged" if view.is_twin else ""
    yield f"{view.endpoint}/{view.shadow}: {decision(view, stale_since).upper()}{twin}"
    if stale_since is not None:
        yield from behind.told(stale_since, view.decision, now)
    unlike = view.compared - view.agreeing  # of 100,000 pairs, the share that agrees would be rounded to all of them
    disagree = f", {unlike:,} of those ({share(unlike / view.compared)}) disagree" if view.compared else ""
    yield f"  {view.pairs:,} pairs, {view.compared:,} compared{disagree}; the last {moment(view.last_event, now)}"
    rows = [_verdict(verdict, now) for verdict in view.verdicts]
    if rows:
        yield ""
        yield from table(("budget", "decision", "value", "interval", "margin", "pairs", "since"), rows, "value pairs")
        yield f"  chance that any of these is ever wrong: {share(view.alpha)}"
    yield from (f"  {verdict.budget}: {printable(verdict.note)}" for verdict in view.verdicts if verdict.note)
    yield from _counts("failed or unlike", view.failures)
    if view.failures.get("not_asked"):
        yield "  not asked: its queue or breaker said no, say; watchtower_shadow_outcomes_total has each reason"
    yield from _counts("never paired", view.unpaired)
    if view.twin is not None:
        yield f"  disagreement beyond what {view.twin}, its twin, has: {share(view.disagreement_beyond_twin)}"
    yield from _latencies(view.latency_ms)
    columns = [column for column in view.columns if column.disagreeing][:_MOST_COLUMNS]
    if columns:
        yield ""
        rows = [
            (one.name, one.measure, f"{one.rows:,}", f"{one.disagreeing:,}", _figures(one.figures)) for one in columns
        ]
        yield from table(("differs in", "measure", "rows", "disagree", "how"), rows, "rows disagree")
    if len(view.segments) > 1:
        yield ""
        rows = [
            (
                one.name,
                f"{one.pairs:,}",
                share(one.disagreement),
                f"{one.shadow_failures:,}",
                f"{one.primary_failures:,}",
            )
            for one in view.segments[:_MOST_SEGMENTS]
        ]
        head = ("segment", "pairs", "disagree", "shadow failed", "primary failed")
        yield from table(head, rows, "pairs disagree")
        if (more := len(view.segments) - _MOST_SEGMENTS) > 0:
            yield f"  and {more:,} more: --json"
    for pair in view.worst[:worst]:
        yield ""
        yield from _pair(pair, now)
    if not worst and view.decision == WORSE and view.worst:
        command = f"compare --endpoint {view.endpoint} --shadow {view.shadow} --worst 3"
        yield f"  next: {found.again(command, data_dir)}"


def _verdict(verdict: VerdictView, now: float) -> tuple[str, ...]:
    show = _shown_as(verdict.budget)
    interval = f"{show(verdict.low)} to {show(verdict.high)}"
    last = moment(verdict.since, now)
    if verdict.decision not in {WITHIN, WORSE}:
        more = "more pairs than can be said" if verdict.more is None else f"about {verdict.more:,} more pairs"
        last = f"needs {more}"
    margin = show(verdict.margin)
    return verdict.budget, verdict.decision, show(verdict.value), interval, margin, f"{verdict.pairs:,}", last


def _shown_as(budget: str) -> Callable[[float | None], str]:
    if budget in _SHARES:
        return share
    return seconds if budget in _LATENCIES else number


def _counts(what: str, counts: Mapping[str, int]) -> Iterator[str]:
    there = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    if there:
        yield f"  {what}: {there}"


def _latencies(latencies: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    rows = [(who, *(number(found.get(name)) for name in ("p50", "p95", "p99"))) for who, found in latencies.items()]
    if rows:
        yield ""
        yield from table(("latency, ms", "p50", "p95", "p99"), rows, "p50 p95 p99")


def _figures(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in figures.items() if value is not None)


def _pair(pair: WorstPairView, now: float) -> Iterator[str]:
    yield f"  {printable(pair.request_id)}  {moment(pair.at, now)}  severity {number(pair.severity)}"
    for name, text in (
        ("what", pair.summary),
        ("latency", f"{pair.latency_ms:+.3g} ms"),
        ("request", pair.request),
        ("primary", pair.primary),
        ("shadow", pair.shadow),
    ):
        yield cut(f"    {name:<9}{printable(text)}", WIDTH)

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from watchtower.clock import SECOND
from watchtower.commands.quantities import count
from watchtower.errors import JournalError
from watchtower.journal.inspect import JournalStat, as_json, as_line, stat, tail
from watchtower.record import Outcome, ShadowOutcome
from watchtower.units import format_size

EXAMPLES = """\
examples:
  watchtower journal stat
  watchtower journal tail --follow --outcome timed_out
  watchtower journal tail --json --last 1"""
# As plain texts: of an enumeration, argparse's messages would show the members.
_OUTCOMES = sorted({str(outcome) for outcome in (*Outcome, *ShadowOutcome)})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parsers = parser.add_subparsers(dest="look", metavar="stat|tail", required=True)
    of_stat = parsers.add_parser("stat", help="how much, of what, since when, and what is damaged")
    of_tail = parsers.add_parser("tail", help="the last exchanges, and with --follow those that come")
    for each in (of_stat, of_tail):
        each.epilog, each.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
        each.add_argument("--data-dir", metavar="DIR", type=Path, default=Path(".watchtower"), help="(.watchtower)")
        each.add_argument("--json", action="store_true", help="print JSON; tail prints one object a line")
    of_tail.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    of_tail.add_argument("--last", "-n", metavar="N", type=count, default=20, help="how many to begin with (20)")
    of_tail.add_argument("--endpoint", metavar="NAME", help="only of this endpoint")
    of_tail.add_argument("--outcome", metavar="OUTCOME", choices=_OUTCOMES, help="only those that ended so")


def main(args: argparse.Namespace) -> int:
    if not args.data_dir.is_dir():
        raise JournalError(f"{args.data_dir}: no such folder; --data-dir says where the sidecar keeps its journal")
    directory = args.data_dir / "journal"  # which the first record makes
    if args.look == "stat":
        _print_stat(stat(directory, _progress if sys.stderr.isatty() else _no_progress), as_object=args.json)
        return 0
    for exchange in tail(directory, follow=args.follow, endpoint=args.endpoint, outcome=args.outcome, last=args.last):
        line = json.dumps(as_json(exchange)) if args.json else as_line(exchange)
        sys.stdout.write(f"{line}\n")
        if args.follow:
            sys.stdout.flush()
    return 0


def _print_stat(found: JournalStat, *, as_object: bool) -> None:
    if as_object:
        sys.stdout.write(json.dumps(msgspec.to_builtins(found), indent=2) + "\n")
        return
    lines = [f"{found.segments} segments, {format_size(found.size)}"]
    if found.first_ns is not None and found.last_ns is not None:
        lines.append(f"from {_moment(found.first_ns)} to {_moment(found.last_ns)}")
    lines += [f"{count.records:>12,}  {count.endpoint}  {count.role}  {count.outcome}" for count in found.records]
    lines += [f"{records:,} not yet read by {reader}" for reader, records in found.unread.items()]
    lines.append(f"{found.torn} torn, {found.damaged} damaged places, {format_size(found.skipped_bytes)} skipped")
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _moment(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / SECOND, UTC).astimezone().isoformat(" ", "seconds")


def _progress(done: int, total: int) -> None:
    sys.stderr.write("\r\x1b[K" if done >= total else f"\r{done / total:4.0%} of {format_size(total)}")
    sys.stderr.flush()


def _no_progress(done: int, total: int) -> None:
    """In a pipe, nobody watches."""

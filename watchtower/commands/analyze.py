import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from watchtower.analyst.analyst import Work, no_progress, run_to_the_end
from watchtower.analyst.endpoint import EndpointAnalysis
from watchtower.analyst_assembly import assembled
from watchtower.clock import Clock
from watchtower.commands import found
from watchtower.commands.layout import printable
from watchtower.errors import ConfigError
from watchtower.journal.segments import segments
from watchtower.store.fault import StoreError

EXAMPLES: Final = """\
examples:
  watchtower analyze --from /var/lib/watchtower --config watchtower.yaml --data-dir backfill
  watchtower drift --data-dir backfill

Reads what a sidecar recorded, from its beginning to its end, by the configuration's endpoints, and leaves it as it is.
Every exchange is decoded, however long that takes. Run again, it goes on where it ended.
exit status: 0 ok, 1 the store could not be written, 2 wrong usage or nothing there."""

SHOW_EVERY_S: Final = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--from", dest="source", metavar="DIR", type=Path, required=True, help="a sidecar's data_dir, or a journal"
    )
    found.add_arguments(parser, endpoint=None)
    found.add_config(parser, required=True)


def main(args: argparse.Namespace) -> int:
    config, data_dir = found.configured(args)
    journal = args.source / "journal" if (args.source / "journal").is_dir() else args.source
    if config is None or not journal.is_dir():
        raise ConfigError([f"{args.source}: no such folder"])
    if not segments(journal):
        raise ConfigError([f"{args.source}: no journal lies here, nothing ends in .wtj"])
    begun = time.monotonic()
    told = Told()
    clock = Clock(time.monotonic_ns, time.time_ns)
    with assembled(config, data_dir, clock, told, journal=journal) as analyst:
        progress = Progress(begun) if sys.stderr.isatty() else None
        exchanges = run_to_the_end(analyst, progress or no_progress)
        if progress:
            progress.clear()
    taken = time.monotonic() - begun
    show(told, exchanges, taken, is_json=args.json)
    if exchanges and exchanges == sum(told.strangers.values()):
        names = ", ".join(map(printable, told.strangers))
        mistake = (
            f"{args.source}: only of {names}, which {args.config} does not configure; they count as read in {data_dir}"
        )
        raise ConfigError([mistake])
    return 0 if told.error is None else 1


def show(told: "Told", exchanges: int, taken: float, *, is_json: bool) -> None:
    if is_json:
        found.print_json(
            {
                "exchanges": exchanges,
                "seconds": round(taken, 3),
                "damage": dict(told.damage),
                "not_configured": dict(told.strangers),
                "defects": dict(told.defects),
            }
        )
        return
    rate = exchanges / taken if taken else 0.0
    sys.stdout.write(f"{exchanges:,} exchanges in {taken:.1f} s, {rate:,.0f} a second\n")
    found.print_lines([f"  not readable, {fault}: {count:,} places" for fault, count in told.damage.items()])
    found.print_lines(
        [f"  not configured, {printable(name)}: {count:,} exchanges" for name, count in told.strangers.items()]
    )
    found.print_lines([f"  defects of ours, {work}: {count:,}, please report" for work, count in told.defects.items()])


class Progress:
    """One line of a terminal; how much there is nobody has counted, so it says how far it came."""

    def __init__(self, begun: float) -> None:
        self._begun = self._shown_at = begun

    def __call__(self, exchanges: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= SHOW_EVERY_S:
            self._shown_at = now
            sys.stderr.write(f"\r\x1b[K{exchanges:,} exchanges, {exchanges / (now - self._begun):,.0f} a second")
            sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class Told:
    """What a run without a sidecar tells: no metrics, only what went wrong."""

    def __init__(self) -> None:
        self.damage: Mapping[str, int] = {}
        self.strangers: Mapping[str, int] = {}
        self.error: StoreError | None = None
        self.defects: Counter[str] = Counter()

    def lag(self, seconds: float) -> None:
        """Nobody waits for it."""

    def store_failed(self, error: StoreError) -> None:
        self.error = error

    def defect(self, work: Work) -> None:
        self.defects[work] += 1

    def committed(self, damage: Mapping[str, int], strangers: Mapping[str, int]) -> None:
        self.damage, self.strangers, self.error = damage, dict(strangers), None

    def store_size(self, size: int) -> None:
        """Nobody asks."""

    def resumed(self, endpoints: Iterable[EndpointAnalysis]) -> None:
        """What was there before is not told again."""

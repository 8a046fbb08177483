import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from watchtower.analyst.analyst import run_to_the_end
from watchtower.analyst.endpoint import EndpointAnalysis
from watchtower.analyst_assembly import assembled
from watchtower.clock import Clock
from watchtower.commands import found
from watchtower.commands.layout import printable
from watchtower.config.load import load
from watchtower.errors import ConfigError
from watchtower.store.fault import StoreError

EXAMPLES: Final = """\
examples:
  watchtower analyze --from /var/lib/watchtower --config watchtower.yaml --data-dir backfill
  watchtower drift --data-dir backfill

Reads what a sidecar recorded, from its beginning to its end, by the configuration's endpoints, and leaves it as it is.
Every exchange is decoded, however long that takes. Run again, it goes on where it ended.
exit status: 0 ok, 1 the store could not be written, 2 wrong usage or nothing there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--from", dest="source", metavar="DIR", type=Path, required=True, help="a sidecar's data_dir, or a journal"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, required=True, help="with the endpoints as they were")
    found.add_arguments(parser, endpoint=None)


def main(args: argparse.Namespace) -> int:
    config = load(args.config, os.environ)
    journal = args.source / "journal" if (args.source / "journal").is_dir() else args.source
    if not journal.is_dir():
        raise ConfigError([f"{args.source}: no such folder"])
    begun = time.monotonic()
    told = Told()
    clock = Clock(time.monotonic_ns, time.time_ns)
    with assembled(config, args.data_dir, clock, told, journal=journal) as analyst:
        exchanges = run_to_the_end(analyst)
    taken = time.monotonic() - begun
    if args.json:
        found.print_json(
            {
                "exchanges": exchanges,
                "seconds": round(taken, 3),
                "damage": dict(told.damage),
                "not_configured": dict(told.strangers),
            }
        )
        return 0 if told.error is None else 1
    rate = exchanges / taken if taken else 0.0
    sys.stdout.write(f"{exchanges:,} exchanges in {taken:.1f} s, {rate:,.0f} a second\n")
    found.print_lines([f"  not readable, {fault}: {count:,} places" for fault, count in told.damage.items()])
    found.print_lines(
        [f"  not configured, {printable(name)}: {count:,} exchanges" for name, count in told.strangers.items()]
    )
    return 0 if told.error is None else 1


class Told:
    """What a run without a sidecar tells: no metrics, only what went wrong."""

    def __init__(self) -> None:
        self.damage: Mapping[str, int] = {}
        self.strangers: Mapping[str, int] = {}
        self.error: StoreError | None = None

    def lag(self, seconds: float) -> None:
        """Nobody waits for it."""

    def store_failed(self, error: StoreError) -> None:
        self.error = error

    def committed(self, damage: Mapping[str, int], strangers: Mapping[str, int]) -> None:
        self.damage, self.strangers, self.error = damage, dict(strangers), None

    def store_size(self, size: int) -> None:
        """Nobody asks."""

    def resumed(self, endpoints: Iterable[EndpointAnalysis]) -> None:
        """What was there before is not told again."""

"""The command: `python -m benchmarks [PART …]`, which `make bench` calls."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks import alarms, analysis, latency, machine, memory, profiles, proxies, shadow_faults, verdicts
from benchmarks.pace import Pace
from benchmarks.peers import PEERS, Peer
from benchmarks.process import BenchmarkError, note
from benchmarks.report import Part, Verdict, claims_table

PARTS: Final[dict[str, Callable[[Pace, Sequence[Peer], Path], Part]]] = {
    "proxies": proxies.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "shadow_faults": shadow_faults.measure,
    "analysis": analysis.measure,
    "profiles": profiles.measure,
    "verdicts": verdicts.measure,
    "alarms": alarms.measure,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure watchtower beside its peers.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without one")
    parser.add_argument("--quick", action="store_true", help="one round of one second: to see that it runs")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (default: 2)")
    parser.add_argument("--peers", nargs="+", metavar="NAME", help=f"only these: {', '.join(p.name for p in PEERS)}")
    parser.add_argument("--no-judge", action="store_true", help="end with 0 even when a claim fails")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number of every round")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if unknown := set(options.peers or ()) - {peer.name for peer in PEERS}:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    return options


def _chosen(names: Sequence[str] | None) -> list[Peer]:
    asked = [peer for peer in PEERS if names is None or peer.name in names]
    for peer in asked:
        if not peer.is_installed:
            print(f"Left out: {peer.name}, for {peer.program} is not installed.")
    return [peer for peer in asked if peer.is_installed]


def _run(options: argparse.Namespace) -> bool:
    """Whether no claim failed."""
    pace = Pace(1, 1) if options.quick else Pace(options.rounds, options.seconds)
    print(machine.describe(), end="\n\n")
    peers = _chosen(options.peers)
    results: dict[str, Part] = {}
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="watchtower-bench-") as folder:
            results[name] = PARTS[name](pace, peers, Path(folder))
        note("")
        for table in results[name].tables:
            print(table.text(), end="\n\n", flush=True)
    claims = [claim for part in results.values() for claim in part.claims]
    if claims:
        print(claims_table(claims).text())
    if options.json:
        numbers = {name: part.numbers for name, part in results.items()}
        judged = [{**asdict(claim), "value": claim.value, "verdict": claim.verdict} for claim in claims]
        options.json.write_text(json.dumps({"machine": machine.describe(), **numbers, "claims": judged}, indent=1))
    return not any(claim.verdict is Verdict.FAILED for claim in claims)


def main() -> int:
    # SystemExit, so that every program that was started is also ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _options()
    try:
        is_good = _run(options)
    except BenchmarkError as error:
        sys.stderr.write(f"\n{error}\n")
        return 2
    return 0 if is_good or options.no_judge else 1


if __name__ == "__main__":
    sys.exit(main())

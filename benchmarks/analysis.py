"""From the journal to the store: decoding, pairing, comparing, profiling, detecting, writing, on one core."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benchmarks.pace import Pace
from benchmarks.peers import Peer
from benchmarks.process import PROXY_CORE, BenchmarkError, note, pinned
from benchmarks.recorded import SHADOW, record
from benchmarks.report import Claim, Part, Table

_PAIRS: Final = 60_000  # for each second of a measurement
_FEATURES: Final = (10, 30)
_SCRIPT: Final = Path(__file__).with_name("analysis_run.py")
_MB: Final = 1_000_000
_HEADER: Final = ("features", "exchanges", "µs CPU each", "exchanges/s", "peak RSS, MB")


class Took(msgspec.Struct, frozen=True):
    exchanges: int
    cpu_s: float
    wall_s: float
    peak_rss: int


@dataclass(frozen=True, slots=True)
class Round:
    features: int
    exchanges: int
    each_us: float
    peak_rss: int


def measure(pace: Pace, _: Sequence[Peer], folder: Path) -> Part:
    rounds = []
    for features in _FEATURES:
        journal = folder / f"journal-{features}"
        note(f"analysis: recording {features} features")
        record(journal, _PAIRS * pace.seconds, features)
        for number in range(pace.rounds):
            note(f"analysis, round {number + 1}: {features} features")
            rounds.append(_round(features, journal, folder / f"data-{features}-{number}"))
    return Part([_table(rounds)], _claims(rounds), [asdict(one) for one in rounds])


def _round(features: int, journal: Path, data_dir: Path) -> Round:
    folders = ["--journal", str(journal), "--data-dir", str(data_dir)]
    command = [sys.executable, "-P", str(_SCRIPT), *folders, "--shadow", SHADOW]
    done = subprocess.run(pinned(command, PROXY_CORE), capture_output=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"the analyst failed: {done.stderr.decode()[-2000:]}")
    took = msgspec.json.decode(done.stdout, type=Took)
    return Round(features, took.exchanges, took.cpu_s / took.exchanges * 1e6, took.peak_rss)


def _of(rounds: Sequence[Round], features: int) -> list[Round]:
    return [one for one in rounds if one.features == features]


def _table(rounds: Sequence[Round]) -> Table:
    rows = []
    for features in _FEATURES:
        mine = _of(rounds, features)
        each = median(one.each_us for one in mine)
        peak = max(one.peak_rss for one in mine) / _MB
        rows.append((str(features), f"{mine[0].exchanges:,}", f"{each:.1f}", f"{1e6 / each:,.0f}", f"{peak:.0f}"))
    return Table("From journal to store, pairs of JSON bodies, both kept, every pair differing", _HEADER, rows)


def _claims(rounds: Sequence[Round]) -> list[Claim]:
    ten, thirty = (_of(rounds, features) for features in _FEATURES)
    return [
        Claim("µs an exchange of 10 features (30,000/s)", tuple(one.each_us for one in ten), 1e6 / 30_000),
        Claim("peak RSS with 30 columns, MB", tuple(one.peak_rss / _MB for one in thirty), 300),
    ]

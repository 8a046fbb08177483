"""What profiles cost: a row, a column's summary, a billion rows; and all drift statistics of a frame beside Evidently's.

Times are of the CPU, so that a busy machine does not decide between us and a peer that runs seconds later.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks import usage
from benchmarks.pace import Pace
from benchmarks.peers import Peer
from benchmarks.process import BenchmarkError, note
from benchmarks.report import Claim, Part, Table, ratio
from watchtower.baselines import load_table
from watchtower.drift.baseline import Baseline, build
from watchtower.drift.effects_of_profiles import effects_of_table
from watchtower.drift.profiles import Profiles

_BATCHES: Final = (100, 1_000, 5_000)
_FRAME: Final = 100_000
_WINDOW: Final = 10_000
_MERGES: Final = 10_000  # windows of 10,000 rows: a hundred million, one after the other; ten of those are a billion
_RUNS: Final = ("baseline built", "window profiled and measured", "both", "Evidently, DataDriftPreset")

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Growth:
    rows: int
    size: int  # bytes of the state
    rss: int


def measure(pace: Pace, _: Sequence[Peer], folder: Path) -> Part:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    baseline = _baseline(_columns(random, 5_000))
    note("profiles: update")
    updates = {batch: [_update_us(baseline, random, batch) for _ in range(pace.rounds)] for batch in _BATCHES}
    note("profiles: merge")
    growth = _grown(baseline, random)
    note("profiles: frame")
    frames = _frames(random, folder, pace.rounds)
    tables = [_update_table(updates), _growth_table(growth), _frame_table(frames)]
    numbers = {"update_us_a_row": updates, "growth": [asdict(one) for one in growth], "frame_cpu_s": frames}
    return Part(tables, [*_claims(updates, growth), *_frame_claims(frames)], numbers)


def _columns(random: np.random.Generator, rows: int) -> dict[str, Array]:
    """Thirty columns as models have them: 20 measures, 4 counts, 6 words of 3 to 200 values."""
    columns: dict[str, Array] = {f"in.normal{k}": random.normal(k, 1, rows) for k in range(12)}
    columns |= {f"in.lognormal{k}": random.lognormal(0, 1, rows) for k in range(4)}
    columns |= {f"in.tailed{k}": random.standard_t(3, rows) for k in range(2)}
    columns |= {f"in.zeros{k}": np.where(random.random(rows) < 0.6, 0, random.lognormal(size=rows)) for k in range(2)}
    columns |= {f"in.count{k}": random.poisson(4, rows) for k in range(4)}
    columns |= {f"in.word{k}": random.choice(["red", "green", "blue"], rows) for k in range(3)}
    return columns | {f"in.shop{k}": np.char.add("shop-", random.integers(0, 200, rows).astype(str)) for k in range(3)}


def _cells(columns: dict[str, Array]) -> list[list[object]]:
    """As they come out of bodies: Python's own."""
    return [column.tolist() for column in columns.values()]


def _baseline(columns: dict[str, Array]) -> Baseline:
    return build([(tuple(columns), _cells(columns))], name="bench", source="made up", made_at_ns=0)


def _update_us(baseline: Baseline, random: np.random.Generator, batch: int) -> float:
    """Of decoded cells in batches; the tally of a window, and its sketches, already hold some."""
    columns = _columns(random, batch)
    names, cells, window = tuple(columns), _cells(columns), baseline.fresh()
    window.update(names, cells)
    times = max(20_000 // batch, 1)
    began = time.process_time()
    for _ in range(times):
        window.update(names, cells)
    return (time.process_time() - began) / (times * batch) * 1e6


def _grown(baseline: Baseline, random: np.random.Generator) -> list[Growth]:
    """Windows joined one after the other, then upward by tens, as minutes are to hours and hours to days."""
    windows = []
    for _ in range(20):
        window = baseline.fresh()
        columns = _columns(random, _WINDOW)
        window.update(tuple(columns), _cells(columns))
        windows.append(window)
    total, found = baseline.fresh(), []
    for number in range(_MERGES):
        total.merge(windows[number % len(windows)])
        if number + 1 in {1, 10, 100, 1_000, _MERGES}:
            found.append(_growth(total))
    whole = baseline.fresh()
    for _ in range(10):
        whole.merge(total)
    return [*found, _growth(whole)]


def _growth(profiles: Profiles) -> Growth:
    return Growth(profiles.rows, len(profiles.state()), usage.rss([os.getpid()]))


def _frames(random: np.random.Generator, folder: Path, rounds: int) -> dict[str, list[float]]:
    paths = [folder / "reference.parquet", folder / "window.parquet"]
    tables = [pa.table(_columns(random, _FRAME)) for _ in paths]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    found: dict[str, list[float]] = {run: [] for run in _RUNS}
    for _ in range(rounds):
        began = time.process_time()
        baseline = build(load_table(tables[0]), name="bench", source="made up", made_at_ns=0)
        built = time.process_time()
        _measured(baseline, tables[1])
        ended = time.process_time()
        for run, seconds in zip(_RUNS, (built - began, ended - built, ended - began), strict=False):
            found[run].append(seconds)
        if find_spec("evidently"):
            found[_RUNS[3]].append(_evidently(paths))
    return found


def _measured(baseline: Baseline, table: pa.Table) -> None:
    window = baseline.fresh()
    for names, columns in load_table(table):
        window.update(names, columns)
    effects_of_table(baseline.profiles, window)


def _evidently(paths: Sequence[Path]) -> float:
    command = [sys.executable, "-m", "benchmarks.profiles_evidently", *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkError(f"Evidently ended with {run.returncode}:\n{run.stderr[-2000:]}")
    return float(json.loads(run.stdout.splitlines()[-1]))


def _update_table(updates: dict[int, list[float]]) -> Table:
    rows = [(f"{batch:,}", f"{np.median(values):.2f}") for batch, values in updates.items()]
    return Table("Profiles of 30 columns, from decoded cells", ("rows a batch", "CPU a row, µs"), rows)


def _growth_table(growth: Sequence[Growth]) -> Table:
    rows = [(f"{one.rows:,}", f"{one.size / 1000:.1f}", f"{one.rss / 1e6:.0f}") for one in growth]
    return Table("Windows merged", ("rows", "state of 30 columns, kB", "RSS, MB"), rows)


def _frame_table(frames: dict[str, list[float]]) -> Table:
    rows = [
        (run, f"{np.median(values):.3f}" if values else "not installed, left out") for run, values in frames.items()
    ]
    return Table(f"All drift statistics of {_FRAME:,} × 30 against as many", ("", "CPU, s"), rows)


def _claims(updates: dict[int, list[float]], growth: Sequence[Growth]) -> list[Claim]:
    return [
        Claim("a row of 30 columns in a profile, batches of 1,000, µs", tuple(updates[1_000]), 20),
        Claim("state of 30 columns over a billion rows, kB", (growth[-1].size / 1000,), 100),
        Claim("RSS that merging a billion rows adds, MB", ((growth[-1].rss - growth[0].rss) / 1e6,), 5),
    ]


def _frame_claims(frames: dict[str, list[float]]) -> list[Claim]:
    theirs = frames[_RUNS[3]]
    if not theirs:
        return []
    asked = f"drift statistics of {_FRAME:,} × 30"
    return [
        ratio(f"{asked}, against a kept baseline, of Evidently's time", frames[_RUNS[1]], theirs, 1 / 50),
        ratio(f"{asked}, the baseline built too, of Evidently's time", frames[_RUNS[2]], theirs, 1 / 50),
    ]

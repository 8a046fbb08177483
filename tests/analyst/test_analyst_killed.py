"""kill -9 at any moment, again and again: in the end, the store's totals are the journal's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
from analyst_stage import Stage
from recording import ORIGIN_NS, Recording, failed, primary, shadow

from watchtower.clock import SECOND
from watchtower.metrics import catalogue
from watchtower.record import Exchange, ShadowOutcome

PROGRAM = Path(__file__).with_name("analyst_running.py")
ENDPOINT = {"baseline": {"live": {"rows": 500}}, "drift": {"window": "1s", "lateness": "1s"}}
QUICK = {
    "analyst": {"batch": 60, "commit_every": "20ms", "interval": "10ms"},
    "store": {"flush_age": "50ms", "compact_after": "0s"},
}
LIVES = 5


def traffic(numbers: range, began_s: float) -> Iterator[Exchange]:
    """Pairs of three rows; every seventh shadow fails, every eleventh body is odd."""
    for number in numbers:
        at_s = began_s + number / 1000
        rows: object = {"instances": [{"age": number % 50 + k, "plan": "gold" if k else "base"} for k in range(3)]}
        said = {"predictions": [0.1, 0.2, 0.3]}
        yield primary(number, rows if number % 11 else b"odd", said, at_s)  # type: ignore[arg-type]
        answer = shadow(number, said if number % 5 else {"predictions": [0.1, 0.9, 0.3]}, at_s)
        yield answer if number % 7 else failed(answer, ShadowOutcome.TIMED_OUT)


class Life:
    """An analyst's process, which tells of its steps."""

    def __init__(self, folder: Path) -> None:
        paths = [str(PROGRAM.parent), os.environ.get("PYTHONPATH", "")]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        command = [sys.executable, str(PROGRAM), str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)

    def steps(self, count: int) -> None:
        assert self._process.stdout is not None
        for _ in range(count):
            assert self._process.stdout.readline() == "step\n"

    def kill(self, after_s: float = 0.0) -> None:
        """In the middle of whatever it does then."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(after_s)
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_after_kill_9_everything_is_there_exactly_once(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    stage = Stage(tmp_path, ENDPOINT, **QUICK)
    began_s = (time.time_ns() - ORIGIN_NS) / SECOND
    number = 0
    with ExitStack() as stack:
        streams = [stack.enter_context(Recording(stage.journal, f"w{k}-1", segment_size=50_000)) for k in range(2)]
        for _ in range(LIVES):
            life = Life(tmp_path)
            for _ in range(generator.integers(2, 6)):
                more = int(generator.integers(20, 300))
                found = list(traffic(range(number, number + more), began_s))
                streams[0].add(found[::2])
                life.steps(int(generator.integers(1, 4)))
                streams[1].add(found[1::2])
                number += more
            life.kill(generator.random() * 0.05)
    stage.clock.epoch_ns = time.time_ns()
    stage.analyse()
    records = sum(stream.records for stream in streams)
    failures = len(range(0, number, 7))
    shown = stage.shadow()

    assert stage.query("SELECT count(*) AS n, count(DISTINCT (request_id, role)) AS ids FROM exchanges") == [
        {"n": records, "ids": records}
    ]
    assert stage.query("SELECT count(*) AS n, count(DISTINCT request_id) AS ids FROM pairs") == [
        {"n": number, "ids": number}
    ]
    assert stage.query("SELECT count(*) AS n, count(DISTINCT (request_id, row, role)) AS ids FROM rows") == [
        {"n": 3 * (records - failures), "ids": 3 * (records - failures)}
    ]
    assert (stage.status()["exchanges"], shown["pairs"], shown["failures"]) == (
        records,
        number,
        {"shadow_failed": failures},
    )
    assert stage.faults() == {("input", "not_json"): len(range(0, number, 11))}
    # What was committed in the last instant may not have been counted; what was counted has been committed.
    assert stage.totals().value(catalogue.PAIRS) <= number
    assert stage.totals().value(catalogue.PAIRS) >= number - LIVES * 300


@pytest.mark.slow
def test_after_kill_9_the_windows_add_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT, **QUICK)
    began_s = (time.time_ns() - ORIGIN_NS) / SECOND
    with Recording(stage.journal, "w1-1") as stream:
        for life_number in range(3):
            life = Life(tmp_path)
            stream.add(traffic(range(life_number * 1000, (life_number + 1) * 1000), began_s))
            life.steps(8 + 5 * life_number)
            life.kill()
    stage.clock.epoch_ns = time.time_ns()
    stage.analyse()
    stage.clock.advance(3600)
    stage.analyse()
    [watched] = stage.query("""
        SELECT sum("rows")::INT AS n FROM windows WHERE "column" = 'out.prediction' AND length_s = 1
    """)

    assert stage.status()["rows"] == 2 * 3 * 3000 - 3 * len(range(0, 3000, 7))
    assert watched["n"] + stage.status()["late_rows"] == 3 * 3000 - 500

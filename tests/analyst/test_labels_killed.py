"""kill -9 while labels come: in the end, each is joined once."""

import time
from pathlib import Path

import numpy as np
import pytest
from label_stage import Key, LabelStage, answered, counts, series, shadowed
from recording import ORIGIN_NS, Recording
from test_analyst_killed import Life

from watchtower.clock import SECOND
from watchtower.store.inbox import Value

# A shadow is waited for a moment only, so that lives see labels settle, too.
ENDPOINT = {"compare": {"wait": "50ms"}}
QUICK = {
    "analyst": {"batch": 60, "commit_every": "20ms", "interval": "10ms", "max_lag": "100d"},
    "store": {"flush_age": "50ms", "compact_after": "0s"},
}
LIVES = 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_after_kill_9_every_label_was_joined_exactly_once(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    stage = LabelStage(tmp_path, ENDPOINT, **QUICK)
    number = 0
    with Recording(stage.journal) as recording:
        for _ in range(LIVES):
            life = Life(tmp_path)
            for _ in range(generator.integers(3, 7)):
                numbers = range(number, number + int(generator.integers(10, 150)))
                at_s = (time.time_ns() - ORIGIN_NS) / SECOND
                labels: dict[Key, Value] = {each: each % 2 for each in numbers}
                if generator.random() < 0.5:
                    stage.label(labels, at_s)
                recording.add(row for n in numbers for row in (answered(n, 0.9, at_s), shadowed(n, 0.2, at_s)))
                life.steps(int(generator.integers(1, 6)))
                stage.label(labels, at_s)
                number = numbers.stop
            life.kill(generator.random() * 0.1)
    stage.clock.epoch_ns = time.time_ns()
    shown = stage.measure()
    joined = {"joined": number, "changed": 0, "unknown": 0, "waiting": 0}

    assert (counts(shown), shown["coverage"]) == (joined, 1)
    assert [series(shown, who)["labelled"] for who in ("blue", "v2")] == [number, number]
    assert stage.query("SELECT count(*) AS n, count(DISTINCT (request_id, variant)) AS ids FROM labels") == [
        {"n": 2 * number, "ids": 2 * number}
    ]

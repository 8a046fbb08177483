"""Traffic by the minute, against a baseline of its first rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from analyst_stage import Stage
from recording import primary

from watchtower.record import Exchange

ENDPOINT = {"baseline": {"live": {"rows": 1000}}, "shadows": []}
PER_WINDOW = 10  # requests of 20 rows
ROWS = 20


def minutes(count: int, first: int = 0, shift: float = 0.0, seed: int = 1) -> Iterator[Exchange]:
    """So many windows of one minute, each of 200 rows; `shift` moves one column by so many standard deviations."""
    generator = np.random.default_rng([seed, first])
    for minute in range(first, first + count):
        for request in range(PER_WINDOW):
            age = generator.normal(40 + 10 * shift, 10, ROWS).round(2).tolist()
            income = generator.lognormal(3, 1, ROWS).round(2).tolist()
            plan = generator.choice(["base", "gold"], ROWS, p=[0.7, 0.3]).tolist()
            score = generator.random(ROWS).round(3).tolist()
            rows = [{"age": a, "income": b, "plan": c} for a, b, c in zip(age, income, plan, strict=True)]
            at_s = 60 * minute + request * 5 + 1
            yield primary(minute * PER_WINDOW + request, {"instances": rows}, {"predictions": score}, at_s)


def watched(tmp_path: Path) -> Stage:
    """A baseline of the first 1,000 rows, which are five minutes."""
    stage = Stage(tmp_path, ENDPOINT)
    live(stage, minutes(5))
    return stage


def live(stage: Stage, exchanges: Iterable[Exchange]) -> None:
    """Recorded and analysed as they happen: the clock is at the last of them."""
    found = list(exchanges)
    stage.clock.now_ns = max(stage.clock.now_ns, *(each.started_ns - stage.clock.epoch_ns for each in found))
    stage.analyse(found)


def quiet(stage: Stage, seconds: float = 300) -> None:
    """Time goes by without traffic, until every window is over."""
    stage.clock.advance(seconds)
    stage.analyse()

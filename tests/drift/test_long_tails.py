"""Words of which a reference can never have seen all: unchanged they raise no alarm, and what is new still shows."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from watchtower.drift.baseline import Baseline, build
from watchtower.drift.panel import Alarm, Panel
from watchtower.drift.quality import Fault, findings
from watchtower.drift.reference import DetectionSettings, Reference
from watchtower.table import Kind

WINDOWS, ROWS = 60, 200
Draw = Callable[[Generator, int], list[str]]


def of_shares(shares: np.ndarray) -> Draw:
    return lambda generator, rows: [f"w{code}" for code in generator.choice(len(shares), rows, p=shares / shares.sum())]


def zipf(exponent: float) -> Draw:
    return lambda generator, rows: [f"w{code}" for code in np.minimum(generator.zipf(exponent, rows), 10**7)]


TAILS = {
    "300 alike": of_shares(np.ones(300)),
    "1,000 alike": of_shares(np.ones(1000)),
    "20,000 by 1/k": of_shares(1 / np.arange(1, 20_001)),
    "zip codes": of_shares(1 / np.arange(1, 3001) ** 0.8),
    "zipf 1.2": zipf(1.2),
    "zipf 1.5": zipf(1.5),
}


def reference(draw: Draw, rows: int = 5000) -> Baseline:
    generator = np.random.default_rng(7)
    batches = [((("in.word",)), (draw(generator, min(rows, 50_000)),)) for _ in range(-(-rows // 50_000))]
    return build(batches, name="a", source="a test", made_at_ns=1)


def watched(baseline: Baseline, draw: Draw, windows: int = WINDOWS) -> tuple[list[Alarm], int]:
    """The alarms, and the windows with a word too many that is unknown."""
    generator, violations, alarms = np.random.default_rng(8), 0, []
    panel = Panel(Reference.of(baseline.flat_bins(), baseline.counts(), DetectionSettings()), DetectionSettings())
    for now in range(windows):
        window = baseline.fresh()
        window.update(("in.word",), (draw(generator, ROWS),))
        alarms += [event for event in panel.observe(now, window.counts()) if isinstance(event, Alarm)]
        found = findings(baseline, window)
        violations += any(each.is_violation and each.fault is Fault.UNKNOWN_CATEGORY for each in found)
    return alarms, violations


@pytest.mark.parametrize("name", TAILS)
def test_an_unchanged_tail_raises_no_alarm(name: str) -> None:
    assert watched(reference(TAILS[name]), TAILS[name]) == ([], 0)


@pytest.mark.parametrize("rows", [10, 40, 90])
def test_an_unchanged_tail_of_which_few_rows_are_known_raises_no_alarm(rows: int) -> None:
    assert watched(reference(TAILS["20,000 by 1/k"], rows), TAILS["20,000 by 1/k"]) == ([], 0)


def test_an_unchanged_tail_of_long_words_raises_no_alarm() -> None:
    tail = of_shares(1 / np.arange(1, 8001))

    def agents(generator: Generator, rows: int) -> list[str]:
        return [f"{'Mozilla/5.0 (X11; Linux x86_64) ' * 4} {word}" for word in tail(generator, rows)]

    generator = np.random.default_rng(7)
    batches = [(("in.word",), (agents(generator, 5000),)) for _ in range(10)]
    made = build(batches, name="a", source="a test", made_at_ns=1, kinds={"in.word": Kind.CATEGORY})

    assert watched(made, agents) == ([], 0)
    assert len(made.bins["in.word"].words) == 200


def test_an_unchanged_tail_of_which_more_was_read_than_is_kept_raises_no_alarm() -> None:
    draw = of_shares(1 / np.arange(1, 100_001))

    assert watched(reference(draw, 200_000), draw, windows=10) == ([], 0)


@pytest.mark.parametrize("name", ["300 alike", "20,000 by 1/k", "zipf 1.5"])
def test_a_new_word_among_many_is_told(name: str) -> None:
    def draw(generator: Generator, rows: int) -> list[str]:
        return ["new", *TAILS[name](generator, rows - rows // 3), *["new"] * (rows // 3 - 1)]

    alarms, _ = watched(reference(TAILS[name]), draw, windows=10)

    assert ("in.word", "more of unseen") in [(alarm.column, alarm.way) for alarm in alarms]

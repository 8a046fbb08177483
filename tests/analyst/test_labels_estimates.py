from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_stage import LabelStage, answered, series, settle

from watchtower.analyst.estimating import BLOCK_ROWS, CALIBRATION_ROWS
from watchtower.metrics import catalogue
from watchtower.record import Exchange

FIRST = CALIBRATION_ROWS + BLOCK_ROWS
pytestmark = pytest.mark.slow


class World:
    """Rows whose score follows a chosen distribution, and labels that follow the score, or do so no more."""

    def __init__(self, stage: LabelStage) -> None:
        self.stage = stage
        self.draw = np.random.default_rng(97)
        self.numbers = 0

    def rows(
        self, count: int, *, middle: float = 0.5, is_other_concept: bool = False, named_up_to: float = 1.0
    ) -> Iterator[Exchange]:
        scores = np.clip(self.draw.beta(2 * middle, 2 * (1 - middle), count), 0.001, 0.999)
        shares = 0.5 + 0.3 * (scores - 0.5) if is_other_concept else scores
        truth = (self.draw.random(count) < shares).astype(int)
        labels = [int(one) if score <= named_up_to else "NA" for one, score in zip(truth, scores, strict=True)]
        self.stage.label({self.numbers + n: label for n, label in enumerate(labels)})
        for score in scores.tolist():
            yield answered(self.numbers, score)
            self.numbers += 1

    def measure(self, count: int, **how: Any) -> Any:
        return self.stage.measure(list(self.rows(count, **how)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(LabelStage(tmp_path, {"shadows": []}))


def estimated(shown: Any) -> dict[str, float]:
    return {each["metric"]: each["value"] for each in series(shown)["without_labels"]}


def test_rows_without_labels_are_estimated_once_the_task_is_known(world: World) -> None:
    world.measure(FIRST)
    shown = world.stage.measure(answered(10_000 + n, 0.9) for n in range(400))

    assert estimated(shown)["accuracy"] == pytest.approx(0.9, abs=0.07)
    assert world.stage.totals().by(catalogue.PERFORMANCE_ESTIMATE, "metric") == pytest.approx(estimated(shown))


def test_the_calibration_is_fitted_on_the_first_labels_and_kept(world: World) -> None:
    shown = series(world.measure(FIRST))
    later = series(world.measure(FIRST))

    assert (shown["calibration"], shown["calibrated_on"]) == ("isotonic", CALIBRATION_ROWS)
    assert later["calibrated_on"] == CALIBRATION_ROWS


def test_where_nothing_changes_estimates_hold(world: World) -> None:
    shown = series(world.measure(FIRST + 5 * BLOCK_ROWS))
    [accuracy] = [error for error in shown["errors"] if error["metric"] == "accuracy"]

    assert (accuracy["blocks"], accuracy["disagreed"], shown["disagrees"]) == (6, 0, [])
    assert accuracy["mean_error"] < 0.04


def test_a_change_of_what_is_asked_is_followed_and_no_disagreement(world: World) -> None:
    before = series(world.measure(FIRST))
    after = series(world.measure(2 * BLOCK_ROWS, middle=0.85))
    first, last = before["blocks"][-1], after["blocks"][-1]

    assert (len(after["blocks"]), after["disagrees"]) == (3, [])
    assert last["realised"]["accuracy"] - first["realised"]["accuracy"] > 0.05
    assert last["estimated"]["accuracy"] == pytest.approx(last["realised"]["accuracy"], abs=0.05)


def test_a_change_of_what_is_true_is_a_disagreement(world: World) -> None:
    world.measure(FIRST)
    shown = series(world.measure(2 * BLOCK_ROWS, is_other_concept=True))

    assert {"accuracy", "roc_auc"} <= set(shown["disagrees"])
    assert shown["blocks"][-1]["estimated"]["accuracy"] - shown["blocks"][-1]["realised"]["accuracy"] > 0.08


def test_labels_that_name_no_class_are_no_disagreement(world: World) -> None:
    world.measure(FIRST)
    shown = series(world.measure(3 * BLOCK_ROWS, named_up_to=0.7))

    assert (len(shown["blocks"]), shown["disagrees"]) == (3, [])


def test_a_disagreement_ends_when_the_world_is_as_it_was(world: World) -> None:
    world.measure(FIRST)
    world.measure(BLOCK_ROWS, is_other_concept=True)
    shown = series(world.measure(BLOCK_ROWS))

    assert ([bool(block["disagrees"]) for block in shown["blocks"]], shown["disagrees"]) == ([False, True, False], [])


def test_a_restart_within_a_block_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "restarted").mkdir()
    kept, restarted = (World(LabelStage(tmp_path / name, {"shadows": []})) for name in ("kept", "restarted"))
    with kept.stage.started() as analyst:
        for _ in range(5):
            kept.stage.record(kept.rows(400))
            settle(analyst)
            restarted.measure(400)

    assert kept.stage.performance() == restarted.stage.performance()

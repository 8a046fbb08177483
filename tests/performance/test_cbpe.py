"""Estimates without labels against what the labels then say, by simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics  # type: ignore[import-untyped]
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from watchtower.performance.agreement import disagrees
from watchtower.performance.calibrator import UNFITTED, Calibration, fit, isotonic, platt
from watchtower.performance.cbpe import Cbpe, Estimated
from watchtower.performance.classification import Classification
from watchtower.performance.score_grid import MIDDLES, bins_of, counted

Random = np.random.Generator
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc")


def drawn(random: Random, rows: int, shift: float = 0.0, twist: float = 1.0) -> Rows:
    """Labels, predictions and scores that are too sure of themselves: the true log odds are half of the score's.

    `shift` moves the features, and leaves what a score is worth alone; `twist` changes what it is worth.
    """
    odds = random.normal(-0.5 + shift, 1.2, rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-odds * twist))).astype(np.int64)
    scores = 1 / (1 + np.exp(-2 * odds))
    return labels, (scores >= 0.5).astype(np.int64), scores


def calibrated(random: Random, rows: int = 5000) -> Calibration:
    return fit(*labelled(*drawn(random, rows)).scores_by_class[0])


def labelled(labels: NDArray[np.int64], predicted: NDArray[np.int64], scores: NDArray[np.float64]) -> Classification:
    found = Classification()
    found.update(labels, predicted, scores)
    return found


def estimated(predicted: NDArray[np.int64], scores: NDArray[np.float64], calibration: Calibration) -> Estimated:
    found = Cbpe()
    found.update(predicted, scores)
    return found.estimated([calibration])


@pytest.mark.parametrize("metric", METRICS)
def test_scores_that_mean_what_they_say_need_no_labels(metric: str) -> None:
    random = np.random.default_rng(3)
    scores = random.random(40_000)
    labels, predicted = (random.random(40_000) < scores).astype(int), (scores >= 0.5).astype(int)

    found = getattr(estimated(predicted, scores, UNFITTED), metric)

    realised = getattr(labelled(labels, predicted, scores), metric).value
    assert found.value == pytest.approx(realised, abs=0.01)
    assert (found.low, found.high) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("fitted_on", [400, 5000])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_its_interval_holds_what_the_labels_then_say(shift: float, fitted_on: int) -> None:
    random = np.random.default_rng(5)
    runs, held = 200, dict.fromkeys(METRICS, 0)
    for _ in range(runs):
        calibration = calibrated(random, fitted_on)
        labels, predicted, scores = drawn(random, 1000, shift)
        estimates, realised = estimated(predicted, scores, calibration), labelled(labels, predicted, scores)
        for metric in METRICS:
            found, value = getattr(estimates, metric), getattr(realised, metric).value
            held[metric] += found.low <= value <= found.high

    # Of a true 0.95, 200 runs fall below 0.895 once in a thousand times.
    assert min(held.values()) / runs >= 0.895, held


@pytest.mark.slow
def test_where_nothing_changed_estimate_and_labels_seldom_disagree_and_after_a_change_of_the_concept_they_do() -> None:
    random = np.random.default_rng(6)
    flagged = {}
    for twist in (1.0, 0.2):
        flagged[twist] = 0
        for _ in range(100):
            calibration = calibrated(random)
            labels, predicted, scores = drawn(random, 1000, 0.3, twist)
            estimates, realised = estimated(predicted, scores, calibration), labelled(labels, predicted, scores)
            flagged[twist] += disagrees(estimates.accuracy, realised.accuracy)

    assert flagged[1.0] <= 5
    assert flagged[0.2] >= 95


def test_the_isotonic_curve_is_scikit_learns() -> None:
    labels, _, scores = drawn(np.random.default_rng(1), 3000)
    grid = MIDDLES[bins_of(scores)]

    found = isotonic(counted(scores[labels == 0]), counted(scores[labels == 1])).shares[bins_of(scores)]

    expected = IsotonicRegression(out_of_bounds="clip").fit(grid, labels).predict(grid)
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.slow
def test_the_sigmoid_is_scikit_learns_logistic_regression_on_the_log_odds() -> None:
    labels, _, scores = drawn(np.random.default_rng(1), 20_000)
    logits = np.log(MIDDLES) - np.log1p(-MIDDLES)
    places = bins_of(scores)

    found = platt(counted(scores[labels == 0]), counted(scores[labels == 1])).shares

    model = LogisticRegression(C=np.inf).fit(logits[places, None], labels)
    assert np.abs(found - model.predict_proba(logits[:, None])[:, 1]).max() < 1e-3


@pytest.mark.parametrize(("rows", "method"), [(30, "none"), (400, "platt"), (3000, "isotonic")])
def test_the_curve_is_as_rich_as_the_labels_allow(rows: int, method: str) -> None:
    assert calibrated(np.random.default_rng(1), rows).method == method


def test_labels_of_two_classes_that_do_not_overlap_make_a_finite_curve() -> None:
    scores = np.concatenate((np.full(30, 0.2), np.full(30, 0.8)))

    shares = fit(counted(scores[:30]), counted(scores[30:])).shares

    assert 0 < shares[bins_of(np.array([0.2]))][0] < 0.1
    assert 0.9 < shares[bins_of(np.array([0.8]))][0] < 1


def test_scores_that_are_all_alike_make_a_finite_curve() -> None:
    shares = fit(counted(np.full(60, 0.5)), counted(np.full(40, 0.5))).shares

    assert shares[bins_of(np.array([0.5]))][0] == pytest.approx(0.4, abs=0.01)


def of_three(random: Random, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    raw = random.normal(size=(rows, 3)) * 1.5
    chances = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    labels = (random.random(rows)[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)
    return labels, chances.argmax(axis=1), chances


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_more_classes_are_estimated_one_against_the_rest(metric: str) -> None:
    random = np.random.default_rng(4)
    known = Classification(classes=(0, 1, 2))
    labels, predicted, chances = of_three(random, 20_000)
    known.update(labels, predicted, probabilities=chances)
    labels, predicted, chances = of_three(random, 20_000)
    found = Cbpe(classes=(0, 1, 2))

    found.update(predicted, chances)

    estimate = getattr(found.estimated([fit(*counts) for counts in known.scores_by_class]), metric)
    oracle = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "precision": metrics.precision_score(labels, predicted, average="macro"),
        "recall": metrics.recall_score(labels, predicted, average="macro"),
        "f1": metrics.f1_score(labels, predicted, average="macro"),
        "roc_auc": metrics.roc_auc_score(labels, chances, multi_class="ovr"),
    }
    assert estimate.value == pytest.approx(oracle[metric], abs=0.01)
    assert estimate.low < oracle[metric] < estimate.high


@pytest.mark.parametrize("absent", [0.0, 1e-9], ids=["never", "hardly ever"])
def test_the_area_is_unknown_where_a_class_has_none(absent: float) -> None:
    random = np.random.default_rng(5)
    known, found = Classification(classes=(0, 1, 2)), Cbpe(classes=(0, 1, 2))
    labels, predicted, chances = of_three(random, 2000)
    known.update(labels, predicted, probabilities=chances)
    chances[:, 2] = absent
    found.update(chances.argmax(axis=1), chances / chances.sum(axis=1, keepdims=True))

    estimated = found.estimated([fit(*counts) for counts in known.scores_by_class])

    assert estimated.roc_auc.value is None
    assert estimated.f1.value is not None


def test_before_any_row_nothing_is_said() -> None:
    found = Cbpe().estimated([UNFITTED])

    assert {getattr(found, metric).value for metric in METRICS} == {None}


def test_scores_that_are_no_probabilities_are_counted_and_left_out() -> None:
    found = Cbpe()

    found.update([1, 0, 1, None], np.array([0.9, np.nan, 7.0, 0.5]))

    assert (found.rows, found.unusable) == (1, 3)


def test_what_is_merged_equals_the_whole_and_so_does_what_is_restored() -> None:
    random = np.random.default_rng(1)
    calibration = calibrated(random)
    _, predicted, scores = drawn(random, 500)
    one, other, restored = Cbpe(), Cbpe(), Cbpe()
    one.update(predicted[:200], scores[:200])
    other.update(predicted[200:], scores[200:])

    restored.restore(one.state())
    restored.merge(other)

    assert restored.estimated([calibration]) == estimated(predicted, scores, calibration)


@pytest.mark.parametrize("present", [3, 6, 9])
def test_classes_that_are_not_in_the_traffic_make_no_disagreement(present: int) -> None:
    random, names = np.random.default_rng(present), [str(number) for number in range(10)]

    def of_ten(rows: int, classes: int) -> tuple[list[str], list[str], NDArray[np.float64]]:
        likely = random.normal(size=(rows, 10))
        likely[np.arange(rows), random.choice(classes, rows)] += 8
        shares = np.exp(likely) / np.exp(likely).sum(axis=1, keepdims=True)
        labels = [str(random.choice(10, p=share)) for share in shares]
        return labels, [str(number) for number in shares.argmax(axis=1)], shares

    first = Classification(classes=names)
    labels, predicted, shares = of_ten(1000, 10)
    first.update(labels, predicted, None, shares)
    calibrations = [fit(*counts) for counts in first.scores_by_class]
    wrong = 0
    for _ in range(10):
        labels, predicted, shares = of_ten(500, present)
        real, cbpe = Classification(classes=names, alpha=0.02), Cbpe(classes=names, alpha=0.02)
        real.update(labels, predicted, None, shares)
        cbpe.update(predicted, shares)
        told = cbpe.estimated(calibrations, real.confusion.names)
        wrong += sum(disagrees(getattr(told, name), getattr(real, name)) for name in ("precision", "recall", "f1"))

    assert wrong <= 2  # of 30

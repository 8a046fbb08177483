"""Intervals against simulation: how often they hold the truth, at the level that they promise."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats

from watchtower.performance.classification import Classification
from watchtower.performance.estimate import Estimate, student_quantile, wilson
from watchtower.performance.regression import Regression

RUNS = 1000
# What 1,000 runs of a true coverage of 0.95 stay above but once in 10,000 times is 0.922; the methods promise "near".
NEAR = 0.92

Random = np.random.Generator


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 10, 30, 1000])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_students_quantile_is_scipys(freedom: int, alpha: float) -> None:
    assert student_quantile(alpha, freedom) == pytest.approx(scipy.stats.t.isf(alpha / 2, freedom), rel=3e-3)


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (3, 10), (10, 10), (950, 1000)])
def test_wilsons_interval_is_scipys(hits: int, count: int) -> None:
    expected = scipy.stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")

    assert wilson(hits / count, count, 0.05) == pytest.approx((expected.low, expected.high), abs=1e-12)


def coverage(truth: float, draw: Callable[[Random], Estimate]) -> float:
    random = np.random.default_rng(7)
    found = [draw(random) for _ in range(RUNS)]
    return (
        sum(each.low is not None and each.high is not None and each.low <= truth <= each.high for each in found) / RUNS
    )


def normal_rows(random: Random, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Positives at 1.5, negatives at 0: the area is Φ(1.5/√2)."""
    labels = random.random(rows) < 0.4
    return labels, 1 / (1 + np.exp(-random.normal(1.5 * labels, 1.0)))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [40, 400])
def test_the_area_of_normal_scores(rows: int) -> None:
    def draw(random: Random) -> Estimate:
        labels, scores = normal_rows(random, rows)
        found = Classification()
        found.update(labels, scores > 0.5, scores)
        return found.roc_auc

    assert coverage(scipy.stats.norm.cdf(1.5 / np.sqrt(2)), draw) >= NEAR


def table(random: Random, rows: int, shares: np.ndarray) -> Classification:
    cells = random.choice(shares.size, rows, p=shares.ravel())
    found = Classification()
    found.update(*(names.astype(str) for names in np.divmod(cells, len(shares))))
    return found


TWO = np.array([[0.5, 0.1], [0.15, 0.25]])
FOUR = np.array([[0.4, 0.03, 0.02, 0.0], [0.02, 0.2, 0.01, 0.02], [0.02, 0.03, 0.15, 0.0], [0.01, 0.03, 0.01, 0.05]])


def truths(shares: np.ndarray) -> dict[str, np.ndarray]:
    hits, labelled, predicted = np.diagonal(shares), shares.sum(axis=1), shares.sum(axis=0)
    return {"precision": hits / predicted, "recall": hits / labelled, "f1": 2 * hits / (labelled + predicted)}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 600])
@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_shares_of_the_positive_class(metric: str, rows: int) -> None:
    truth = float(truths(TWO)[metric][1])

    assert coverage(truth, lambda random: getattr(table(random, rows, TWO), metric)) >= NEAR


@pytest.mark.slow
@pytest.mark.parametrize("rows", [150, 600])
@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_macro_means(metric: str, rows: int) -> None:
    truth = float(truths(FOUR)[metric].mean())

    assert coverage(truth, lambda random: getattr(table(random, rows, FOUR), metric)) >= NEAR


@pytest.mark.slow
@pytest.mark.parametrize("rows", [200, 2000])
def test_the_calibration_error_of_perfect_scores_and_of_bad_ones(rows: int) -> None:
    def draw(random: Random, share: float) -> Estimate:
        scores = (random.integers(0, 10, rows) + 0.5) / 10
        labels = random.random(rows) < share * scores
        found = Classification()
        found.update(labels, scores > 0.5, scores)
        return found.calibration_error

    assert coverage(0.0, lambda random: draw(random, 1.0)) >= 0.95
    assert coverage(0.1, lambda random: draw(random, 0.8)) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "truth"), [("bias", 0.5), ("mae", 1.0), ("rmse", 1.118034), ("r2", 1 - 1.25 / 4)])
def test_errors_of_numbers(metric: str, truth: float) -> None:
    def draw(random: Random) -> Estimate:
        labels = random.normal(0, 2, 400)
        found = Regression()
        found.update(labels, labels + random.normal(0.5, 1, 400))
        estimate: Estimate = getattr(found, metric)
        return estimate

    normal = scipy.stats.norm
    sizes = 2 * normal.pdf(0.5) + 0.5 * (1 - 2 * normal.cdf(-0.5))  # the mean of a folded normal
    assert coverage(sizes if metric == "mae" else truth, draw) >= NEAR


def test_all_right_among_few_is_no_certainty() -> None:
    found = Classification()

    found.update(["a", "b", "c"] * 4, ["a", "b", "c"] * 4)

    assert found.f1.value == 1
    assert found.f1.low is not None
    assert found.f1.low < 0.8

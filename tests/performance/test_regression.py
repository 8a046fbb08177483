"""Metrics of numbers against scikit-learn's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics  # type: ignore[import-untyped]

from watchtower.performance.regression import Regression

NAMES = ("bias", "mae", "rmse", "mape", "r2")
Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]


def sample(rows: int = 300, seed: int = 1) -> Pairs:
    random = np.random.default_rng(seed)
    labels = random.normal(50, 10, rows)
    return labels, labels + random.normal(0.5, 3, rows)


def of(labels: Any, predicted: Any) -> Regression:
    found = Regression()
    found.update(labels, predicted)
    return found


ORACLES: dict[str, Callable[..., float]] = {
    "bias": lambda labels, predicted: float((predicted - labels).mean()),
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
}


@pytest.mark.parametrize("metric", NAMES)
def test_it_is_scikit_learns_value(metric: str) -> None:
    labels, predicted = sample()

    found = getattr(of(labels, predicted), metric)

    assert found.value == pytest.approx(ORACLES[metric](labels, predicted), rel=1e-12)
    assert found.low < found.value < found.high


def test_labels_far_from_nothing_lose_no_digits() -> None:
    labels, predicted = sample()

    far = of(labels + 1e9, predicted + 1e9).r2

    assert far.value == pytest.approx(metrics.r2_score(labels, predicted), rel=1e-6)
    assert far.low == pytest.approx(of(labels, predicted).r2.low, rel=1e-3)


def test_texts_of_numbers_are_numbers() -> None:
    assert of(["1", "2.5", "-3e0"], [1, 2.5, "-3"]).mae.value == 0


def test_what_is_no_finite_number_is_counted_and_left_out() -> None:
    found = of([1.0, None, float("nan"), "high", 10**400, 2.0, 3], [1.0, 1.0, 1.0, 1.0, 1.0, float("inf"), [3]])

    assert (found.count, found.unusable, found.unusable_labels) == (1, 6, 4)


def test_labels_of_nothing_have_no_part_in_the_relative_error() -> None:
    found = of([0.0, 2.0, 4.0], [1.0, 1.0, 5.0])

    assert (found.mape.value, found.mape.count, found.zero_labels) == (0.375, 2, 1)


def test_equal_labels_have_no_share_of_variance_explained() -> None:
    assert of([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]).r2.value is None


@pytest.mark.parametrize("rows", [3, 300, 30_000])
def test_equal_labels_whose_sum_is_rounded_have_none_either(rows: int) -> None:
    found = of([0.1] * rows, [0.2, 0.1, 0.1] * (rows // 3))
    found.merge(of([0.1] * 7, [0.2] * 7))

    assert found.r2.value is None


def test_before_any_row_nothing_is_said() -> None:
    assert {getattr(Regression(), name).value for name in NAMES} == {None}


def test_one_row_has_a_value_and_no_interval() -> None:
    found = of([1.0], [2.0]).mae

    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_errors_whose_squares_are_infinite_are_unknown_rather_than_wrong() -> None:
    found = of([1e200, -1e200], [-1e200, 1e200])

    assert (found.rmse.value, found.r2.value) == (None, None)


cells = st.floats(-1e3, 1e3) | st.none()
pairs = st.lists(st.tuples(cells, cells), max_size=30)


def counted(rows: list[Any]) -> Regression:
    return of([row[0] for row in rows], [row[1] for row in rows])


def summary(found: Regression) -> list[float]:
    parts = [
        getattr(getattr(found, name), part) for name in ("bias", "mae", "rmse") for part in ("value", "low", "high")
    ]
    return [float("nan") if part is None else part for part in parts]


@pytest.mark.slow
@given(pairs, pairs)
def test_what_is_merged_equals_the_whole(one: list[Any], other: list[Any]) -> None:
    merged, whole = counted(one), counted(one + other)
    merged.merge(counted(other))

    assert summary(merged) == pytest.approx(summary(whole), rel=1e-6, abs=1e-4, nan_ok=True)
    assert (merged.count, merged.unusable, merged.zero_labels) == (whole.count, whole.unusable, whole.zero_labels)
    assert merged.unusable_labels == whole.unusable_labels


@pytest.mark.parametrize("cut", [0, 1, 17, 299, 300])
@pytest.mark.parametrize("metric", NAMES)
def test_wherever_rows_are_cut_in_two_the_interval_is_the_same(metric: str, cut: int) -> None:
    labels, predicted = sample()
    merged, whole = of(labels[:cut], predicted[:cut]), of(labels, predicted)
    merged.merge(of(labels[cut:], predicted[cut:]))

    own, all_at_once = getattr(merged, metric), getattr(whole, metric)
    assert (own.value, own.low, own.high) == pytest.approx(
        (all_at_once.value, all_at_once.low, all_at_once.high), rel=1e-9
    )


def test_what_is_restored_goes_on_as_if_it_had_never_stopped() -> None:
    labels, predicted = sample()
    kept, restored = of(labels[:200], predicted[:200]), Regression()
    restored.restore(kept.state())

    for found in (kept, restored):
        found.update(labels[200:], predicted[200:])
    assert restored.state() == kept.state()


@pytest.mark.parametrize("wild", [1e78, 1e100, 1e200, -1e150])
def test_one_wild_prediction_ends_nothing(wild: float) -> None:
    found = Regression()
    found.update([1.0, 2.0, 3.0, 4.0], [1.1, 2.1, wild, 3.9])

    assert found.r2.low is None

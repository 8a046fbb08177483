"""Metrics of classes against scikit-learn's, exactly, or within the error that the grid of scores states."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics  # type: ignore[import-untyped]

from watchtower.performance.classes import OTHER
from watchtower.performance.classification import Classification, ScoreOf
from watchtower.performance.estimate import Estimate

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def binary(rows: int, seed: int = 1, digits: int = 3) -> Rows:
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < 0.3).astype(np.int64)
    scores = np.round(1 / (1 + np.exp(-random.normal(labels * 2.0 - 1.5, 1.0))), digits)
    return labels, (scores > 0.5).astype(np.int64), scores


def of_four(rows: int, seed: int = 2) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    names = np.array(["ash", "birch", "cedar", "fir"])
    labels = random.choice(4, rows, p=(0.5, 0.3, 0.15, 0.05))
    raw = random.normal(size=(rows, 4)) + 1.5 * (np.arange(4) == labels[:, None])
    probabilities = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return names[labels], names[probabilities.argmax(axis=1)], probabilities


def value_of(estimate: Estimate) -> float:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low <= estimate.value <= estimate.high
    return estimate.value


METRICS: dict[str, Any] = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
}


@pytest.mark.parametrize("metric", METRICS)
def test_of_two_classes_it_is_scikit_learns_of_the_positive_class(metric: str) -> None:
    labels, predicted, _ = binary(500)
    found = Classification()

    found.update(labels, predicted)

    assert value_of(getattr(found, metric)) == pytest.approx(METRICS[metric](labels, predicted), abs=1e-12)


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_of_more_classes_it_is_scikit_learns_macro_mean(metric: str) -> None:
    labels, predicted, _ = of_four(500)
    found = Classification()

    found.update(labels, predicted)

    assert value_of(getattr(found, metric)) == pytest.approx(
        METRICS[metric](labels, predicted, average="macro"), abs=1e-12
    )


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_each_class_has_scikit_learns_value(metric: str) -> None:
    labels, predicted, _ = of_four(500)
    found = Classification()

    found.update(labels, predicted)

    by_class = [value_of(getattr(found.of_class(name), metric)) for name in ("ash", "birch", "cedar", "fir")]
    assert by_class == pytest.approx(METRICS[metric](labels, predicted, average=None).tolist(), abs=1e-12)


def test_a_class_that_is_never_predicted_counts_as_nothing_in_the_macro_precision() -> None:
    labels, predicted = ["a", "b", "c", "c"], ["a", "b", "a", "b"]
    found = Classification()

    found.update(labels, predicted)

    expected = metrics.precision_score(labels, predicted, average="macro", zero_division=0)
    assert found.of_class("c").precision.value is None
    assert value_of(found.precision) == pytest.approx(expected, abs=1e-12)


def test_log_loss_of_two_classes_is_scikit_learns() -> None:
    labels, predicted, scores = binary(500)
    found = Classification()

    found.update(labels, predicted, scores)

    assert value_of(found.log_loss) == pytest.approx(metrics.log_loss(labels, scores), rel=1e-12)


def test_log_loss_of_more_classes_is_scikit_learns() -> None:
    labels, predicted, probabilities = of_four(500)
    found = Classification(classes=("ash", "birch", "cedar", "fir"))

    found.update(labels, predicted, probabilities=probabilities)

    assert value_of(found.log_loss) == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-12)


def test_a_score_of_nothing_for_what_came_true_has_scikit_learns_loss() -> None:
    found = Classification()

    found.update([1, 0], [0, 0], np.array([0.0, 0.0]))

    assert found.log_loss.value == pytest.approx(metrics.log_loss([1, 0], [0.0, 0.0], labels=[0, 1]), rel=1e-9)


def test_the_area_is_scikit_learns_where_scores_fall_on_the_grid() -> None:
    labels, predicted, scores = binary(800, digits=3)
    found = Classification()

    found.update(labels, predicted, scores)

    assert value_of(found.roc_auc) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_area_of_any_scores_is_scikit_learns_within_the_stated_error(seed: int) -> None:
    labels, predicted, scores = binary(3000, seed, digits=17)
    found = Classification()

    found.update(labels, predicted, scores)

    assert found.auc_grid_error < 0.002
    assert abs(value_of(found.roc_auc) - metrics.roc_auc_score(labels, scores)) <= found.auc_grid_error


def test_scores_of_a_rare_class_are_told_apart_though_all_are_tiny() -> None:
    labels, predicted, scores = binary(3000, digits=17)
    found = Classification()

    found.update(labels, predicted, scores / 1000)

    assert found.auc_grid_error < 0.005
    assert value_of(found.roc_auc) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=0.005)


def test_the_area_of_more_classes_is_scikit_learns_one_against_the_rest() -> None:
    labels, predicted, probabilities = of_four(3000)
    found = Classification(classes=("ash", "birch", "cedar", "fir"))

    found.update(labels, predicted, probabilities=probabilities)

    expected = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert value_of(found.roc_auc) == pytest.approx(expected, abs=found.auc_grid_error)


@pytest.mark.parametrize("score_of", ["positive", "predicted"])
def test_a_junk_label_and_an_odd_prediction_among_many_make_no_third_class(score_of: ScoreOf) -> None:
    labels, predicted, scores = binary(500)
    odd_labels, odd_predicted = labels.astype(object), predicted.astype(object)
    odd_labels[7], odd_predicted[8] = "NA", "error"
    if score_of == "predicted":
        scores = np.where(predicted == 1, scores, 1 - scores)
    found = Classification(score_of=score_of)

    found.update(odd_labels, odd_predicted, scores)

    is_labelled, is_predicted = odd_labels == 1, odd_predicted == 1
    assert value_of(found.precision) == pytest.approx(metrics.precision_score(is_labelled, is_predicted), abs=1e-12)
    assert value_of(found.accuracy) == np.mean(odd_labels == odd_predicted)
    assert (found.log_loss.count, found.roc_auc.count) == (500, 500)


def test_a_third_class_of_some_size_is_one() -> None:
    found = Classification()

    found.update([0, 1] * 45 + [2] * 10, [0, 1] * 45 + [2] * 5 + [1] * 5)

    assert not found.is_binary


def test_two_classes_that_are_not_the_positive_one_are_not_measured_by_it() -> None:
    found = Classification()

    found.update(["a", "b"] * 50, ["a", "b"] * 50)

    assert value_of(found.f1) == 1


def test_the_predicted_classs_score_says_what_the_positive_classs_says() -> None:
    labels, predicted, scores = binary(500)
    of_positive, of_predicted = Classification(), Classification(score_of="predicted")

    of_positive.update(labels, predicted, scores)
    of_predicted.update(labels, predicted, np.where(predicted == 1, scores, 1 - scores))

    assert value_of(of_predicted.roc_auc) == pytest.approx(value_of(of_positive.roc_auc), abs=1e-3)
    assert value_of(of_predicted.log_loss) == pytest.approx(value_of(of_positive.log_loss), rel=1e-9)


def test_two_columns_of_probabilities_say_what_the_second_one_says() -> None:
    labels, predicted, scores = binary(500)
    by_score, by_columns = Classification(), Classification(classes=(0, 1))

    by_score.update(labels, predicted, scores)
    by_columns.update(labels, predicted, probabilities=np.column_stack((1 - scores, scores)))

    assert by_columns.roc_auc == by_score.roc_auc


def test_the_calibration_error_is_the_mean_gap_of_ten_bins() -> None:
    labels, predicted, scores = binary(2000)
    found = Classification()

    found.update(labels, predicted, scores)

    places = np.clip(np.ceil(scores * 10).astype(int) - 1, 0, 9)
    gaps = [abs(labels[places == b].mean() - scores[places == b].mean()) * (places == b).mean() for b in range(10)]
    assert value_of(found.calibration_error) == pytest.approx(sum(gaps), abs=1e-12)


def test_a_label_and_a_prediction_meet_however_each_is_written() -> None:
    found = Classification()

    found.update(["1", "True", "0.0", "false", " 1 "], [1, True, 0, 0.0, 1.0])

    assert found.confusion.names == ["1", "0"]
    assert found.accuracy.value == 1


def test_rows_without_a_label_or_a_prediction_are_counted_and_left_out() -> None:
    found = Classification()

    found.update([1, None, float("nan"), 0, [1]], [1, 1, 1, None, 1])

    assert (found.count, found.unlabelled, found.unusable_labels) == (1, 4, 3)


def test_scores_that_are_no_probabilities_are_counted_and_left_out() -> None:
    found = Classification()

    found.update([1, 1, 0, 0, 1], [1, 1, 0, 0, 1], np.array([0.9, np.nan, -3.0, 1.5, np.inf]))

    assert (found.count, found.log_loss.count, found.bad_scores) == (5, 1, 4)


def test_before_any_row_nothing_is_said() -> None:
    found = Classification()

    values = [
        found.accuracy,
        found.precision,
        found.recall,
        found.f1,
        found.log_loss,
        found.roc_auc,
        found.calibration_error,
    ]
    assert {(each.value, each.low, each.high, each.count) for each in values} == {(None, None, None, 0)}


def test_one_class_has_no_area() -> None:
    found = Classification()

    found.update([0, 0, 0], [0, 1, 0], np.array([0.1, 0.7, 0.2]))

    assert (found.roc_auc.value, found.recall.value) == (None, None)


def test_more_classes_than_the_limit_still_count_in_the_accuracy() -> None:
    found = Classification(max_classes=3)
    labels = ["a", "b", "x", "y", "x"]

    found.update(labels, ["a", "b", "x", "x", "z"])

    assert found.confusion.names == ["a", "b", OTHER]
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(labels, ["a", "b", "x", "x", "z"]))


def test_a_score_alone_says_nothing_of_the_area_of_three_classes() -> None:
    found = Classification()

    found.update(["a", "b", "c"], ["a", "b", "c"], np.array([0.5, 0.6, 0.7]))

    assert found.roc_auc.value is None


def test_a_positive_class_that_is_none_of_the_two_is_refused() -> None:
    with pytest.raises(ValueError, match="the positive class 'maybe' is none of"):
        Classification(classes=("yes", "no"), positive="maybe")


scores = st.floats(-0.1, 1.1) | st.just(float("nan"))
rows = st.lists(st.tuples(st.sampled_from([0, 1, "x", None]), st.sampled_from([0, 1, "x"]), scores), max_size=40)


def summary(found: Classification) -> list[float | None]:
    names = ["accuracy", "precision", "recall", "f1", "log_loss", "roc_auc", "calibration_error"]
    return [getattr(getattr(found, name), part) for name in names for part in ("value", "low", "high", "count")]


def counted(cells: list[tuple[object, object, float]]) -> Classification:
    found = Classification()
    found.update([cell[0] for cell in cells], [cell[1] for cell in cells], np.array([cell[2] for cell in cells]))
    return found


@pytest.mark.slow
@given(rows, rows)
def test_what_is_merged_equals_the_whole(one: list[Any], other: list[Any]) -> None:
    merged = counted(one)
    merged.merge(counted(other))

    whole = counted(one + other)
    assert (merged.count, merged.unlabelled, merged.bad_scores) == (whole.count, whole.unlabelled, whole.bad_scores)
    assert merged.unusable_labels == whole.unusable_labels
    assert summary(merged) == pytest.approx(summary(whole), abs=1e-9)


@pytest.mark.slow
@given(rows, rows)
def test_what_is_restored_goes_on_as_if_it_had_never_stopped(before: list[Any], after: list[Any]) -> None:
    kept = counted(before)
    restored = Classification()
    restored.restore(kept.state())

    for found in (kept, restored):
        found.merge(counted(after))
    assert restored.state() == kept.state()


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="a state of version 99"):
        Classification().restore(bytes([0x92, 99]) + Classification().state()[2:])

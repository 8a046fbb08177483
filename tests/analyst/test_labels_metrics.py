"""What is shown of labelled rows, against scikit-learn on the same rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_stage import LabelStage, answered, counts, series, settle, shadowed, values
from recording import primary
from sklearn import metrics  # type: ignore[import-untyped]

from watchtower.analyst.measuring import DECIDED_BY
from watchtower.metrics import catalogue
from watchtower.performance.labels import Value
from watchtower.record import Exchange

ROWS = 300


def chance() -> np.random.Generator:
    return np.random.default_rng(20_261)


def scored() -> tuple[list[float], list[int]]:
    """Scores to three digits, and labels that follow them."""
    draw = chance()
    scores = np.round(draw.random(ROWS), 3)
    return scores.tolist(), (draw.random(ROWS) < scores).astype(int).tolist()


def labelled(stage: LabelStage, labels: list[Any]) -> None:
    stage.label(dict(enumerate(labels)))


@pytest.mark.parametrize("score_of", ["positive", "predicted"])
def test_shares_are_cut_at_the_threshold(tmp_path: Path, score_of: str) -> None:
    scores, truth = scored()
    stage = LabelStage(tmp_path, {"performance": {"threshold": 0.3, "score_of": score_of}})
    labelled(stage, truth)
    found = values(stage.measure(answered(n, score) for n, score in enumerate(scores)))
    said = [score >= 0.3 for score in scores]

    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(truth, said),
            "precision": metrics.precision_score(truth, said),
            "recall": metrics.recall_score(truth, said),
            "f1": metrics.f1_score(truth, said),
            "log_loss": metrics.log_loss(truth, scores),
            "roc_auc": metrics.roc_auc_score(truth, scores),
            "calibration_error": found["calibration_error"],
        }
    )


def test_metrics_are_told_with_their_intervals(tmp_path: Path) -> None:
    scores, truth = scored()
    stage = LabelStage(tmp_path)
    labelled(stage, truth)
    stage.measure(answered(n, score) for n, score in enumerate(scores))
    low, value, high = (
        stage.totals().by(metric, "metric")["accuracy"]
        for metric in (catalogue.PERFORMANCE_LOW, catalogue.PERFORMANCE, catalogue.PERFORMANCE_HIGH)
    )

    assert value == pytest.approx(metrics.accuracy_score(truth, [score >= 0.5 for score in scores]))
    assert value - 0.06 < low < value < high < value + 0.06


def test_numbers_are_measured_as_numbers(tmp_path: Path) -> None:
    draw = chance()
    truth = draw.normal(50, 10, ROWS)
    said = truth + draw.normal(1, 2, ROWS)
    stage = LabelStage(tmp_path)
    labelled(stage, truth.tolist())
    shown = stage.measure(answered(n, value) for n, value in enumerate(said.tolist()))

    assert shown["task"] == "regression"
    assert values(shown) == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(truth, said),
            "rmse": metrics.root_mean_squared_error(truth, said),
            "mape": metrics.mean_absolute_percentage_error(truth, said),
            "r2": metrics.r2_score(truth, said),
            "bias": float(np.mean(said - truth)),
        }
    )


def test_a_vector_of_probabilities_is_read_as_that(tmp_path: Path) -> None:
    draw = chance()
    vectors = np.round(draw.dirichlet([1, 1, 1], ROWS), 4)
    vectors[:, 2] = np.round(1 - vectors[:, 0] - vectors[:, 1], 4)
    truth = [int(draw.choice(3, p=np.abs(vector) / np.abs(vector).sum())) for vector in vectors]
    stage = LabelStage(tmp_path)
    labelled(stage, truth)
    shown = stage.measure(answered(n, np.abs(vector).tolist()) for n, vector in enumerate(vectors))
    found = values(shown)

    assert (shown["prediction"], shown["score"]) == ("out.prediction.label", "out.prediction")
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, vectors.argmax(axis=1)))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, vectors, multi_class="ovr"), abs=1e-3)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, np.abs(vectors)), rel=1e-3)


def test_a_vectors_classes_have_the_configured_names(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"classes": ["stays", "leaves"]}})
    stage.label({1: "leaves", 2: "stays", 3: "leaves"})
    shown = stage.measure(answered(n, [1 - p, p]) for n, p in ((1, 0.75), (2, 0.25), (3, 0.25)))

    assert (shown["positive"], values(shown)["recall"], values(shown)["accuracy"]) == ("leaves", 0.5, 2 / 3)


def test_a_share_is_cut_into_the_two_configured_classes(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"classes": ["stays", "leaves"]}})
    stage.label({1: "leaves", 2: "stays", 3: "leaves"})
    shown = stage.measure(answered(n, p) for n, p in ((1, 0.75), (2, 0.25), (3, 0.25)))

    assert (shown["positive"], values(shown)["recall"], values(shown)["accuracy"]) == ("leaves", 0.5, 2 / 3)


def test_words_are_classes_and_the_second_of_two_is_positive(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: "ham", 2: "spam", 3: "spam"})
    shown = stage.measure(answered(n, said) for n, said in ((1, "ham"), (2, "spam"), (3, "ham")))

    assert (shown["task"], shown["positive"], values(shown)["recall"]) == ("classification", "spam", 0.5)


def test_the_configured_columns_are_taken(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"prediction": "class", "score": "sure"}})
    stage.label({1: 1, 2: 0, 3: 1, 4: 0})
    said = [(1, 0.9), (0, 0.2), (0, 0.4), (1, 0.6)]
    rows = [
        primary(n, {"instances": [[1.0]]}, {"predictions": [{"took": 7, "class": one, "sure": sure}]})
        for n, (one, sure) in enumerate(said, 1)
    ]
    found = values(stage.measure(rows))

    assert (found["accuracy"], found["roc_auc"]) == (0.5, metrics.roc_auc_score([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]))


def test_a_configured_score_may_hold_one_number_for_each_class(tmp_path: Path) -> None:
    settings = {"prediction": "class", "score": "sure", "classes": ["a", "b", "c"]}
    stage = LabelStage(tmp_path, {"performance": settings})
    truth, vectors = ["a", "b", "c"], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]
    stage.label(dict(enumerate(truth)))
    shown = stage.measure(
        primary(n, {"instances": [[1.0]]}, {"predictions": [{"class": "abc"[n], "sure": vector}]})
        for n, vector in enumerate(vectors)
    )

    assert (shown["prediction"], shown["score"], values(shown)["accuracy"]) == ("out.class", "out.sure", 1)
    assert values(shown)["log_loss"] == pytest.approx(metrics.log_loss(truth, vectors))


def test_each_segment_has_numbers_of_its_own_for_shadows_too(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"segments": ["plan"]}})
    stage.label({1: 1, 2: 1, 3: 1})
    rows: list[Exchange] = []
    for n, (plan, said, other) in enumerate((("gold", 0.9, 0.1), ("base", 0.1, 0.9), ("base", 0.9, 0.9)), 1):
        rows += [answered(n, said, plan=plan), shadowed(n, other)]
    shown = stage.measure(rows)
    found = {
        (who, segment): values(shown, who, segment)["accuracy"]
        for who in ("blue", "v2")
        for segment in ("plan=gold", "plan=base")
    }

    assert found == {
        ("blue", "plan=gold"): 1,
        ("blue", "plan=base"): 0.5,
        ("v2", "plan=gold"): 0,
        ("v2", "plan=base"): 1,
    }


def test_a_segment_is_told_by_a_header_that_is_no_watched_column(tmp_path: Path) -> None:
    stage = LabelStage(
        tmp_path,
        {"performance": {"segments": ["header:x-tier"]}, "baseline": {"live": {"rows": 2}}},
        capture={"headers": ["x-tier"]},
    )
    stage.label({1: 1, 2: 1})
    asked, said = {"instances": [{"age": 1}]}, {"predictions": [0.9]}
    shown = stage.measure(
        [primary(1, asked, said, request_headers=((b"x-tier", b"eu"),)), primary(2, asked, {"predictions": [0.1]})]
    )

    assert values(shown, "blue", "header:x-tier=eu")["accuracy"] == 1
    assert values(shown, "blue", "header:x-tier=unknown")["accuracy"] == 0
    assert list(stage.document("baseline")["columns"]) == ["in.age", "out.prediction"]


def test_segments_beyond_the_most_are_one(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"segments": ["age"], "max_segments": 2}})
    stage.label(dict.fromkeys(range(1, 6), 1))
    shown = stage.measure(answered(n, 0.9) for n in range(1, 6))

    assert sorted(each["segment"] or "" for each in shown["series"]) == ["", "age=1", "age=2", "age=other values"]
    assert series(shown, "blue", "age=other values")["labelled"] == 3


def test_the_task_is_provisional_until_there_are_some_hundred_labels(tmp_path: Path) -> None:
    scores, truth = scored()
    stage = LabelStage(tmp_path)
    stage.record(answered(n, score) for n, score in enumerate(scores))
    stage.label(dict(enumerate(truth[:100])))
    few = stage.measure()
    stage.label(dict(enumerate(truth)))
    many = stage.measure()

    assert (few["is_decided"], many["is_decided"]) == (False, True)
    assert (series(few)["labelled"], series(many)["labelled"]) == (100, 300)
    assert values(many)["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, scores))


def test_without_the_configured_column_labels_are_joined_and_not_measured(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"prediction": "class"}})
    stage.label({1: 1})
    shown = stage.measure([answered(1, 0.9)])

    assert (shown["joined"], shown["task"], shown["coverage"]) == (1, None, 1)
    assert shown["why"] == "no label has met an answer with the column of the predictions"


@pytest.mark.parametrize(
    ("label", "said"), [(True, "; none of the first labels names a class that was predicted"), ("yes", "")]
)
def test_where_labels_name_other_classes_than_predictions_it_is_said(tmp_path: Path, label: Value, said: str) -> None:
    stage = LabelStage(tmp_path)
    stage.label(dict.fromkeys(range(5), label))
    shown = stage.measure(answered(number, "yes") for number in range(5))

    assert shown["why"] == f"labels or predictions are no numbers{said}"


WARMING_UP = primary(0, {"x": 1}, {"detail": "warming up"})


def test_one_odd_answer_does_not_choose_the_column_of_the_others(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"protocol": "json"})
    stage.label(dict.fromkeys(range(10), 1))
    shown = stage.measure([WARMING_UP, *(primary(number, {"x": 1}, {"score": 0.9}) for number in range(1, 10))])

    assert (shown["prediction"], values(shown)["accuracy"], series(shown)["labelled"]) == ("out.score", 1, 10)


def test_a_column_that_was_chosen_by_an_odd_answer_is_given_up(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"protocol": "json"})
    stage.label({0: 1})
    first = stage.measure([WARMING_UP])
    for number in range(1, 10):
        stage.label({number: 1})
        shown = stage.measure([primary(number, {"x": 1}, {"score": 0.9})])

    assert (first["prediction"], shown["prediction"], values(shown)["accuracy"]) == ("out.detail", "out.score", 1)


def test_a_shadow_that_answers_one_number_beside_probabilities_ends_no_analyst(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    exchanges = [answered(number, [0.2, 0.8]) for number in range(5)]
    exchanges += [shadowed(number, 0.8) for number in range(5)]
    stage.label(dict.fromkeys(range(5), 1))

    shown = stage.measure(exchanges)

    assert counts(shown)["joined"] == 5


def test_a_shadow_that_became_a_variant_is_shown_as_that_with_all_its_rows(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    later = [primary(n, {"instances": [{"age": 1}]}, {"predictions": [1]}, variant="v2") for n in range(5, 20)]
    stage.label(dict.fromkeys(range(20), 1))
    before = series(stage.measure([one for n in range(5) for one in (answered(n, 1), shadowed(n, 1))]), "v2")
    stage.record(later, "w1-2")
    after = series(stage.measure(), "v2")

    assert (before["role"], before["rows"], before["labelled"]) == ("shadow", 5, 5)
    assert (after["role"], after["rows"], after["labelled"]) == ("primary", 20, 20)


def test_a_model_that_has_no_labels_any_more_is_shown_no_more(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"shadows": [], "performance": {"label_period": "10d"}})
    stage.label(dict.fromkeys(range(DECIDED_BY), 1))
    asked = {"instances": [{"age": 1}]}
    stage.record(primary(n, asked, {"predictions": [0.9]}, variant="old") for n in range(DECIDED_BY))
    shown = []
    for day, days in ((0, 0), (19, 19), (20, 1)):
        stage.clock.advance(86400 * days)
        stage.record([answered(1000 + day, 0.9, at_s=86400 * day)], f"w1-{day + 2}")
        shown.append([each["who"] for each in stage.measure()["series"]])

    assert shown == [["old"], ["blue", "old"], ["blue"]]


def test_a_metric_that_is_shown_no_more_is_no_number(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"shadows": [], "performance": {"label_period": "10d"}})
    stage.label(dict.fromkeys(range(DECIDED_BY), 1))
    with stage.started() as analyst:
        stage.record(answered(n, 1) for n in range(DECIDED_BY))
        settle(analyst)
        before = stage.totals().by(catalogue.PERFORMANCE, "metric")["accuracy"]
        stage.clock.advance(20 * 86400)
        stage.record([answered(1000, 1, at_s=20 * 86400)], "w1-2")
        settle(analyst)
        after = stage.totals().by(catalogue.PERFORMANCE, "metric")["accuracy"]

    assert (before, np.isnan(after)) == (1, True)


def shares(score: float) -> object:
    return score


def vectors(score: float) -> object:
    return [1 - score, score]


def classes(score: float) -> object:
    return {"class": "fraud" if score > 0.5 else "fair", "sure": score}


@pytest.mark.parametrize("at", [0, ROWS - 1], ids=["before the task is decided", "behind it"])
@pytest.mark.parametrize(
    ("answer", "names", "performance"),
    [
        (shares, (0, 1), {}),
        (vectors, (0, 1), {}),
        (vectors, ("fair", "fraud"), {"classes": ["fair", "fraud"]}),
        (classes, ("fair", "fraud"), {"prediction": "class", "score": "sure"}),
    ],
    ids=["share", "vector", "vector with names", "score beside it"],
)
def test_a_label_that_is_none_of_the_classes_is_counted_and_left_out(
    tmp_path: Path, answer: Any, names: tuple[Any, Any], performance: dict[str, Any], at: int
) -> None:
    stage = LabelStage(tmp_path, {"performance": performance})
    scores, labels = scored()
    stage.label({number: "NA" if number == at else names[label] for number, label in enumerate(labels)})

    shown = stage.measure([answered(number, answer(score)) for number, score in enumerate(scores)])

    rest = [number for number in range(ROWS) if number != at]
    truth, said = [labels[number] for number in rest], [scores[number] for number in rest]
    assert values(shown)["f1"] == pytest.approx(metrics.f1_score(truth, [score > 0.5 for score in said]))
    assert values(shown)["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, said), abs=0.01)
    assert (counts(shown)["joined"], series(shown)["unusable_labels"]) == (ROWS, 1)


def test_where_the_first_labels_are_all_of_one_class_the_later_one_is_positive(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"shadows": []})
    later = range(DECIDED_BY + 1, DECIDED_BY + 21)
    stage.label({n: "legit" if n else "NA" for n in range(DECIDED_BY + 1)})
    before = stage.measure(answered(n, "legit") for n in range(DECIDED_BY + 1))
    stage.label(dict.fromkeys(later, "fraud"))
    shown = stage.measure(answered(n, "fraud" if n % 2 else "legit") for n in later)

    assert (before["is_decided"], before["positive"], shown["positive"]) == (True, None, "fraud")
    assert (values(shown)["precision"], values(shown)["recall"]) == (1, 0.5)


@pytest.mark.parametrize(("name", "positive"), [(0, "1"), ("no", "yes"), ("legit", None)])
def test_one_class_alone_tells_the_other_where_everybody_knows_it(
    tmp_path: Path, name: Value, positive: str | None
) -> None:
    stage = LabelStage(tmp_path, {"shadows": []})
    stage.label(dict.fromkeys(range(10), name))

    assert stage.measure(answered(n, name) for n in range(10))["positive"] == positive


def test_of_a_rare_class_that_has_no_label_yet_the_predictions_know(tmp_path: Path) -> None:
    scores, truth = scored()
    truth = [label if number >= DECIDED_BY else 0 for number, label in enumerate(truth)]
    stage = LabelStage(tmp_path, {"performance": {"prediction": "class"}})
    stage.record(answered(number, classes(score)) for number, score in enumerate(scores))
    stage.label(dict.fromkeys(range(DECIDED_BY), "fair"))
    stage.measure()
    stage.label({number: ("fair", "fraud")[truth[number]] for number in range(DECIDED_BY, ROWS)})
    shown = stage.measure()

    assert shown["positive"] == "fraud"
    assert values(shown)["f1"] == pytest.approx(metrics.f1_score(truth, [score > 0.5 for score in scores]))


@pytest.mark.parametrize(
    ("names", "performance"),
    [(("no", "yes"), {}), (("legit", "fraud"), {"positive": "fraud"}), (("a", "b"), {"classes": ["a", "b"]})],
)
def test_shares_are_cut_into_the_two_names_of_labels(
    tmp_path: Path, names: tuple[str, str], performance: dict[str, Any]
) -> None:
    scores, truth = scored()
    stage = LabelStage(tmp_path, {"performance": performance})
    labelled(stage, [names[label] for label in truth])
    shown = stage.measure(answered(number, score) for number, score in enumerate(scores))

    assert (shown["task"], shown["positive"]) == ("classification", names[1])
    assert values(shown)["f1"] == pytest.approx(metrics.f1_score(truth, [score >= 0.5 for score in scores]))
    assert values(shown)["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, scores))


def test_shares_of_a_class_that_nobody_names_are_not_measured_and_it_is_said_why(tmp_path: Path) -> None:
    scores, truth = scored()
    stage = LabelStage(tmp_path)
    labelled(stage, [("legit", "fraud")[label] for label in truth])
    shown = stage.measure(answered(number, score) for number, score in enumerate(scores))

    assert (shown["is_decided"], values(shown), series(shown)["labelled"]) == (True, {}, ROWS)
    assert "until performance.positive or performance.classes says it" in shown["why"]

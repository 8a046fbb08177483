"""Which columns are meant, and how they are read."""

from typing import Any

import numpy as np
import pytest

from watchtower.analyst.label_join import Choice, Joined, Reading, choose, decide, matrix
from watchtower.analyst.measuring import Measured
from watchtower.performance.labels import Label, Value
from watchtower.performance.settings import PerformanceSettings, Task

PLAIN = Choice("out.prediction", None, None)
VECTOR = Choice("out.p.label", "out.p.score", "out.p")


def rows(*labelled: tuple[Value, object], score: object = None, vector: object = None) -> list[Joined]:
    """Of labels and predictions."""
    return [Joined("blue", "primary", Label(b"a", 0, label, 0), 0, said, score, vector, ()) for label, said in labelled]


@pytest.mark.parametrize(
    ("settings", "columns", "expected"),
    [
        ({}, ["in.age", "out.prediction"], PLAIN),
        ({}, ["out.first", "out.second"], Choice("out.first", None, None)),
        ({"prediction": "second"}, ["out.first", "out.second"], Choice("out.second", None, None)),
        ({"prediction": "third"}, ["out.first", "out.second"], None),
        ({}, ["in.age"], None),
        ({}, ["out.p", "out.p.label", "out.p.score"], VECTOR),
        ({"score": "sure"}, ["out.class", "out.sure"], Choice("out.class", "out.sure", None)),
        ({"score": "sure"}, ["out.p", "out.sure", "out.p.label"], Choice("out.p.label", "out.sure", None)),
    ],
)
def test_the_columns_are_the_configured_ones_or_the_first(
    settings: dict[str, Any], columns: list[str], expected: Choice | None
) -> None:
    assert choose(columns, PerformanceSettings(**settings)) == expected


def test_positions_name_the_classes_of_a_vector() -> None:
    reading = decide(VECTOR, rows((1, "2"), (0, "0"), vector=[0.2, 0.3, 0.5]), PerformanceSettings())

    assert (reading.classes, reading.columns.vector, reading.has_estimates) == (("0", "1", "2"), "out.p", True)


def test_places_in_a_vector_are_not_held_against_names() -> None:
    said = rows(("cat", "2"), ("dog", "0"), vector=[0.2, 0.3, 0.5])

    for settings in (PerformanceSettings(), PerformanceSettings(classes=("cat", "dog"))):
        reading = decide(VECTOR, said, settings)
        assert (reading.is_measured, reading.has_estimates) == (False, False)
        assert "performance.classes" in reading.why


def test_likeliest_classes_that_have_names_have_a_score_without_their_vector() -> None:
    reading = decide(VECTOR, rows(("cat", "cat"), ("dog", "cat"), vector=[0.2, 0.3, 0.5]), PerformanceSettings())

    assert (reading.classes, reading.columns.vector, reading.score_of) == ((), None, "predicted")


def test_a_vector_of_very_many_classes_counts_as_its_likeliest_one() -> None:
    many = rows(*[(number % 40, str(number % 40)) for number in range(400)], score=0.5, vector=[1 / 40] * 40)
    reading = decide(VECTOR, many, PerformanceSettings())
    measured = Measured(reading, PerformanceSettings())
    measured.update(many, 0)
    found = measured.series["blue", None].whole

    assert (reading.columns.vector, reading.score_of, reading.has_estimates) == (None, "predicted", False)
    assert (found.accuracy.value, found.calibration_error.count, len(found.scores_by_class)) == (1, 400, 1)
    assert decide(VECTOR, many, PerformanceSettings(max_classes=40)).columns.vector is not None


def test_one_vector_of_another_length_does_not_say_how_many_classes_there_are() -> None:
    odd = rows((1, "2"), vector=[0.2, 0.3, 0.5])

    assert decide(VECTOR, [*odd, *rows(*[(1, "1")] * 20, vector=[0.2, 0.8])], PerformanceSettings()).classes == (
        "0",
        "1",
    )


def test_a_configured_score_may_be_a_vector() -> None:
    settings = PerformanceSettings(score="p", classes=("a", "b", "c"))
    reading = decide(Choice("out.class", "out.p", None), rows(("a", "b"), vector=[0.1, 0.8, 0.1]), settings)

    assert reading.columns == Choice("out.class", None, "out.p")
    assert reading.answers(["b"], [None], [[0.1, 0.8, 0.1]]).predicted == ["b"]


def test_a_positive_class_that_is_none_of_two_gives_way_to_the_second() -> None:
    settings = PerformanceSettings(positive="maybe", classes=("no", "yes"))

    assert decide(PLAIN, rows(("no", "yes"), ("yes", "yes")), settings).positive == "yes"


def test_a_share_that_is_missing_is_no_prediction() -> None:
    reading = decide(PLAIN, rows((1, 0.75), (0, 0.5)), PerformanceSettings())

    assert reading.answers([0.75, None, 0.25], [None] * 3, [None] * 3).predicted == ["1", None, "0"]


def test_the_score_of_the_predicted_class_is_turned_to_the_positive_one() -> None:
    reading = Reading(Task.CLASSIFICATION, "", Choice("out.a", "out.b", None), score_of="predicted", is_binary=True)
    answers = reading.answers(["1", "0"], [0.75, 0.75], [None] * 2)

    assert np.array(reading.of_positive(answers, "1")).tolist() == [0.75, 0.25]


def test_of_many_classes_one_score_estimates_nothing() -> None:
    reading = decide(Choice("out.a", "out.b", None), rows(("a", "b"), ("c", "c"), score=0.5), PerformanceSettings())

    assert not reading.has_estimates


def test_a_vector_of_another_length_is_a_row_without_numbers() -> None:
    found = matrix([[0.25, 0.75], [1.0], None], 2)

    assert found[0].tolist() == [0.25, 0.75]
    assert np.isnan(found[1:]).all()


def test_three_classes_with_one_score_are_not_estimated() -> None:
    settings = PerformanceSettings(score="p", classes=("a", "b", "c"), score_of="predicted")
    reading = decide(Choice("out.class", "out.p", None), rows(("a", "a"), ("b", "a"), score=0.7), settings)

    assert not reading.has_estimates


def test_many_classes_by_number_are_no_counts() -> None:
    many = [(number, str(number)) for number in range(50)]
    reading = decide(VECTOR, rows(*many, vector=[0.02] * 50), PerformanceSettings())

    assert (reading.task, reading.why) == (Task.CLASSIFICATION, "predictions are the likeliest class")


@pytest.mark.parametrize("positive", [None, "fraud"])
def test_the_positive_class_is_that_of_labels_and_predictions_together(positive: str | None) -> None:
    said = rows(("fair", "fair"), ("fair", "fraud"), ("fair", "fair"))

    assert decide(PLAIN, said, PerformanceSettings(positive=positive)).positive == "fraud"


def test_of_two_names_1_is_positive_whatever_the_alphabet_says() -> None:
    assert decide(PLAIN, rows(("a", "a"), (1, 1)), PerformanceSettings()).positive == "1"


def test_a_few_odd_labels_turn_no_other_class_positive() -> None:
    many = rows(*[("fair", "fair"), ("fraud", "fraud")] * 20, ("NA", "fraud"))

    assert decide(PLAIN, many, PerformanceSettings()).positive == "fraud"


def test_one_score_without_a_word_on_its_classes_is_of_the_two_that_are_named() -> None:
    scored = Choice("out.class", "out.sure", None)
    many = rows(*[("fair", "fair"), ("fraud", "fraud")] * 20, ("NA", "fraud"), score=0.5)

    assert decide(scored, many, PerformanceSettings()).classes == ("fair", "fraud")
    assert decide(scored, many, PerformanceSettings(score_of="predicted")).classes == ()


@pytest.mark.parametrize(("settings", "positive"), [({}, "fraud"), ({"positive": "legit"}, "legit")])
def test_of_two_names_the_one_with_the_high_scores_is_positive(settings: dict[str, Any], positive: str) -> None:
    scored = Choice("out.class", "out.sure", None)
    many = [*rows(*[("legit", "legit")] * 20, score=0.1), *rows(*[("fraud", "fraud")] * 20, score=0.8)]
    reading = decide(scored, many, PerformanceSettings(**settings))

    assert (reading.positive, reading.classes[1]) == (positive, positive)


def test_names_that_everybody_knows_say_more_than_scores() -> None:
    many = [*rows(("no", "no"), ("no", "no"), score=0.9), *rows(("yes", "yes"), score=0.4)]

    assert decide(Choice("out.class", "out.sure", None), many, PerformanceSettings()).positive == "yes"


def test_a_shadow_that_answers_in_another_way_decides_nothing() -> None:
    shares = rows((1, 0.75), (0, 0.25))
    names = [row._replace(who="green", role="shadow", predicted="yes") for row in shares]

    assert decide(PLAIN, [*shares, *names], PerformanceSettings()).is_share


def test_shares_that_cannot_be_cut_are_no_predictions() -> None:
    reading = decide(PLAIN, rows(("legit", 0.75), ("fraud", 0.5)), PerformanceSettings())

    assert (reading.is_measured, reading.has_estimates, reading.positive) == (False, False, None)
    assert reading.answers([0.75, 0.5], [None] * 2, [None] * 2).predicted == [None, None]


@pytest.mark.parametrize("odd", [("NA", "fraud"), ("fraud", "error")])
def test_an_odd_name_among_the_first_takes_no_estimates(odd: tuple[str, str]) -> None:
    scored = Choice("out.class", "out.sure", None)
    many = rows(*[("fair", "fair"), ("fraud", "fraud")] * 20, odd, score=0.5)

    assert decide(scored, many, PerformanceSettings()).has_estimates
    assert decide(scored, many, PerformanceSettings(score_of="predicted")).has_estimates

import numpy as np
import pytest

from watchtower.drift.detector import Column, Question, Role, Way, effect, questions

V, M, U = Role.VALUE, Role.MISSING, Role.UNSEEN


def number(*counts: float) -> Column:
    """Bins in order, the last one for what is missing."""
    labels = (*(f"bin {index}" for index in range(len(counts) - 1)), "missing")
    return Column("age", np.array(counts), labels, (*[V] * (len(counts) - 1), M), is_ordered=True)


def words(*counts: float) -> Column:
    labels = (*"abcdefgh"[: len(counts) - 2], "new", "missing")
    return Column("plan", np.array(counts), labels, (*[V] * (len(counts) - 2), U, M), is_ordered=False)


def question(column: Column, way: Way) -> Question:
    return next(each for each in questions(column) if each.way is way)


def mean(asked: Question, counts: list[float]) -> float:
    score = np.full(len(counts), asked.rest)
    score[list(asked.bins)] = asked.values
    return float(score @ np.array(counts)) / sum(counts)


@pytest.mark.parametrize("column", [number(25, 25, 25, 25, 1), words(60, 30, 10, 0, 0), number(10, 0), words(5, 0, 0)])
def test_the_weights_of_a_column_sum_to_one(column: Column) -> None:
    assert sum(each.weight for each in questions(column)) == pytest.approx(1.0)


def test_a_reference_with_the_same_bins_is_asked_the_same() -> None:
    first, second = questions(number(25, 25, 25, 25, 1)), questions(number(1, 2, 3, 0, 0))

    assert [(each.way, each.bins, each.weight) for each in first] == [
        (each.way, each.bins, each.weight) for each in second
    ]


def test_words_have_no_direction() -> None:
    asked = {each.way for each in questions(words(60, 30, 10, 0, 0))}

    assert asked == {Way.MORE, Way.LESS, Way.NEW, Way.MORE_MISSING, Way.FEWER_MISSING}


def test_the_reference_is_in_the_middle_of_itself() -> None:
    counts = [7.0, 20.0, 3.0, 50.0, 20.0]

    assert mean(question(number(*counts), Way.UP), counts) == pytest.approx(0.5)


def test_the_location_is_the_share_of_comparisons_won() -> None:
    asked = question(number(50, 50, 0), Way.UP)

    assert mean(asked, [0, 10, 0]) == pytest.approx(0.75)  # half of the reference is below, half the same


def test_missing_rows_are_neither_high_nor_low_nor_far_from_the_middle() -> None:
    counts = [25.0, 25.0, 25.0, 25.0, 5.0]
    asked = [question(number(*counts), way) for way in (Way.UP, Way.DOWN, Way.WIDER, Way.NARROWER)]

    with_more_missing = [mean(each, [25, 25, 25, 25, 900]) for each in asked]

    assert with_more_missing == pytest.approx([mean(each, counts) for each in asked])


def test_values_at_both_ends_are_wider() -> None:
    asked = question(number(25, 25, 25, 25, 0), Way.WIDER)

    assert mean(asked, [50, 0, 0, 50, 0]) > mean(asked, [25, 25, 25, 25, 0]) > mean(asked, [0, 50, 50, 0, 0])


@pytest.mark.parametrize(
    ("way", "reference", "limit", "seen", "told"),
    [
        (Way.UP, 0.5, 0.53, 0.64, "64 % of comparisons above the reference, up to 53 % allowed"),
        (Way.DOWN, 0.5, 0.53, 0.64, "64 % of comparisons below the reference, up to 53 % allowed"),
        (Way.WIDER, 0.5, 0.53, 0.61, "ranks farther from the middle: 0.61 instead of 0.50, up to 0.53 allowed"),
        (Way.MORE_MISSING, 0.0, 0.006, 0.05, "5 % instead of 0 %, up to 0.6 % allowed"),
        (Way.LESS, 0.9, 0.92, 1.0, "0 % instead of 10 %, down to 8 % allowed"),
    ],
)
def test_an_effect_is_told_in_words(way: Way, reference: float, limit: float, seen: float, told: str) -> None:
    assert effect(Question(way, "", (0,), (1.0,), 0.0, 1.0), reference, limit, seen) == told

"""Each measure beside scipy's or numpy's, and where it agrees."""

import math
import random
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel
from scipy.spatial.distance import cosine, jensenshannon
from scipy.stats import kendalltau

from watchtower.compare.readings import SAME, number, probabilities, ranking, score, text, vector

NUMBERS = st.floats() | st.integers()


def distribution(size: int, seed: int) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).dirichlet(np.ones(size))]


@given(st.floats(), NUMBERS)
def test_numbers_agree_where_math_is_close(a: float, b: float) -> None:
    expected = math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) or (a != a and b != b)  # noqa: PLR0124

    assert number(a, b, 1e-6, 1e-6).agrees == expected


@given(NUMBERS, NUMBERS)
def test_numbers_read_the_same_both_ways(a: float, b: float) -> None:
    assert number(a, b, 0.0, 0.0) == number(b, a, 0.0, 0.0)


@pytest.mark.parametrize("one", [10_000_001, 1_834_567_890_123_456_789])
def test_whole_numbers_that_stand_side_by_side_are_two(one: int) -> None:
    readings = [number(one, one + 1, 1e-6, 1e-6), number(one, one + 1, 1.0, 0), number(one, one + 1, 0, 1e-4)]

    assert [reading.agrees for reading in readings] == [False, True, True]


def test_whole_numbers_that_no_float_holds_are_compared() -> None:
    assert (number(10**400, 10**400, 0, 0), number(10**400, 1, 0, 0).agrees) == (SAME, False)


def test_a_score_agrees_on_its_side_of_the_threshold() -> None:
    readings = [score(0.2, b, 0, 0, 0.5) for b in (0.4, 0.6)]

    assert [(reading.agrees, reading.is_flipped) for reading in readings] == [(True, False), (False, True)]


@pytest.mark.parametrize("size", [2, 3, 10, 31, 33, 1000])
def test_the_divergence_is_scipys(size: int) -> None:
    p, q = distribution(size, 1), distribution(size, 2)

    assert probabilities(p, q, 0.5).second == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)


@pytest.mark.parametrize("size", [3, 40])
def test_a_class_without_probability_has_no_part_in_the_divergence(size: int) -> None:
    p = [1.0, *[0.0] * (size - 1)]
    q = [0.0, 1.0, *[0.0] * (size - 2)]

    assert probabilities(p, q, 0.5).second == pytest.approx(1.0)


@pytest.mark.parametrize("size", [2, 40])
def test_the_smallest_probability_there_is_changes_nothing(size: int) -> None:
    p, q = [1.0, *[0.0] * (size - 1)], [1.0, 5e-324, *[0.0] * (size - 2)]

    assert probabilities(p, q, 0.5) == probabilities(q, p, 0.5) == (True, False, 5e-324, 0.0)


def test_probabilities_agree_while_the_decision_is_the_same() -> None:
    readings = [probabilities([0.1, 0.2, 0.7], q, 0.5) for q in ([0.3, 0.2, 0.5], [0.1, 0.5, 0.4])]

    assert [(reading.agrees, reading.is_flipped) for reading in readings] == [(True, False), (False, True)]


def test_of_two_classes_the_threshold_decides() -> None:
    assert probabilities([0.4, 0.6], [0.25, 0.75], 0.7).is_flipped


@pytest.mark.parametrize("size", [2, 5, 20, 60])
def test_kendalls_distance_is_scipys(size: int) -> None:
    order = list(range(size))
    random.Random(size).shuffle(order)
    tau = kendalltau(np.argsort(order), np.arange(size)).statistic

    assert ranking(list(range(size)), order, size).second == pytest.approx((1 - tau) / 2)


def test_the_overlap_counts_what_is_in_both_tops() -> None:
    reading = ranking(["a", "b", "c", "d", "x"], ["a", "c", "e", "f", "b"], 4)

    assert (reading.agrees, reading.first) == (False, 0.5)


def test_below_the_top_a_ranked_list_may_differ() -> None:
    assert ranking(["a", "b", "c"], ["a", "b", "d"], 2) == SAME._replace(agrees=True)


def test_an_unordered_list_agrees_in_any_order() -> None:
    assert ranking(["a", "b"], ["b", "a"], 10, is_unordered=True).agrees


def test_a_true_is_no_one_in_a_ranked_list() -> None:
    assert ranking([1], [True], 10).first == 1.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_cosine_distance_is_scipys(scale: float) -> None:
    p, q = np.random.default_rng(3).normal(size=(2, 64))

    assert vector((p * scale).tolist(), q.tolist(), 0.9, 0, 0).first == pytest.approx(cosine(p, q))


def test_an_embedding_agrees_from_the_least_cosine_on() -> None:
    angle = math.acos(0.95)

    readings = [vector([1.0, 0.0], [math.cos(angle), math.sin(angle)], least, 0, 0) for least in (0.94, 0.96)]

    assert [reading.agrees for reading in readings] == [True, False]


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_a_vector_with_a_length_may_lack_as_much_of_it_as_of_the_direction(scale: float) -> None:
    one = [scale, 2 * scale]

    readings = [vector(one, [share * x for x in one], 0.995, 0, 0, has_length=True) for share in (0.91, 0.89)]

    assert [reading.agrees for reading in readings] == [True, False]


def test_a_vector_of_nothing_agrees_with_itself_alone() -> None:
    nothing = [0.0, 0.0]

    assert [vector(nothing, b, 0.9, 0, 0).agrees for b in (nothing, [1.0, 0.0])] == [True, False]


def test_texts_agree_up_to_case_spaces_and_unicode_forms() -> None:
    reading = text("Ｃafé  au\nlait", "cafe\u0301 au lait", 1.0)

    assert (reading.agrees, reading.first, reading.second) == (True, 0.0, 1.0)


def test_texts_that_are_similar_enough_agree_where_that_is_asked() -> None:
    a, b = "the quick brown fox", "the quick brown dog"

    assert [text(a, b, least).agrees for least in (1.0, 0.95, 0.8)] == [False, False, True]


def test_of_a_long_text_the_end_counts_as_well() -> None:
    beginning = "what both say, " * 400

    assert not text(beginning + "x" * 9000, beginning + "the end", 0.9).agrees
    assert text(beginning, beginning[:-9], 0.99).agrees


@pytest.mark.parametrize("words", [100, 2000, 8000])
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_long_texts_are_never_taken_for_more_alike_than_they_are(words: int, share: float) -> None:
    chance = random.Random(words)
    said = [f"word{chance.randrange(300)}" for _ in range(words)]
    other = [word if chance.random() > share else "another" for word in said if chance.random() > share / 3]
    a, b = " ".join(said), " ".join(other)
    whole = Indel.normalized_distance(a, b)

    assert text(a, b, 1.0).first >= whole
    assert text(a, b, 1.0).first == pytest.approx(whole, rel=0.5, abs=0.01)
    assert text(a, b, 1.0) == text(b, a, 1.0)


def test_the_work_on_a_long_text_grows_with_its_length() -> None:
    marks = "\u0315\u0327" * 50_000
    begun = time.process_time()

    assert text(f"a{marks}", f"b{marks[:-9]}", 0.9).first < 0.1
    assert time.process_time() - begun < 3


def test_a_long_text_of_letters_and_marks_is_the_one_of_letters_with_marks() -> None:
    said = "ti\u1ebfngvi\u1ec7t" * 500

    assert text(said, unicodedata.normalize("NFD", said), 1.0).agrees

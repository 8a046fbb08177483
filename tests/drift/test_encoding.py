from math import inf, nan

import numpy as np

from watchtower.drift.bins import Bins
from watchtower.drift.encoding import Encoding, vectors
from watchtower.table import Kind

AGE = Bins.of_numbers(Kind.INTEGER, np.arange(100.0))
PLAN = Bins.of_words(Kind.CATEGORY, {"free": 60, "pro": 30, "team": 2, "gift": 1}, most=2)
PAID = Bins.of_words(Kind.BOOLEAN, {"true": 60, "false": 30})
BINS = {"age": AGE, "note": Bins(kind=Kind.TEXT), "plan": PLAN, "paid": PAID}


def encoded(name: str, *cells: object) -> list[float]:
    matrix = Encoding.of({name: BINS[name]}, 10)({name: cells}, len(cells))
    return [float(number) for number in np.nan_to_num(matrix[:, 0], nan=-1)]


def test_numbers_are_themselves_and_all_else_is_missing() -> None:
    assert encoded("age", 3, 2.5, None, "3", True, nan, 10**400, [1]) == [3, 2.5, -1, -1, -1, -1, -1, -1]


def test_words_are_numbers_that_the_baseline_has_no_say_in() -> None:
    free, new, again, *others = encoded("plan", "free", "new", "free", "pro", None, nan, 2.5)

    assert (free == again, len({free, new, *others[:1]}), others[1:]) == (True, 3, [-1, -1, -1])


def test_a_word_may_be_written_as_a_number() -> None:
    assert len(set(encoded("plan", 3, 3.0, "3"))) == 1


def test_booleans_are_words() -> None:
    yes, no, odd = encoded("paid", True, False, "maybe")

    assert (yes != no, odd) == (True, -1)


def test_texts_have_no_place() -> None:
    assert Encoding.of(BINS, 10).names == ("age", "plan", "paid")


def test_no_more_columns_are_taken_than_may_be() -> None:
    assert Encoding.of(BINS, 2).names == ("age", "plan")


def test_a_column_that_is_not_given_is_missing() -> None:
    assert np.isnan(Encoding.of(BINS, 10)({"age": [1, 2]}, 2)).tolist() == [[False, True, True]] * 2


def test_vectors_of_another_length_or_content_are_left_out() -> None:
    cells = [[1, 2.5], [1], None, [1.0, nan], [1.0, inf], [1e200, 0.0], ["a", 1.0], "ab", [3, 4]]

    assert vectors(cells, 2).tolist() == [[1, 2.5], [3, 4]]


def test_no_vectors_are_no_rows() -> None:
    assert vectors([], 3).shape == (0, 3)

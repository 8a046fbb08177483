"""Cells as they come out of bodies and tables, told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.drift.values import Encoded, Values
from watchtower.table import Kind

CELLS = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.floats() | st.text(max_size=2), max_size=3)
    | st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
    max_size=20,
)


def held(values: Values) -> int:
    """Rows with a value of the column's kind."""
    return len(values.numbers) + sum(values.words.values()) + len(values.texts) + len(values.vectors)


def test_numbers_are_sorted_out_and_in_order() -> None:
    values = Values.of(Kind.NUMBER, [2, None, 1.5, float("nan"), float("-inf")])

    assert values.numbers.tolist() == [1.5, 2.0]
    assert (values.count, values.missing, values.nans, values.infinities) == (5, 1, 1, 1)


def test_an_integer_too_large_for_a_float_is_an_infinity() -> None:
    values = Values.of(Kind.INTEGER, [1, 10**400])

    assert (values.numbers.tolist(), values.infinities) == ([1.0], 1)


def test_what_is_no_number_is_odd_by_its_type() -> None:
    values = Values.of(Kind.NUMBER, [True, "1", [1], {}, None, 2])

    assert (values.odd, values.missing, values.numbers.tolist()) == (
        {"bool": 1, "str": 1, "list": 1, "dict": 1},
        1,
        [2.0],
    )


def test_a_category_may_be_written_as_a_number_or_a_truth() -> None:
    values = Values.of(Kind.CATEGORY, ["a", 3, 3.0, True, None, 2.5, "a"])

    assert (values.words, values.missing, values.odd) == ({"a": 2, "3": 2, "true": 1}, 1, {"float": 1})


def test_words_and_gaps_alone_are_counted_at_once() -> None:
    values = Values.of(Kind.CATEGORY, ["a", None, "a"])

    assert (values.words, values.missing) == ({"a": 2}, 1)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_not_a_number_is_missing_in_every_kind(kind: Kind) -> None:
    values = Values.of(kind, (float("nan"), None, float("nan")))

    assert (values.count, values.missing, values.nans, values.odd) == (3, 1, 2, {})


def test_a_boolean_is_no_number_and_a_number_no_boolean() -> None:
    values = Values.of(Kind.BOOLEAN, [True, False, True, 1, "true"])

    assert (values.words, values.odd) == ({"true": 2, "false": 1}, {"int": 1, "str": 1})


def test_moments_are_read_as_seconds_in_utc_unless_they_say_a_zone() -> None:
    values = Values.of(
        Kind.TIMESTAMP, ["1970-01-01T00:01:00Z", "1970-01-01T00:00:30", "1970-01-01T01:00:00+01:00", 7, "x"]
    )

    assert (values.numbers.tolist(), values.odd) == ([0.0, 7.0, 30.0, 60.0], {"unreadable": 1})


def test_vectors_are_as_long_as_most_are() -> None:
    values = Values.of(Kind.VECTOR, [[1, 2], [3], None, ["a", "b"], [float("nan"), 1], 5, [3, 4]])

    assert values.vectors.tolist() == [[1, 2], [3, 4]]
    assert (values.odd, values.missing) == ({"int": 1, "unfit_vector": 3}, 1)


def test_of_vectors_of_many_lengths_the_usual_one_fits() -> None:
    values = Values.of(Kind.VECTOR, [[1], [], [3, 4], [5, 6], [1, 2, 3]])

    assert values.vectors.tolist() == [[3, 4], [5, 6]]
    assert values.odd == {"unfit_vector": 3}


def test_of_vectors_of_many_lengths_the_references_fits() -> None:
    values = Values.of(Kind.VECTOR, [[3, 4], [5, 6], [1, 2, 3]], dimension=3)

    assert values.vectors.tolist() == [[1, 2, 3]]
    assert values.odd == {"unfit_vector": 2}


def test_a_table_is_no_vector_of_as_many_numbers() -> None:
    assert Values.of(Kind.VECTOR, [[[1, 2], [3, 4]]], dimension=4).odd == {"unfit_vector": 1}


def test_vectors_of_another_length_than_asked_for_are_odd() -> None:
    values = Values.of(Kind.VECTOR, [[1, 2], None, [3, 4]]).fitting(3)

    assert (len(values.vectors), values.odd, values.missing) == (0, {"unfit_vector": 2}, 1)


def test_a_column_that_never_had_a_value_finds_any_odd() -> None:
    assert Values.of(Kind.NULL, [None, 1]).odd == {"int": 1}


@pytest.mark.parametrize("kind", Kind)
def test_an_empty_batch_is_empty(kind: Kind) -> None:
    assert (Values.of(kind, []).count, held(Values.of(kind, []))) == (0, 0)


@pytest.mark.parametrize("kind", Kind)
@given(cells=CELLS)
def test_every_row_is_counted_once(kind: Kind, cells: list[object]) -> None:
    values = Values.of(kind, cells)

    assert held(values) + values.absent + values.oddities == len(cells)


def test_an_array_says_the_same_as_its_cells() -> None:
    array = np.array([3.0, np.nan, 1.0, np.inf])

    ours, cells = Values.of_array(Kind.NUMBER, array), Values.of(Kind.NUMBER, array.tolist())

    assert (ours.numbers.tolist(), ours.nans, ours.infinities) == (cells.numbers.tolist(), cells.nans, cells.infinities)


def test_what_an_array_masks_is_missing() -> None:
    values = Values.of_array(Kind.INTEGER, np.ma.MaskedArray([5, 0, 7], [False, True, False]))

    assert (values.numbers.tolist(), values.missing, values.count) == ([5.0, 7.0], 1, 3)


def test_an_array_of_words_is_read_by_its_cells() -> None:
    values = Values.of_array(Kind.CATEGORY, np.array(["a", "b"]), missing=np.array([False, True]))

    assert (values.words, values.missing) == ({"a": 1}, 1)


def test_vectors_of_an_array_that_are_not_finite_are_odd() -> None:
    values = Values.of_array(Kind.VECTOR, np.array([[1.0, 2.0], [np.nan, 0.0]]))

    assert (values.vectors.tolist(), values.odd) == ([[1.0, 2.0]], {"unfit_vector": 1})


@pytest.mark.parametrize("kind", Kind)
def test_encoded_words_say_the_same_as_their_cells(kind: Kind) -> None:
    encoded = Encoded(np.array([1, -1, 0, 1], np.int32), ["2024-01-01", "b", "never"])

    ours, cells = Values.of(kind, encoded), Values.of(kind, encoded.tolist())

    assert (ours.words, ours.texts, ours.missing, ours.odd) == (cells.words, cells.texts, cells.missing, cells.odd)
    assert (ours.count, ours.numbers.tolist()) == (4, cells.numbers.tolist())

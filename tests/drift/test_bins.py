import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.drift.bins import MAX_KNOWN, MISSING, NEW, ODD, OTHER, Bins
from watchtower.drift.values import Values
from watchtower.table import Kind

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def of_numbers(*numbers: float) -> Bins:
    return Bins.of_numbers(Kind.NUMBER, np.sort(np.array(numbers, float)))


def counted(bins: Bins, *cells: object) -> dict[str, int]:
    """The slots that have rows."""
    rows = bins.counts(Values.of(bins.kind, cells)).tolist()
    return {label: count for label, count in zip(bins.labels, rows, strict=True) if count}


def test_each_bin_holds_the_same_share_of_the_reference() -> None:
    numbers = np.random.default_rng(1).lognormal(size=1000).tolist()

    assert list(counted(of_numbers(*numbers), *numbers).values()) == [100] * 10


def test_numbers_beyond_the_reference_fall_into_the_open_ends() -> None:
    bins = of_numbers(*range(100))

    assert counted(bins, -1e300, 1e300) == {"below 10": 1, "from 90": 1}


def test_a_value_that_holds_a_share_of_its_own_has_a_bin_of_its_own() -> None:
    bins = of_numbers(*[0.0] * 60, *np.linspace(-2, -1, 20), *np.linspace(1, 2, 20))

    assert counted(bins, 0, 0, 5e-324, -5e-324) == {"-1.47368 to 0": 1, "0": 2, "0 to 1.52632": 1}


def test_a_value_that_is_the_least_one_and_frequent_has_the_open_end() -> None:
    assert counted(of_numbers(*[0.0] * 60, *range(1, 41)), 0, 0.5)["up to 0"] == 1


@pytest.mark.parametrize("is_single", [False, True])
def test_single_precision_on_one_of_the_ways_changes_no_count(is_single: bool) -> None:
    numbers = np.repeat(np.arange(-9, 30) / 10, np.arange(1, 40))
    single = numbers.astype(np.float32).astype(float)
    reference, window = (single, numbers) if is_single else (numbers, single)
    bins = of_numbers(*reference)
    both = [Values.of(Kind.NUMBER, each) for each in (reference, window)]

    assert bins.counts(both[1]).tolist() == bins.counts(both[0]).tolist()
    assert bins.outside(both[1]) == (0, 0)


def test_two_values_that_single_precision_cannot_tell_apart_have_a_bin_each() -> None:
    near = 0.1 + 1e-12

    assert list(counted(of_numbers(0.1, 0.1, near, near), 0.1, near, near).values()) == [1, 2]


def test_few_different_values_have_a_bin_each() -> None:
    assert counted(of_numbers(1, 1, 2, 3, 3, 3), 1, 2, 2, 3) == {"below 2": 1, "2 to 3": 2, "from 3": 1}


def test_a_constant_that_changes_shows() -> None:
    assert counted(of_numbers(5, 5, 5), 4, 5, 6) == {"below 5": 1, "5": 1, "from 5": 1}


def test_a_column_without_numbers_has_one_bin_for_any() -> None:
    assert counted(of_numbers(), 1, None, "x") == {"any": 1, ODD: 1, MISSING: 1}


def test_null_and_nan_are_missing_and_infinities_odd() -> None:
    assert counted(of_numbers(1, 2), None, float("nan"), float("inf"), "x") == {ODD: 2, MISSING: 2}


def test_words_are_the_most_frequent_then_the_known_then_the_new() -> None:
    bins = Bins.of_words(Kind.CATEGORY, {"a": 9, "b": 5, "c": 1}, most=2)

    assert counted(bins, "a", "b", "b", "c", "zebra", None, 2.5) == {
        "a": 1,
        "b": 2,
        OTHER: 1,
        NEW: 1,
        ODD: 1,
        MISSING: 1,
    }


def test_where_not_all_words_are_known_none_is_new() -> None:
    bins = Bins.of_words(Kind.CATEGORY, {str(word): 1 for word in range(MAX_KNOWN + 2)}, most=1)

    assert (counted(bins, "zebra"), bins.is_new("zebra")) == ({OTHER: 1}, False)


def test_a_word_called_new_is_not_what_is_new() -> None:
    bins = Bins.of_words(Kind.CATEGORY, {"new": 1})

    assert (bins.labels, bins.new_slot) == (("new", OTHER, NEW, ODD, MISSING), 2)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.VECTOR, Kind.TIMESTAMP, Kind.NULL])
def test_other_kinds_tell_only_who_is_there(kind: Kind) -> None:
    cells = {Kind.TEXT: "x", Kind.VECTOR: [1.0], Kind.TIMESTAMP: 5, Kind.NULL: None}

    assert Bins(kind=kind).counts(Values.of(kind, [cells[kind], {}])).tolist() == (
        [0, 1, 1] if kind is Kind.NULL else [1, 1, 0]
    )


def test_what_is_read_later_is_neither_new_nor_out_of_range() -> None:
    words = Bins.of_words(Kind.CATEGORY, {"a": 1}).widened(np.inf, -np.inf, {"b": 2})
    numbers = of_numbers(1, 2).widened(0, 9, {})

    assert counted(words, "b") == {OTHER: 1}
    assert numbers.outside(Values.of(Kind.NUMBER, [-1, 0, 9, 10, 11])) == (1, 2)


@pytest.mark.slow
@given(reference=st.lists(FINITE, min_size=1, max_size=60), window=st.lists(FINITE, max_size=60))
def test_every_row_falls_into_one_bin(reference: list[float], window: list[float]) -> None:
    bins = of_numbers(*reference)

    counts = bins.counts(Values.of(Kind.NUMBER, window))

    assert (int(counts.sum()), len(counts)) == (len(window), bins.size)


@given(reference=st.lists(FINITE, min_size=2, max_size=60).filter(lambda numbers: len(set(numbers)) > 1))
def test_no_bin_is_empty_in_the_reference(reference: list[float]) -> None:
    bins = of_numbers(*reference)

    assert bins.counts(Values.of(Kind.NUMBER, reference))[bins.values].min() > 0


def test_equal_bins_have_the_same_mark_and_others_another() -> None:
    marks = [of_numbers(1, 2, 3).mark, of_numbers(1, 2, 3).mark, of_numbers(1, 2, 4).mark]

    assert (marks[0] == marks[1], marks[0] == marks[2]) == (True, False)

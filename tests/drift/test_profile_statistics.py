"""The sketches under a profile, held to the errors that their docstrings promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.drift.profile_distinct import KEPT, Distinct
from watchtower.drift.profile_moments import Moments
from watchtower.drift.profile_quantiles import RANK_ERROR, Quantiles
from watchtower.drift.profile_vectors import DIRECTIONS, Vectors, projected
from watchtower.drift.profile_words import LONGEST, Words


def distinct_numbers(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Distinct:
    found = Distinct()
    found.update_numbers(np.sort(numbers))
    return found


def test_few_different_values_are_counted_exactly() -> None:
    assert distinct_numbers(np.repeat(np.arange(KEPT - 1.0), 3)).estimate == KEPT - 1


def test_minus_zero_is_zero() -> None:
    assert distinct_numbers(np.array([-0.0, 0.0])).estimate == 1


@pytest.mark.parametrize("number", [1_000, 30_000, 300_000])
def test_many_different_values_are_counted_within_four_standard_errors(number: int) -> None:
    numbers = np.random.default_rng(number).normal(size=number)

    assert distinct_numbers(numbers).estimate == pytest.approx(number, rel=4 / np.sqrt(KEPT - 2))


def test_the_error_of_the_distinct_count_is_the_promised_one() -> None:
    random = np.random.default_rng(1)
    errors = [distinct_numbers(random.random(5_000)).estimate / 5_000 - 1 for _ in range(200)]

    assert np.std(errors) == pytest.approx(1 / np.sqrt(KEPT - 2), rel=0.2)
    assert abs(np.mean(errors)) < 0.02


@given(st.lists(st.lists(st.text(max_size=3), max_size=20), max_size=5))
def test_distinct_sketches_merge_to_the_bit(batches: list[list[str]]) -> None:
    merged, whole = Distinct(), Distinct()
    for batch in reversed(batches):
        one = Distinct()
        one.update_words(batch)
        merged.merge(one)
    whole.update_words([word for batch in batches for word in batch])

    assert merged.state() == whole.state()


def test_a_distinct_sketch_is_read_back() -> None:
    found = distinct_numbers(np.random.default_rng(1).random(5_000))

    assert Distinct(found.state()).estimate == found.estimate


def test_quantiles_of_many_merged_windows_are_within_the_promised_rank() -> None:
    random = np.random.default_rng(5)
    merged, numbers = Quantiles(), random.lognormal(size=(200, 500))
    for window in numbers:
        one = Quantiles()
        one.update(window)
        merged.merge(one)
    shares = np.linspace(0.05, 0.95, 19)

    ranks = np.searchsorted(np.sort(numbers, axis=None), merged.quantiles(shares)) / numbers.size

    assert np.abs(ranks - shares).max() <= 1.5 * RANK_ERROR  # nineteen of them at once


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097, 50_001])
def test_quantiles_of_one_large_batch_are_too(size: int) -> None:
    numbers = np.sort(np.random.default_rng(size).lognormal(size=size))
    quantiles, shares = Quantiles(), np.linspace(0.05, 0.95, 19)
    quantiles.update(numbers)

    ranks = np.searchsorted(numbers, quantiles.quantiles(shares)) / size

    assert np.abs(ranks - shares).max() <= 1.5 * RANK_ERROR
    assert quantiles.count == size


def test_an_origin_keeps_the_decimals_of_large_numbers() -> None:
    quantiles = Quantiles(origin=1.7e9)
    quantiles.update(np.array([1.7e9 + 0.125, 1.7e9 + 0.25]))

    assert quantiles.quantile(1.0) == 1.7e9 + 0.25


def test_numbers_beyond_single_precision_are_cut_to_it() -> None:
    quantiles = Quantiles()
    quantiles.update(np.array([-1e308, 1e308]))

    assert quantiles.quantile(1.0) == float(np.finfo(np.float32).max)


def test_quantiles_of_other_origins_are_not_joined() -> None:
    with pytest.raises(ValueError, match="same origin"):
        Quantiles(1.0).merge(Quantiles(2.0))


@pytest.mark.parametrize("size", [0, 1, 100, 3_000, 10_000])
def test_what_a_sketch_keeps_weighs_as_much_as_all(size: int) -> None:
    quantiles, other = Quantiles(), Quantiles()
    quantiles.update(np.arange(float(size)))
    other.update(np.arange(float(size)))
    quantiles.merge(other)

    values, weights = quantiles.weighted()

    assert (weights.sum(), len(values)) == (2 * size, len(weights))
    assert size == 0 or np.average(values, weights=weights) == pytest.approx((size - 1) / 2, rel=0.02)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), max_size=8), max_size=6))
def test_no_frequent_word_is_lost(batches: list[dict[str, int]]) -> None:
    words, true = Words(3), dict.fromkeys("abcdefgh", 0)
    for batch in batches:
        one = Words(3)
        one.update(batch)
        words.merge(one)
        for word, rows in batch.items():
            true[word] += rows

    assert all(true[word] - words.short <= words.counts.get(word, 0) <= true[word] for word in true)
    assert words.short * 4 <= words.total
    assert words.other == words.total - sum(words.counts.values())


def test_a_long_word_and_a_lone_surrogate_are_kept_in_a_form_that_can_be_written() -> None:
    words = Words()
    words.update({"x" * 500: 1, "\ud800": 2})

    assert words.counts == {"x" * (LONGEST - 9) + "…" + "52d7adc8": 1, "?": 2}


def test_long_words_are_told_apart_by_more_than_their_beginning() -> None:
    words = Words()
    words.update({"x" * 500: 1, "x" * 501: 1})

    assert (len(words.counts), {len(word) for word in words.counts}) == (2, {LONGEST})


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 30))
def test_two_halves_have_the_moments_of_both(numbers: list[float], cut: int) -> None:
    merged = Moments()
    for half in (numbers[:cut], numbers[cut:]):
        merged.update(np.sort(np.array(half, float)))

    assert merged.mean == pytest.approx(np.mean(numbers), rel=1e-9, abs=1e-6)
    assert merged.variance == pytest.approx(np.var(numbers), rel=1e-6, abs=1e-3)


def test_few_dimensions_are_summed_as_they_are() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 5))
    summary = Vectors()
    summary.update(vectors)

    assert summary.mean == pytest.approx(vectors.mean(axis=0))
    assert summary.variance == pytest.approx(vectors.var(axis=0))


def test_a_folded_vector_keeps_its_length_within_the_promised_error() -> None:
    vectors = np.random.default_rng(1).normal(size=(300, 1536))

    ratios = np.square(projected(vectors)).sum(axis=1) / np.square(vectors).sum(axis=1)

    assert projected(vectors).shape == (300, DIRECTIONS)
    assert ratios.mean() == pytest.approx(1, abs=0.05)
    assert ratios.std() == pytest.approx(np.sqrt(2 / DIRECTIONS), rel=0.25)


def test_vectors_of_different_length_are_not_added() -> None:
    summary = Vectors()
    summary.update(np.ones((1, 2)))

    with pytest.raises(ValueError, match="3 numbers among those of 2"):
        summary.update(np.ones((1, 3)))

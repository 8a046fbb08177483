"""A profile of a column: what it says, that a merge says it of the whole, and that it survives a restart."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from drift_columns import KINDS, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.drift.baseline import choose_bins
from watchtower.drift.bins import Bins
from watchtower.drift.profile import Profile
from watchtower.drift.values import Values
from watchtower.table import Kind

ALL = dict(zip(*rows(3000, seed=7), strict=True))
BINS = {name: choose_bins(Values.of(kind, ALL[name][:1000])) for name, kind in KINDS.items()}


def of(kind: Kind, *batches: list[object], bins: Bins | None = None) -> Profile:
    profile = Profile(kind, bins)
    for batch in batches:
        profile.update(Values.of(kind, batch))
    return profile


def exact(profile: Profile) -> list[object]:
    """What a merge must not change at all."""
    own = [
        profile.count, profile.missing, profile.nans, profile.infinities, profile.odd, profile.counts.tolist(),
        profile.below, profile.above, profile.moments.count, profile.moments.low, profile.moments.high,
        profile.quantiles.count, profile.distinct.estimate, profile.vectors.count, profile.top(10),
    ]  # fmt: skip
    return own + [exact(part) for part in profile.parts.values()]


def rounded(profile: Profile) -> list[float]:
    """What a merge may change by a float's rounding."""
    own = [profile.moments.mean, profile.moments.squares, *profile.vectors.total, *profile.vectors.squares]
    return own + [number for part in profile.parts.values() for number in rounded(part)]


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6), shuffle=st.randoms(use_true_random=False))
def test_parts_in_any_order_merge_to_the_whole(name: str, cuts: list[int], shuffle: Random) -> None:
    edges = [0, *sorted(cuts), 3000]
    pieces = [of(KINDS[name], ALL[name][a:b], bins=BINS[name]) for a, b in pairwise(edges)]
    shuffle.shuffle(pieces)
    whole = of(KINDS[name], ALL[name], bins=BINS[name])

    merged = Profile(KINDS[name], BINS[name])
    for piece in pieces:
        merged.merge(piece)

    assert exact(merged) == exact(whole)
    assert rounded(merged) == pytest.approx(rounded(whole), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_a_profile_goes_on_after_a_restart_as_if_there_were_none(name: str) -> None:
    profile = of(KINDS[name], ALL[name][:500], bins=BINS[name])
    restarted = Profile.restore(profile.state(), BINS[name])

    for each in (profile, restarted):
        each.update(Values.of(KINDS[name], ALL[name][500:600]))

    assert exact(restarted) == exact(profile)
    assert rounded(restarted) == rounded(profile)


@pytest.mark.parametrize("name", KINDS)
def test_counts_are_those_of_the_bins(name: str) -> None:
    profile = of(KINDS[name], ALL[name], bins=BINS[name])

    assert profile.counts.tolist() == BINS[name].counts(Values.of(KINDS[name], ALL[name])).tolist()
    assert int(profile.counts.sum()) == profile.count


def test_types_say_what_the_rows_hold() -> None:
    profile = of(Kind.NUMBER, [1, 2.5, None, float("nan"), float("inf"), "x", True])

    assert profile.types == {"number": 2, "null": 1, "nan": 1, "infinity": 1, "str": 1, "bool": 1}
    assert (profile.present, profile.absent, profile.oddities) == (2, 2, 3)


def test_moments_are_numpys() -> None:
    numbers = np.random.default_rng(3).normal(1e9, 1, 1000)
    profile = of(Kind.NUMBER, *(numbers[start : start + 100].tolist() for start in range(0, 1000, 100)))

    assert profile.moments.mean == pytest.approx(numbers.mean(), rel=1e-12)
    assert profile.moments.variance == pytest.approx(numbers.var(), rel=1e-7)


def test_numbers_near_the_largest_have_a_mean_and_no_finite_variance() -> None:
    profile = of(Kind.NUMBER, [1.7e308, 1.7e308, -1.7e308], [1.7e308])

    assert profile.moments.mean == pytest.approx(0.85e308)
    assert profile.moments.variance == float("inf")
    assert (profile.moments.low, profile.moments.high) == (-1.7e308, 1.7e308)


@pytest.mark.parametrize("kind", Kind)
def test_a_column_without_rows_says_so(kind: Kind) -> None:
    profile = of(kind, [])

    assert (profile.count, profile.types, profile.distinct.estimate, profile.top(3)) == (0, {}, 0.0, [])
    assert np.isnan([profile.moments.variance, profile.quantiles.quantile(0.5)]).all()


@pytest.mark.parametrize("kind", Kind)
def test_a_column_that_is_missing_throughout_says_that(kind: Kind) -> None:
    profile = of(kind, [None, None])

    assert (profile.types, profile.present) == ({"null": 2}, 0)


def test_a_column_of_one_value_has_that_value() -> None:
    profile = of(Kind.NUMBER, [3.0, 3.0])

    assert (profile.moments.mean, profile.moments.variance, profile.distinct.estimate) == (3.0, 0.0, 1.0)
    assert profile.quantiles.quantile(0.5) == 3.0


def test_words_beyond_the_bins_are_shown_too() -> None:
    profile = of(Kind.CATEGORY, ["a", "a", "b", "zebra"], bins=Bins.of_words(Kind.CATEGORY, {"a": 2, "b": 1}))

    assert profile.top(3) == [("a", 2), ("b", 1), ("zebra", 1)]


def test_two_hundred_categories_are_counted_each() -> None:
    tally = {f"shop-{number}": number + 1 for number in range(200)}
    profile = of(
        Kind.CATEGORY,
        [word for word, number in tally.items() for _ in range(number)],
        bins=Bins.of_words(Kind.CATEGORY, tally),
    )

    assert dict(profile.top(200)) == tally


def test_vectors_of_another_length_than_the_first_are_odd() -> None:
    profile = of(Kind.VECTOR, [[1.0, 2.0]], [[1.0, 2.0, 3.0], [1.0]])

    assert (profile.present, profile.odd) == (1, {"unfit_vector": 2})


def test_windows_of_vectors_of_different_length_are_joined_as_the_first_ones() -> None:
    profile = of(Kind.VECTOR, [[1.0, 2.0], None])
    profile.merge(of(Kind.VECTOR, [[1.0, 2.0, 3.0], "x", None]))

    assert (profile.count, profile.present, profile.missing) == (5, 1, 2)
    assert profile.odd == {"unfit_vector": 1, "str": 1}


def test_other_bins_are_not_joined() -> None:
    with pytest.raises(ValueError, match="same bins"):
        of(Kind.NUMBER, [1], bins=BINS["in.amount"]).merge(of(Kind.NUMBER, [1], bins=BINS["in.items"]))


def test_a_state_is_not_read_with_other_bins() -> None:
    with pytest.raises(ValueError, match="bins that it was counted in"):
        Profile.restore(of(Kind.NUMBER, [1]).state(), BINS["in.amount"])


def test_a_state_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        Profile.restore(b"\x92\x09" + of(Kind.NUMBER, [1]).state()[2:])


def test_an_empty_list_is_no_vector() -> None:
    found = Profile(Kind.VECTOR)
    found.update(Values.of(Kind.VECTOR, [[], [1.0, 2.0]]))
    found.update(Values.of(Kind.VECTOR, [[]]))
    found.update(Values.of(Kind.VECTOR, [[3.0, 4.0], None]))
    other = Profile(Kind.VECTOR)
    other.update(Values.of(Kind.VECTOR, [[], []]))
    other.merge(found)

    assert (found.vectors.dimension, found.vectors.count, found.odd) == (2, 2, {"unfit_vector": 2})
    assert (other.vectors.count, other.odd) == (2, {"unfit_vector": 4})

"""The promise of the confidence sequence, measured: how often it ever excludes the truth, looked at after every value."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from watchtower.compare.confidence import (
    BETS,
    DIFFERENCES,
    FRACTIONS,
    LOG_WEIGHTS,
    SHARES,
    SIGNS,
    Array,
    BoundedMean,
    binary_capital,
)

Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


def spread(levels: Array, values: Array) -> Array:
    """The values as `update` puts them onto levels, one row of the result for each value."""
    flat = values.reshape(-1)
    below = np.minimum(np.searchsorted(levels, flat, side="right") - 1, len(levels) - 2)
    part = (flat - levels[below]) / (levels[below + 1] - levels[below])
    return np.stack([below, part], axis=1).reshape(*values.shape, 2)


def most_evidence(levels: Array, values: Array, mean: float) -> Array:
    """Of each sequence (row), the largest logarithm of capital against the mean after any of its values.

    It tells whether the interval ever excluded the mean: if and only if either side's capital reached 2 / alpha.
    """
    placed = spread(levels, values)
    below, part = placed[..., 0].astype(int), placed[..., 1]
    largest = np.full(len(values), -np.inf)
    for distances, m in ((levels - levels[0], mean - levels[0]), (levels[-1] - levels, levels[-1] - mean)):
        logs = np.log1p(BETS[:, None] * (distances / m - 1)[None, :])
        total = np.full(values.shape, -np.inf)
        for bet, weight in zip(logs, LOG_WEIGHTS, strict=True):
            gained = np.cumsum(bet[below] * (1 - part) + bet[below + 1] * part, axis=1)
            np.logaddexp(total, gained + weight, out=total)
        largest = np.maximum(largest, total.max(axis=1))
    return largest


def excluded(evidence: Array, alpha: float) -> float:
    """Share of the sequences."""
    return float((evidence >= math.log(2 / alpha)).mean())


def most_by_chance(count: int, alpha: float) -> float:
    """A share that a promise which is kept exceeds once in 10,000 tests."""
    return float(binom.ppf(0.9999, count, alpha)) / count


DRAWS: list[tuple[str, Array, Draw, float]] = [
    ("rare", SHARES, lambda rng, size: (rng.random(size) < 0.01).astype(float), 0.01),
    ("often", SHARES, lambda rng, size: (rng.random(size) < 0.5).astype(float), 0.5),
    ("nearly always", SHARES, lambda rng, size: (rng.random(size) < 0.99).astype(float), 0.99),
    ("signs", SIGNS, lambda rng, size: rng.choice(SIGNS, size, p=[0.002, 0.99, 0.008]), 0.006),
    ("small differences", DIFFERENCES, lambda rng, size: rng.uniform(-0.01, 0.012, size), 0.001),
    ("a rare large difference", DIFFERENCES, lambda rng, size: np.where(rng.random(size) < 0.002, 1.0, 0.0), 0.002),
    ("shares of batches", FRACTIONS, lambda rng, size: rng.binomial(32, 0.02, size) / 32, 0.02),
]


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "draw", "mean"), [row[1:] for row in DRAWS], ids=[row[0] for row in DRAWS])
def test_looked_at_after_every_value_it_excludes_the_truth_no_more_than_promised(
    levels: Array, draw: Draw, mean: float
) -> None:
    values = draw(np.random.default_rng(7), (1000, 1500))
    evidence = most_evidence(levels, values, mean)

    assert excluded(evidence, 0.01) <= most_by_chance(1000, 0.01)
    assert excluded(evidence, 0.1) <= most_by_chance(1000, 0.1)


def test_means_that_are_wrong_are_excluded() -> None:
    values = np.random.default_rng(7).choice(SIGNS, (50, 1500), p=[0.1, 0.7, 0.2])

    assert excluded(most_evidence(SIGNS, values, 0.0), 0.01) > 0.5


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.001, 0.2))
def test_the_interval_holds_the_mean_of_the_values(values: list[float], alpha: float) -> None:
    mean = BoundedMean(DIFFERENCES)
    mean.update(np.array(values))
    low, high = mean.interval(alpha)

    assert low - 1e-9 <= mean.mean <= high + 1e-9
    assert mean.mean == pytest.approx(np.mean(values), abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-0.99, 0.99))
def test_the_interval_is_where_the_evidence_is_too_small(values: list[float], m: float) -> None:
    mean = BoundedMean(DIFFERENCES)
    mean.update(np.array(values * 10))
    low, high = mean.interval(0.01)
    wanted = math.log(200)

    if abs(m - low) > 1e-6 and abs(m - high) > 1e-6:
        assert (low < m < high) == (mean.evidence_above(m) < wanted and mean.evidence_below(m) < wanted)


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(0, 40))
def test_two_halves_merged_are_the_whole(values: list[float], cut: int) -> None:
    whole, first, second = (BoundedMean(FRACTIONS) for _ in range(3))
    whole.update(np.array(values))
    first.update(np.array(values[:cut]))
    second.update(np.array(values[cut:]))
    first.merge(second)

    assert first.counts == pytest.approx(whole.counts, abs=1e-9)


def test_what_is_put_between_two_levels_never_gains_evidence() -> None:
    values = np.random.default_rng(3).uniform(0, 0.1, 400)
    fine, coarse = BoundedMean(np.sort(np.concatenate((SHARES, values)))), BoundedMean(FRACTIONS)
    fine.update(values)
    coarse.update(values)

    assert coarse.evidence_below(0.08) <= fine.evidence_below(0.08)
    assert coarse.evidence_below(0.08) > 0.95 * fine.evidence_below(0.08)


def test_the_capital_of_a_count_is_that_of_its_values() -> None:
    mean = BoundedMean(SHARES, np.array([90.0, 10.0]))

    assert binary_capital(10, 100, 0.02) == pytest.approx(mean.evidence_above(0.02))


def test_without_values_nothing_is_known() -> None:
    assert BoundedMean(SIGNS).interval(0.01) == (-1.0, 1.0)


def test_a_mean_at_the_bound_is_approached_and_never_passed() -> None:
    mean = BoundedMean(SHARES)
    mean.update(np.zeros(10_000))
    low, high = mean.interval(0.01)

    assert low == 0.0
    assert 0.0 < high < 0.001


def test_a_value_beyond_the_bounds_counts_as_the_bound() -> None:
    mean = BoundedMean(SIGNS)
    mean.update(np.array([-7.0, 9.0, 9.0]))

    assert mean.counts.tolist() == [1.0, 0.0, 2.0]


# (share of disagreements, margin, values that decide at 0.1 %); a likelihood-ratio test of the two, told both in
# advance, would on average take 376, 929, 2,437, 467 and 25: to not know them costs a third more, and some at the start.
NEEDED = [(0.0, 0.02, 460), (0.005, 0.02, 1500), (0.01, 0.02, 3200), (0.05, 0.02, 680), (0.2, 0.02, 50)]


@pytest.mark.parametrize(("share", "margin", "most"), NEEDED)
def test_it_needs_no_more_values_than_the_table_says(share: float, margin: float, most: int) -> None:
    mean = BoundedMean(SHARES, np.array([10 * (1 - share), 10 * share]))

    assert 10 + (mean.more(margin, 0.001) or most) <= most


def test_how_many_more_is_what_it_then_takes() -> None:
    mean = BoundedMean(SHARES, np.array([990.0, 10.0]))
    more = mean.more(0.02, 0.001) or 0
    factor = (1000 + more) / 1000

    highs = [BoundedMean(SHARES, mean.counts * factor * by).high(0.0005) for by in (0.9, 1.01)]
    assert highs[0] > 0.02 >= highs[1]


def test_a_mean_on_the_margin_never_has_enough() -> None:
    assert BoundedMean(SHARES, np.array([98.0, 2.0])).more(0.02, 0.001) is None


def test_after_a_restart_it_goes_on() -> None:
    before, after = BoundedMean(FRACTIONS), BoundedMean(FRACTIONS)
    before.update(np.array([0.1, 0.7, 0.0]))
    after.restore(before.state())

    assert after.counts.tolist() == before.counts.tolist()


def test_a_state_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        BoundedMean(SIGNS).restore(BoundedMean(SHARES).state())


@pytest.mark.parametrize("value", [5e-324, 2.2250738585072014e-308, 1e-300, 1e-280])
def test_the_smallest_values_are_none_too_small(value: float) -> None:
    mean = BoundedMean(FRACTIONS)
    mean.update(np.array([value]))
    low, high = mean.interval(0.01)

    assert 0 <= low <= value < high <= 1

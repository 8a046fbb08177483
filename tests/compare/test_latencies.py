"""Quantiles of latencies: the promise measured, and numpy as the oracle of the estimate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from watchtower.compare.latencies import EDGES, Latencies, critical_counts

TIMES = st.lists(st.integers(0, 10**14), min_size=1, max_size=60)


def latencies(values: list[int]) -> Latencies:
    found = Latencies()
    found.update(values)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.5, 0.95])
def test_looked_at_after_every_value_it_excludes_the_quantile_no_more_than_promised(p: float) -> None:
    count, length, alpha = 1000, 600, 0.05
    below = np.cumsum(np.random.default_rng(5).random((count, length)) < p, axis=1)
    bounds = np.array([critical_counts(n, p, alpha) for n in range(1, length + 1)])
    # The quantile is excluded when as few lie at or below it as refutes "at least p", or as many as refutes "at most p".
    excluded = (below <= bounds[:, 0]) | (below >= bounds[:, 1])

    assert excluded.any(axis=1).mean() <= binom.ppf(0.9999, count, alpha) / count


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_a_quantile_is_numpys_within_its_bin(p: float) -> None:
    values = np.random.default_rng(1).lognormal(17, 1, 20_000)
    found = Latencies()
    found.update(values)

    assert found.quantile(p) == pytest.approx(np.quantile(values, p, method="inverted_cdf"), rel=0.006)


def test_the_interval_lies_around_the_quantile() -> None:
    values = np.random.default_rng(1).lognormal(17, 0.5, 5000)
    found = Latencies()
    found.update(values)
    low, high = found.interval(0.95, 0.01)

    assert low < math.exp(17 + 0.5 * 1.645) < high
    assert high / low < 1.25


def test_few_values_have_no_upper_end() -> None:
    assert latencies([10**6] * 20).interval(0.95, 0.01)[1] == math.inf


def test_without_values_nothing_is_known() -> None:
    assert Latencies().interval(0.5, 0.01) == (0.0, math.inf)


@given(TIMES)
def test_every_value_lies_in_its_bin(values: list[int]) -> None:
    for value in values:
        place = int(np.flatnonzero(latencies([value]).counts)[0])

        assert EDGES[place] * (1 - 1e-12) <= value <= EDGES[place + 1] * (1 + 1e-12)


@given(TIMES, TIMES)
def test_two_halves_merged_are_the_whole(a: list[int], b: list[int]) -> None:
    merged = latencies(a)
    merged.merge(latencies(b))

    assert merged.counts.tolist() == latencies(a + b).counts.tolist()


@given(TIMES, st.sampled_from([0.5, 0.95]), st.floats(0.001, 0.3))
def test_the_ends_enclose_the_estimate(values: list[int], p: float, alpha: float) -> None:
    found = latencies(values)
    low, high = found.interval(p, alpha)

    assert low <= found.quantile(p) <= high


@given(st.integers(0, 3000), st.sampled_from([0.05, 0.5, 0.95]), st.floats(1e-6, 0.3))
def test_critical_counts_enclose_what_is_expected(count: int, p: float, alpha: float) -> None:
    below, above = critical_counts(count, p, alpha)

    assert -1 <= below <= p * count
    assert p * count <= above <= count + 1


@given(TIMES)
def test_after_a_restart_it_goes_on(values: list[int]) -> None:
    after = Latencies()
    after.restore(latencies(values).state())

    assert after.counts.tolist() == latencies(values).counts.tolist()

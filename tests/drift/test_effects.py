"""Effect sizes beside scipy's and Evidently's on the same counts and samples, to 1e-9."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance

from watchtower.drift import effects, effects_of_samples

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12)
SAMPLES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)
OF_COUNTS: list[Callable[[list[int], list[int]], float]] = [
    effects.psi,
    effects.jensen_shannon,
    effects.hellinger,
    effects.total_variation,
    effects.goodness_of_fit,
    effects.chi_square,
    effects.cramers_v,
]


def both(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    reference, window = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assume(sum(reference) and sum(window))
    return reference, window


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@given(COUNTS)
def test_jensen_shannon_is_scipys(pairs: list[tuple[int, int]]) -> None:
    reference, window = both(pairs)

    assert effects.jensen_shannon(reference, window) ** 2 == close(distance.jensenshannon(reference, window) ** 2)


@given(COUNTS)
def test_chi_square_and_cramers_v_are_scipys(pairs: list[tuple[int, int]]) -> None:
    reference, window = both(pairs)
    seen = np.array([pair for pair in pairs if sum(pair)]).T
    assume(seen.shape[1] > 1)

    assert effects.chi_square(reference, window) == close(stats.chi2_contingency(seen, correction=False).statistic)
    assert effects.cramers_v(reference, window) == close(stats.contingency.association(seen, method="cramer"))


@given(COUNTS)
def test_goodness_of_fit_is_scipys(pairs: list[tuple[int, int]]) -> None:
    reference, window = both([(reference + 1, window) for reference, window in pairs])
    expected = np.array(reference) * (sum(window) / sum(reference))

    assert effects.goodness_of_fit(reference, window) == close(stats.chisquare(window, expected).statistic)


@pytest.mark.slow
@given(SAMPLES, SAMPLES)
def test_wasserstein_and_kolmogorov_smirnov_are_scipys(reference: list[float], window: list[float]) -> None:
    old, new = np.array(reference), np.array(window)

    assert effects.wasserstein(old, new) == close(stats.wasserstein_distance(old, new))
    assert effects.kolmogorov_smirnov(old, new) == close(stats.ks_2samp(old, new, method="asymp").statistic)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9)), min_size=1, max_size=9), SAMPLES)
def test_a_weight_is_as_many_equal_values(weighted: list[tuple[int, int]], sample: list[float]) -> None:
    values, weights = np.array(weighted, float).T
    repeated, other = np.repeat(values, weights.astype(int)), np.array(sample)

    assert effects.wasserstein(values, other, weights) == close(effects.wasserstein(repeated, other))
    assert effects.kolmogorov_smirnov(other, values, None, weights) == close(
        effects.kolmogorov_smirnov(other, repeated)
    )


@pytest.mark.parametrize("measure", OF_COUNTS)
def test_equal_shares_are_no_change(measure: Callable[[list[int], list[int]], float]) -> None:
    assert measure([10, 20, 30, 0], [1, 2, 3, 0]) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("measure", OF_COUNTS)
def test_without_rows_there_is_no_value(measure: Callable[[list[int], list[int]], float]) -> None:
    assert np.isnan([measure([0, 0], [1, 2]), measure([1, 2], [0, 0]), measure([0, 0], [0, 0])]).all()


def test_without_numbers_there_is_no_distance() -> None:
    nothing, one = np.empty(0), np.ones(1)

    assert np.isnan([effects.wasserstein(nothing, one), effects.kolmogorov_smirnov(one, nothing)]).all()


def test_all_elsewhere_is_the_largest_change() -> None:
    elsewhere = [5, 0], [0, 5]

    assert effects.hellinger(*elsewhere) == effects.total_variation(*elsewhere) == effects.cramers_v(*elsewhere) == 1
    assert effects.jensen_shannon(*elsewhere) == pytest.approx(np.sqrt(np.log(2)))
    assert effects.goodness_of_fit(*elsewhere) == np.inf


def test_an_empty_bin_is_filled_as_the_smaller_of_two_customs_says() -> None:
    rare = effects.psi([1, 99_999], [0, 100])

    assert rare == pytest.approx((1e-5 - 1e-4) * np.log(1e-5 / 1e-4) + 1e-5 * np.log(1 / 0.99999), rel=1e-4)


def test_a_distance_is_told_in_the_references_deviations() -> None:
    assert [effects.normalised(3, 1.5), effects.normalised(3, 0)] == [2, 3000]


def samples() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    random = np.random.default_rng(8)
    return {
        "normal": (random.normal(size=2000), random.normal(0.3, 1.2, size=700)),
        "lognormal": (random.lognormal(size=2000), random.lognormal(0.2, size=700)),
        "few values": (random.integers(0, 6, 2000).astype(float), random.integers(1, 8, 700).astype(float)),
        "zero-inflated": (
            np.where(random.random(2000) < 0.6, 0, random.lognormal(size=2000)),
            np.where(random.random(700) < 0.4, 0, random.lognormal(size=700)),
        ),
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of its import
@pytest.mark.parametrize("name", samples())
def test_numbers_have_evidentlys_values(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    stattests = pytest.importorskip("evidently.legacy.calculations.stattests")
    kinds = pytest.importorskip("evidently.legacy.core").ColumnType

    reference, window = samples()[name]
    theirs = {
        "psi": stattests.psi_stat_test,
        "jensenshannon": stattests.jensenshannon_stat_test,
        "hellinger": stattests.hellinger_stat_test,
        "wasserstein": stattests.wasserstein_stat_test,
    }
    found = {
        name: test.func(pandas.Series(reference), pandas.Series(window), kinds.Numerical, 0.1)[0]
        for name, test in theirs.items()
    }

    assert effects_of_samples.psi(reference, window) == close(found["psi"])
    assert effects_of_samples.jensen_shannon(reference, window) == close(found["jensenshannon"])
    assert effects_of_samples.hellinger(reference, window) == close(found["hellinger"])
    assert effects_of_samples.wasserstein(reference, window) == close(found["wasserstein"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_categories_have_evidentlys_values() -> None:
    pandas = pytest.importorskip("pandas")
    stattests = pytest.importorskip("evidently.legacy.calculations.stattests")
    tvd = pytest.importorskip("evidently.legacy.calculations.stattests.tvd_stattest")
    kinds = pytest.importorskip("evidently.legacy.core").ColumnType

    random = np.random.default_rng(8)
    reference, window = random.choice(list("abcd"), 3000), random.choice(list("abcd"), 500, p=(0.4, 0.3, 0.2, 0.1))
    old, new = ([int((side == word).sum()) for word in "abcd"] for side in (reference, window))
    theirs = [pandas.Series(reference), pandas.Series(window), kinds.Categorical, 0.1]

    p_value = stats.chi2.sf(effects.goodness_of_fit(old, new), 3)

    assert effects.psi(old, new) == close(stattests.psi_stat_test.func(*theirs)[0])
    assert effects.jensen_shannon(old, new) == close(stattests.jensenshannon_stat_test.func(*theirs)[0])
    assert effects.hellinger(old, new) == close(stattests.hellinger_stat_test.func(*theirs)[0])
    assert effects.total_variation(old, new) == close(tvd._total_variation_distance(*theirs[:2]))
    assert p_value == close(stattests.chi_stat_test.func(*theirs)[0])

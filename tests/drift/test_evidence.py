"""That a bet cannot be won by what is unchanged: exactly where arithmetic can show it, by simulation where time comes in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from watchtower.drift.evidence import DRIFT_SIZES, Bets, EDetectors, Floats, Null, Scores, wilson

SHARES = np.array([0.1, 0.2, 0.3, 0.4])
# The second bin alone, all but the third bin, and a rank over all four.
SCORES = Scores(
    bins=np.array([1, 2, 0, 1, 2, 3]),
    values=np.array([1.0, 0.0, 0.05, 0.2, 0.45, 0.8]),
    starts=np.array([0, 1, 2]),
    rest=np.array([0.0, 1.0, 0.5]),
    column=np.array([0, 0, 0]),
)


def null(rows: float = 1000.0, tolerance: float = 0.05) -> Null:
    return Null.of(SCORES, SHARES, np.full(3, rows), tolerance, 0.00135)


def mean_e(bets: Bets, shares: Floats) -> Floats:
    """Of one row that falls into the bins with these probabilities."""
    each = [np.exp(bets.log_e(row, np.ones(3))) for row in np.eye(4)]
    mean: Floats = np.tensordot(shares, np.array(each), axes=1)
    return mean


def simplex() -> st.SearchStrategy[Floats]:
    weights = st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4)
    return weights.map(lambda drawn: np.array(drawn) / sum(drawn))


def test_a_score_has_the_mean_and_the_variance_of_its_bins() -> None:
    rank = np.array([0.05, 0.2, 0.45, 0.8])
    mean = float(SHARES @ rank)

    assert SCORES.means(SHARES).tolist() == pytest.approx([0.2, 0.7, mean])
    assert SCORES.variances(SHARES).tolist() == pytest.approx([0.16, 0.21, float(SHARES @ rank**2) - mean**2])


@pytest.mark.parametrize(("seen", "rows"), [(0, 50), (3, 1000), (500, 1000), (1000, 1000)])
def test_the_bound_of_a_share_is_wilsons(seen: int, rows: int) -> None:
    share = seen / rows
    expected = stats.binomtest(seen, rows).proportion_ci(2 * stats.norm.cdf(2.5) - 1, "wilson").high

    found = wilson(np.array([share]), np.array([share * (1 - share)]), np.array([float(rows)]), 2.5)

    assert found[0] == pytest.approx(expected)


def test_what_the_reference_never_saw_may_be_as_much_as_it_can_have_missed() -> None:
    scores = Scores(np.array([0]), np.ones(1), np.array([0]), np.zeros(1), np.array([0]))

    found = Null.of(scores, np.array([0.0, 1.0]), np.array([1000.0]), 0.0, 0.01)

    assert (1 - found.limits[0]) ** 1000 == pytest.approx(0.01)


@given(simplex())
def test_no_distribution_within_the_limits_gains_from_any_bet(shares: Floats) -> None:
    limits = null()
    is_within = SCORES.means(shares) <= limits.limits

    found = mean_e(Bets.on_drift(SCORES, limits), shares)

    assert (found[is_within] <= 1 + 1e-12).all()


@given(simplex())
def test_no_distribution_beyond_the_limits_gains_from_a_bet_on_its_return(shares: Floats) -> None:
    limits = null()
    is_beyond = SCORES.means(shares) >= limits.limits

    found = mean_e(Bets.on_return(SCORES, limits), shares)

    assert (found[is_beyond] <= 1 + 1e-12).all()


def test_a_limit_that_nothing_can_pass_leaves_nothing_to_bet_on() -> None:
    bets = Bets.on_drift(SCORES, null(rows=4.0))

    assert bets.is_open.tolist() == [True, True, False]
    assert bets.log_e(np.ones(4), np.full(3, 4.0))[2].tolist() == [0.0] * len(DRIFT_SIZES)


def test_the_evidence_of_two_windows_multiplies() -> None:
    bets = Bets.on_drift(SCORES, null())
    first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 0.0, 1.0, 5.0])

    found = bets.log_e(first + second, np.full(3, 25.0))

    assert found == pytest.approx(bets.log_e(first, np.full(3, 10.0)) + bets.log_e(second, np.full(3, 15.0)))


def one(detectors: EDetectors, e: float, at_ns: int, starts: bool = True) -> float:
    ones = np.ones(1)
    detectors.update(np.full((1, 1), np.log(e)), np.array([starts]), at_ns, ones, ones)
    return float(detectors.evidence[0, 0])


def test_the_sum_is_shiryaev_and_roberts() -> None:
    detectors = EDetectors(1, 1)

    found = [one(detectors, e, at) for at, e in enumerate((2.0, 0.5, 3.0))]

    assert found == pytest.approx([2.0, 1.5, 7.5])


def test_a_window_that_may_start_no_bet_leaves_those_under_way() -> None:
    detectors = EDetectors(1, 1)

    found = [one(detectors, 1.0, at, starts=at == 2) for at in range(5)]

    assert found == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_it_has_been_winning_since_the_window_that_it_last_started_from_nothing() -> None:
    detectors = EDetectors(1, 1)
    for at, e in enumerate((2.0, 0.1, 0.5, 3.0, 0.9, 3.0)):
        one(detectors, e, at)

    assert int(detectors.since[0, 0]) == 3
    assert float(detectors.rows[0, 0]) == 3.0


def test_evidence_stays_finite() -> None:
    detectors = EDetectors(1, 1)

    found = [one(detectors, 1e200, at) for at in range(5)]

    assert np.isfinite(found).all()


def test_a_restored_state_goes_on_as_the_first_would() -> None:
    first, second = EDetectors(1, 1), EDetectors(1, 1)
    one(first, 3.0, 7)
    second.restore(first.state())

    assert one(second, 2.0, 8) == one(first, 2.0, 8)
    assert second.state() == first.state()


def test_a_state_of_other_detectors_is_refused() -> None:
    with pytest.raises(ValueError, match="other detectors"):
        EDetectors(2, 1).restore(EDetectors(1, 1).state())


def test_at_the_very_limit_the_mean_time_to_an_alarm_is_no_shorter_than_promised() -> None:
    """4,000 columns whose bin has just the largest share that is still called unchanged, up to their first alarm."""
    rng = np.random.default_rng(8)
    number, promised, most = 4000, 20.0, 400
    scores = Scores(np.arange(number), np.ones(number), np.arange(number), np.zeros(number), np.arange(number))
    limits = Null.of(scores, np.full(number, 0.1), np.full(number, 5000.0), 0.05, 0.00135)
    bets, detectors, first = Bets.on_drift(scores, limits), EDetectors(number, len(DRIFT_SIZES)), np.full(number, most)
    rows, may = np.full(number, 40.0), np.ones(number, dtype=np.bool_)

    for at in range(1, most):
        seen = rng.binomial(40, limits.limits).astype(np.float64)
        detectors.update(bets.log_e(seen, rows), may, at, rows, seen)
        is_over = (detectors.evidence.mean(axis=1) >= promised) & (first == most)
        first[is_over] = at

    assert first.mean() >= promised

import numpy as np
import pytest

from watchtower.performance.coverage import Coverage

SECOND = 10**9


def covered(rows: int, lags: object) -> Coverage:
    found = Coverage()
    found.answered(rows)
    found.update(np.asarray(lags, np.int64))
    return found


def test_the_share_of_rows_with_a_label_has_an_interval() -> None:
    share = covered(100, np.zeros(25)).share

    assert (share.value, share.count) == (0.25, 100)
    assert (share.low, share.high) == pytest.approx((0.1755, 0.3430), abs=1e-4)


def test_before_any_row_nothing_is_said() -> None:
    assert (Coverage().share.value, Coverage().lag) == (None, None)


def test_the_lags_quantiles_are_numpys_within_the_stated_rank() -> None:
    lags = np.random.default_rng(1).exponential(3600, 50_000)
    found = covered(50_000, lags * SECOND).lag

    assert found is not None
    assert found.rank_error == pytest.approx(0.0133)
    for quantile, share in ((found.p50, 0.5), (found.p90, 0.9), (found.p99, 0.99)):
        assert abs((lags <= quantile).mean() - share) <= found.rank_error


def test_labels_that_were_known_before_their_answer_are_counted() -> None:
    found = covered(3, [-5, 0, 5])

    assert (found.early, found.labelled) == (1, 3)


def test_more_labels_than_rows_are_no_more_than_all() -> None:
    assert covered(1, [0, 0]).share.value == 1


def test_what_is_merged_equals_the_whole() -> None:
    lags = np.arange(100) * SECOND
    merged = covered(60, lags[:30])
    merged.merge(covered(90, lags[30:]))

    assert (merged.share, merged.lag) == (covered(150, lags).share, covered(150, lags).lag)


def test_what_is_restored_goes_on_as_if_it_had_never_stopped() -> None:
    kept, restored = covered(60, np.arange(30) * SECOND), Coverage()
    restored.restore(kept.state())

    for found in (kept, restored):
        found.update(np.arange(10))
    assert (restored.share, restored.lag, restored.early) == (kept.share, kept.lag, kept.early)

"""What no single column shows: found, told, cleared; and unchanged rows left in peace."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from watchtower.drift.detector import Way
from watchtower.drift.evidence import Floats
from watchtower.drift.lifts import Directions, Pairs
from watchtower.drift.multivariate import JointDetector, JointSettings
from watchtower.drift.panel import Alarm, AllClear
from watchtower.drift.witnesses import JointReference

SETTINGS = JointSettings()
NAMES = ("age", "income", "visits", "clicks", "balance", "score")
MIX = np.random.default_rng(0).normal(size=(64, 64)) / 8
SHIFT = np.random.default_rng(1).normal(size=64) / 8


def people(rows: int, correlation: float, seed: int) -> Floats:
    """Six columns whose margins are the same whatever the correlation of age and income."""
    drawn = np.random.default_rng(seed).normal(size=(rows, len(NAMES)))
    drawn[:, 1] = correlation * drawn[:, 0] + np.sqrt(1 - correlation**2) * drawn[:, 1]
    return drawn


def embeddings(rows: int, shift: float, seed: int) -> Floats:
    drawn: Floats = np.random.default_rng(seed).normal(size=(rows, 64)) @ MIX + shift * SHIFT
    return drawn


def joint(rows: int = 2000, settings: JointSettings = SETTINGS) -> JointDetector:
    sample = people(rows, 0.0, 99)
    return JointDetector("columns together", JointReference.of_columns(NAMES, sample), settings)


def embedding() -> JointDetector:
    return JointDetector("title", JointReference.of_vectors("title", embeddings(2000, 0.0, 98)), SETTINGS)


def fed(detector: JointDetector, correlation: float, windows: range) -> list[Alarm | AllClear]:
    return [event for now in windows for event in detector.observe(now, people(100, correlation, now))]


def in_alarm() -> JointDetector:
    detector = joint()
    fed(detector, 0.7, range(30))
    return detector


def test_rows_that_are_unchanged_raise_no_alarm() -> None:
    detector = joint()

    assert fed(detector, 0.0, range(200)) == []
    assert detector.evidence < 3


@pytest.mark.slow
def test_embeddings_that_are_unchanged_raise_no_alarm() -> None:
    detector = embedding()

    assert [detector.observe(now, embeddings(100, 0.0, now)) for now in range(100)] == [[]] * 100


def test_a_reference_that_comes_sorted_raises_no_alarm() -> None:
    sample = people(2000, 0.0, 99)
    ordered = sample[np.argsort(sample[:, 0] * sample[:, 1])]
    detector = JointDetector("columns together", JointReference.of_columns(NAMES, ordered), SETTINGS)

    assert fed(detector, 0.0, range(100)) == []


def test_a_correlation_that_no_margin_shows_is_told_with_its_pair() -> None:
    detector = joint()
    fed(detector, 0.0, range(10))

    (alarm,) = fed(detector, 0.7, range(10, 30))

    assert isinstance(alarm, Alarm)
    assert (alarm.column, alarm.way, alarm.label) == ("columns together", Way.JOINT, "age with income")
    assert 10 <= alarm.since_ns <= alarm.detected_ns <= 15
    assert alarm.evidence >= alarm.threshold


def test_a_shift_that_is_a_little_everywhere_in_an_embedding_is_told() -> None:
    detector = embedding()

    events = [event for now in range(12) for event in detector.observe(now, embeddings(100, 1.0, now))]

    assert [(event.column, type(event)) for event in events] == [("title", Alarm)]


def test_a_drift_that_lasts_is_told_once() -> None:
    assert fed(in_alarm(), 0.7, range(30, 80)) == []


def test_when_the_rows_are_back_that_is_told() -> None:
    detector = in_alarm()
    since = detector.alarm.since_ns if detector.alarm else -1

    (event,) = fed(detector, 0.0, range(100, 140))

    assert isinstance(event, AllClear)
    assert event.since_ns == since
    assert detector.alarm is None


def test_a_restart_changes_nothing() -> None:
    for windows in (1, 2, 30):
        first, second = joint(), joint()
        fed(first, 0.7, range(windows))
        second.restore(first.state())

        both = [fed(detector, 0.0, range(100, 150)) for detector in (first, second)]

        assert both[0] == both[1]
        assert first.state() == second.state()


def test_the_state_is_taken_where_a_processor_rounds_the_same_sample_otherwise() -> None:
    reference = JointReference.of_vectors("title", embeddings(2000, 0.0, 98))
    rounded = replace(reference, held_out=np.nextafter(reference.held_out, np.inf))
    first, second = embedding(), JointDetector("title", rounded, SETTINGS)
    for now in range(10):
        first.observe(now, embeddings(100, 0.5, now))
    second.restore(first.state())

    assert second.evidence == first.evidence > 0


def test_the_state_against_another_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="another reference"):
        joint(rows=1000).restore(joint().state())


def test_another_baseline_starts_over() -> None:
    detector = in_alarm()
    fresh = joint()
    detector.rebase(fresh._reference)

    assert detector.state() == fresh.state()


def test_a_large_window_counts_for_no_more_rows_than_the_cap() -> None:
    capped = joint(settings=msgspec.structs.replace(SETTINGS, rows_per_window=100))
    for now in range(2):
        capped.observe(now, people(100_000, 0.7, now))

    assert capped._kept.tolist() == [200.0, 200.0]


def test_rows_that_repeat_each_other_are_worth_less() -> None:
    repeated = joint(settings=msgspec.structs.replace(SETTINGS, rows_per_observation=5.0))
    once = joint()
    for detector in (repeated, once):
        fed(detector, 0.7, range(2))

    assert repeated.evidence < once.evidence


def test_a_window_without_rows_says_nothing() -> None:
    detector = joint()
    before = detector.state()

    assert detector.observe(0, np.zeros((0, len(NAMES)))) == []
    assert detector.state() == before


@pytest.mark.slow
@given(st.lists(st.lists(st.floats(), min_size=6, max_size=6), max_size=5))
def test_no_rows_are_too_odd(rows: list[list[float]]) -> None:
    detector = ODD
    for now in range(3):
        detector.observe(now, np.array(rows, dtype=float).reshape(-1, 6))
        detector.observe(now, people(100, 0.0, now))

    assert np.isfinite(detector.evidence)


ODD = joint(rows=200)


def test_the_mean_of_a_pair_is_spearmans_correlation() -> None:
    sample = people(500, 0.6, 4)
    expected = stats.spearmanr(sample[:, 0], sample[:, 1]).statistic

    found = Pairs.of(NAMES[:2], sample)(sample)

    assert found.mean() == pytest.approx(expected, abs=1e-4)


def test_ranks_are_the_same_behind_single_precision() -> None:
    rows = people(500, 0.6, 4).round(1)
    pairs = Pairs.of(NAMES[:2], rows)

    assert np.array_equal(pairs(rows), pairs(rows.astype(np.float32).astype(float)))


def test_a_missing_cell_is_neutral_in_a_pair() -> None:
    pairs = Pairs.of(NAMES[:2], people(500, 0.6, 4))

    assert pairs(np.array([[np.nan, 3.0], [3.0, np.nan]])).tolist() == [[0.0], [0.0]]


def test_a_long_vector_is_projected_to_few_directions() -> None:
    sample = np.random.default_rng(2).normal(size=(50, 1536))
    lift = Directions.of("title", sample, seed=3)

    assert lift(sample).shape == (50, 130)
    assert len(lift.labels) == 130

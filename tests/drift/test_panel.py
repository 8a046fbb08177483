"""Panels as timetables: which counts each window had, and what was said when."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.drift.bins import Bins
from watchtower.drift.detector import Column, Role, Way
from watchtower.drift.evidence import Floats
from watchtower.drift.panel import Alarm, AllClear, Panel
from watchtower.drift.reference import DetectionSettings, Reference, column
from watchtower.drift.values import Values
from watchtower.table import Kind

V, M, U, P = Role.VALUE, Role.MISSING, Role.UNSEEN, Role.PRESENT
SETTINGS = DetectionSettings()
TENTHS = np.array([0.1] * 10 + [0.0])
# Of a normal shifted up by half a standard deviation, in the bins that hold a tenth each without it.
SHIFTED = np.array([0.0375, 0.0528, 0.0647, 0.0762, 0.0884, 0.1021, 0.1184, 0.1399, 0.1734, 0.1466])
SHIFTED = np.append(SHIFTED / SHIFTED.sum(), 0.0)
PLANS = np.array([0.6, 0.3, 0.1, 0.0, 0.0])

Event = tuple[str, str, str]


def age(rows: int = 5000) -> Column:
    return Column("age", TENTHS * rows, (*map(str, range(10)), "missing"), (*[V] * 10, M), is_ordered=True)


def plan(rows: int = 5000) -> Column:
    return Column("plan", PLANS * rows, ("free", "pro", "team", "new", "missing"), (V, V, V, U, M), is_ordered=False)


REFERENCE = Reference([age(), plan()], SETTINGS)


def windows(ages: Floats, plans: Floats = PLANS, rows: int = 100, seed: int = 5) -> Iterator[Mapping[str, Floats]]:
    rng = np.random.default_rng(seed)
    for _ in count():
        yield {"age": rng.multinomial(rows, ages).astype(float), "plan": rng.multinomial(rows, plans).astype(float)}


def fed(panel: Panel, stream: Iterator[Mapping[str, Floats]], at: range) -> list[Alarm | AllClear]:
    return [event for now, counts in zip(at, stream, strict=False) for event in panel.observe(now, counts)]


def alarms(events: Sequence[Alarm | AllClear]) -> list[Event]:
    return [(event.column, event.way, event.label) for event in events if isinstance(event, Alarm)]


def in_alarm() -> Panel:
    panel = Panel(REFERENCE, SETTINGS)
    fed(panel, windows(SHIFTED), range(20))
    return panel


@pytest.mark.parametrize("rows", [50, 200, 1000])
def test_unchanged_columns_raise_no_alarm(rows: int) -> None:
    assert fed(Panel(REFERENCE, SETTINGS), windows(TENTHS, rows=rows), range(2000)) == []


def test_what_moves_up_is_told_with_its_column_its_direction_and_its_beginning() -> None:
    panel = Panel(REFERENCE, SETTINGS)
    fed(panel, windows(TENTHS), range(30))

    (alarm,) = fed(panel, windows(SHIFTED), range(30, 50))

    assert isinstance(alarm, Alarm)
    assert (alarm.column, alarm.way) == ("age", Way.UP)
    assert 28 <= alarm.since_ns <= 32
    assert alarm.detected_ns <= 34
    assert alarm.evidence >= alarm.threshold
    assert alarm.observations == 100 * (alarm.detected_ns - alarm.since_ns + 1)


@pytest.mark.parametrize(
    ("ages", "plans", "told"),
    [
        (SHIFTED[[*range(9, -1, -1), 10]], PLANS, ("age", Way.DOWN, "")),
        (np.array([0.2, 0.1, 0.09, 0.06, 0.05, 0.05, 0.06, 0.09, 0.1, 0.2, 0]), PLANS, ("age", Way.WIDER, "")),
        (np.array([0.03, 0.1, 0.1, 0.12, 0.15, 0.15, 0.12, 0.1, 0.1, 0.03, 0]), PLANS, ("age", Way.NARROWER, "")),
        (np.append(TENTHS[:10] * 0.95, 0.05), PLANS, ("age", Way.MORE_MISSING, "")),
        (TENTHS, np.array([0.57, 0.28, 0.1, 0.05, 0.0]), ("plan", Way.NEW, "new")),
        (TENTHS, np.array([0.45, 0.3, 0.25, 0.0, 0.0]), ("plan", Way.MORE, "team")),
        (TENTHS, np.array([0.65, 0.35, 0.0, 0.0, 0.0]), ("plan", Way.LESS, "team")),
    ],
)
def test_each_way_to_drift_is_told_by_its_name(ages: Floats, plans: Floats, told: Event) -> None:
    assert alarms(fed(Panel(REFERENCE, SETTINGS), windows(ages, plans), range(60))) == [told]


def test_a_drift_that_lasts_is_told_once() -> None:
    assert fed(in_alarm(), windows(SHIFTED), range(20, 400)) == []


def test_when_a_drift_is_over_that_is_told() -> None:
    panel = in_alarm()
    (alarm,) = panel.alarms

    (event,) = fed(panel, windows(TENTHS), range(100, 140))

    assert isinstance(event, AllClear)
    assert (event.column, event.since_ns) == ("age", alarm.since_ns)
    assert panel.alarms == ()


def test_a_drift_that_comes_again_is_told_again() -> None:
    panel = in_alarm()
    fed(panel, windows(TENTHS), range(100, 140))

    assert alarms(fed(panel, windows(SHIFTED), range(140, 160))) == [("age", Way.UP, "")]


def test_a_drift_that_turns_into_another_is_not_over() -> None:
    panel = in_alarm()

    assert fed(panel, windows(SHIFTED[[*range(9, -1, -1), 10]]), range(20, 23)) == []
    assert [alarm.column for alarm in panel.alarms] == ["age"]


def test_after_a_change_of_the_baseline_what_drifted_is_the_new_normal() -> None:
    panel = in_alarm()
    drifted = Column("age", np.round(SHIFTED * 5000), age().labels, age().roles, is_ordered=True)
    panel.rebase(Reference([drifted, plan()], SETTINGS))

    assert fed(panel, windows(SHIFTED), range(20, 200)) == []
    assert panel.alarms == ()


def test_each_hour_can_have_a_reference_of_its_own() -> None:
    night = Column("age", np.round(SHIFTED * 5000), age().labels, age().roles, is_ordered=True)
    references = (REFERENCE, Reference([night, plan()], SETTINGS))
    streams = (windows(TENTHS), windows(SHIFTED, seed=6))
    panel = Panel(REFERENCE, SETTINGS)

    events = [panel.observe(now, next(streams[now % 2]), references[now % 2]) for now in range(200)]

    assert [event for each in events for event in each] == []


def test_a_reference_with_other_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="rebase"):
        Panel(REFERENCE, SETTINGS).observe(0, {}, Reference([age()], SETTINGS))


def test_counts_of_other_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="age: 3 counts for 11 bins"):
        Panel(REFERENCE, SETTINGS).observe(0, {"age": np.ones(3)})


def test_silence_is_no_evidence() -> None:
    panel = Panel(REFERENCE, SETTINGS)
    before = panel.state()

    for now in range(1000):
        panel.observe(now, {})

    assert panel.state() == before


def test_a_column_that_is_left_out_of_a_window_keeps_its_evidence() -> None:
    panel = Panel(REFERENCE, SETTINGS)
    fed(panel, windows(SHIFTED), range(2))
    before = panel.evidence()["age"]

    panel.observe(2, {"plan": PLANS * 100})

    assert panel.evidence()["age"] == before > 0


def test_a_window_counts_for_no_more_rows_than_the_cap() -> None:
    capped = Panel(REFERENCE, msgspec.structs.replace(SETTINGS, rows_per_window=100.0))
    whole = Panel(REFERENCE, SETTINGS)
    capped.observe(0, {"age": SHIFTED * 100_000})
    whole.observe(0, {"age": SHIFTED * 100})

    assert capped.evidence()["age"] == pytest.approx(whole.evidence()["age"])


def test_rows_that_repeat_each_other_count_once() -> None:
    repeated = Panel(REFERENCE, msgspec.structs.replace(SETTINGS, rows_per_observation=5.0))
    once = Panel(REFERENCE, SETTINGS)
    repeated.observe(0, {"age": SHIFTED * 500})
    once.observe(0, {"age": SHIFTED * 100})

    assert repeated.evidence()["age"] == pytest.approx(once.evidence()["age"])


def test_an_hour_of_which_the_reference_has_no_rows_is_left_in_peace() -> None:
    empty, panel = Reference([age(0), plan()], SETTINGS), Panel(REFERENCE, SETTINGS)

    events = [panel.observe(now, counts, empty) for now, counts in zip(range(50), windows(SHIFTED), strict=False)]

    assert [event for each in events for event in each] == []


@pytest.mark.slow
def test_at_the_very_limits_all_columns_together_keep_the_promise() -> None:
    """Ten columns whose second word has just the largest share that is called unchanged, 100 times up to the first alarm."""
    settings = DetectionSettings(windows_between_false_alarms=30)
    words = [
        Column(f"plan {number}", PLANS * 5000, plan().labels, plan().roles, is_ordered=False) for number in range(10)
    ]
    reference = Reference(words, settings)
    asked = next(place for place, each in enumerate(reference.questions) if (each.way, each.label) == (Way.MORE, "pro"))
    most = float(reference.null.limits[asked])
    shares = np.array([0.9 - most, most, 0.1, 0.0, 0.0])
    rng = np.random.default_rng(4)
    first = []

    for _ in range(100):
        panel = Panel(reference, settings)
        drawn = rng.multinomial(100, shares, size=(150, 10)).astype(float)
        stream = ({each.name: counts for each, counts in zip(words, row, strict=True)} for row in drawn)
        first.append(next((now for now, counts in enumerate(stream, 1) if panel.observe(now, counts)), 150))

    assert np.mean(first) >= 30


def test_more_windows_between_false_alarms_need_more_evidence() -> None:
    rarely = Panel(REFERENCE, msgspec.structs.replace(SETTINGS, windows_between_false_alarms=1e6))

    assert rarely.threshold == pytest.approx(np.log10(2e6))


def test_a_part_of_the_promise_needs_more_evidence() -> None:
    half = Panel(REFERENCE, msgspec.structs.replace(SETTINGS, share=0.5))

    assert half.threshold == pytest.approx(Panel(REFERENCE, SETTINGS).threshold + np.log10(2))


@pytest.mark.parametrize("windows_before", [1, 2, 25])
def test_a_restart_changes_nothing(windows_before: int) -> None:
    first, second = Panel(REFERENCE, SETTINGS), Panel(REFERENCE, SETTINGS)
    fed(first, windows(SHIFTED), range(windows_before))
    second.restore(first.state())

    both = [fed(panel, windows(TENTHS, seed=9), range(25, 70)) for panel in (first, second)]

    assert both[0] == both[1]
    assert first.state() == second.state()


@pytest.mark.parametrize("columns", [(age(),), (plan(), age())])
def test_with_other_columns_beside_it_a_column_goes_on(columns: tuple[Column, ...]) -> None:
    panel = in_alarm()
    again = Panel(Reference(columns, SETTINGS), SETTINGS)
    again.restore_common(panel.state())

    assert again.alarms == panel.alarms
    assert again.evidence()["age"] == panel.evidence()["age"]
    assert again.evidence().get("plan", 0.0) in {0.0, panel.evidence()["plan"]}


def test_a_column_that_came_back_has_no_evidence_yet() -> None:
    alone, both = Panel(Reference((age(),), SETTINGS), SETTINGS), Panel(REFERENCE, SETTINGS)
    fed(alone, windows(SHIFTED), range(20))
    both.restore_common(alone.state())

    assert both.alarms == alone.alarms != ()
    assert both.evidence() == {**alone.evidence(), "plan": 0.0}


def test_the_state_of_another_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="other columns or bins"):
        Panel(Reference([age()], SETTINGS), SETTINGS).restore(in_alarm().state())


def test_a_panel_without_columns_says_nothing() -> None:
    panel = Panel(Reference([], SETTINGS), SETTINGS)

    assert panel.observe(0, {"age": np.ones(11)}) == []
    assert panel.evidence() == {}


counted = st.lists(st.integers(0, 2**62), min_size=5, max_size=5)


@given(st.lists(counted, max_size=4), counted)
def test_no_counts_are_too_odd(many: list[list[int]], reference: list[int]) -> None:
    column = Column("plan", np.array(reference, dtype=float), plan().labels, plan().roles, is_ordered=False)
    panel = Panel(Reference([age(3), column], SETTINGS), SETTINGS)

    for now, counts in enumerate(many):
        panel.observe(now, {"plan": np.array(counts, dtype=float), "age": np.ones(11)})

    assert np.isfinite(list(panel.evidence().values())).all()
    assert np.isfinite([alarm.evidence for alarm in panel.alarms]).all()


def test_a_baselines_numbers_are_asked_for_their_order() -> None:
    numbers = np.random.default_rng(1).normal(size=1000)
    bins = Bins.of_numbers(Kind.NUMBER, np.sort(numbers))

    found = column("age", bins, bins.counts(Values.of(Kind.NUMBER, numbers.tolist())))

    assert found.is_ordered
    assert found.rows == 1000
    assert found.roles == (*[V] * 10, U, M)


def test_words_seen_once_tell_how_many_are_unseen() -> None:
    cells = ["a"] * 50 + ["b"] * 30 + ["c", "d"]
    bins = Bins.of_words(Kind.CATEGORY, {"a": 50, "b": 30, "c": 1, "d": 1}, most=3)

    found = column("plan", bins, bins.counts(Values.of(Kind.CATEGORY, cells)))

    assert found.labels == ("a", "b", "c", "other", "new", "odd", "missing")
    assert found.counts.tolist() == [50, 30, 1, 0, 2, 0, 0]
    assert found.roles == (V, V, V, P, U, U, M)


def test_words_that_an_hour_of_the_week_came_to_know_are_not_unseen_in_it() -> None:
    bins = Bins.of_words(Kind.CATEGORY, {"a": 50, "b": 50})
    counts = np.array([40, 30, 0, 30, 0, 0])

    assert column("plan", bins, counts).counts.tolist() == [40, 30, 0, 30, 0, 0]

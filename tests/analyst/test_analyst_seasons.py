"""A service that is another one at night: its hours get references of their own, once two weeks have shown them."""

import gc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from watchtower.analyst.watching import Watch
from watchtower.drift.baseline import Baseline, build
from watchtower.drift.reference import Reference
from watchtower.drift.seasonal import Choice, Seasons
from watchtower.drift.settings import DriftSettings
from watchtower.drift.windows import HOUR_NS

MONDAY_NS = 1_700_438_400_000_000_000  # 2023-11-20, midnight in UTC
ROWS = 520
NAMES = ("in.amount",)


def by_day(start_ns: int) -> float:
    return 1.5 if 8 <= start_ns // HOUR_NS % 24 < 20 else 0.0


def watching(hours: int, *, is_seasonal: bool = True) -> Watch:
    chance = np.random.default_rng(7)
    baseline = build([(NAMES, (chance.normal(0.75, 1.2, 5000),))], name="b", source="test", made_at_ns=0)
    watch = Watch("churn", DriftSettings(window=3600.0), lambda _: None, is_seasonal=is_seasonal)
    watch.adopt(baseline, "b 1")
    feed(watch, 0, hours)
    return watch


def feed(watch: Watch, first: int, hours: int) -> None:
    chance = np.random.default_rng(11)
    for hour in range(first, first + hours):
        start_ns = MONDAY_NS + hour * HOUR_NS
        watch.take(start_ns, NAMES, (chance.normal(by_day(start_ns), 1.0, ROWS).tolist(),))
        watch.judge()


def seasonal(watch: Watch) -> Baseline | None:
    watch.finish()
    return watch.seasonal()


def test_less_than_two_weeks_are_no_history() -> None:
    assert seasonal(watching(13 * 24)) is None


@pytest.mark.slow
def test_two_weeks_of_days_and_nights_are() -> None:
    found = seasonal(watching(14 * 24))

    assert found is not None
    assert found.seasons is not None


@pytest.mark.slow
def test_against_its_own_hour_a_night_is_no_drift() -> None:
    found = seasonal(watching(14 * 24))
    assert found is not None

    again = Watch("churn", DriftSettings(window=3600.0), lambda _: None)
    again.adopt(found, "b 2")
    feed(again, 14 * 24, 3 * 24)
    again.finish()

    assert again.alarms == []


def references() -> int:
    """A week of them, of 200 columns, would take 2 GB."""
    gc.collect()
    return sum(isinstance(one, Reference) for one in gc.get_objects())


def test_hours_that_are_over_are_not_kept_compiled() -> None:
    before = references()
    watch = watching(0)
    baseline = _baseline(watch)
    seasons = Seasons()
    for hour in range(168):
        seasons.update(MONDAY_NS + hour * HOUR_NS, 5000, baseline.counts())
    watch.adopt(replace(baseline, seasons=seasons), "b 2")
    feed(watch, 0, 24)

    assert references() - before <= 5


def test_what_columns_do_together_at_night_is_no_drift() -> None:
    chance = np.random.default_rng(3)
    names = ("in.amount", "in.weight")
    baseline = build([(names, (*chance.normal(1.5, 1.0, (2, 2000)),))], name="b", source="a day", made_at_ns=0)
    seasons = Seasons()
    for hour in range(14 * 24):
        start_ns = MONDAY_NS + hour * HOUR_NS
        profiles = baseline.fresh()
        profiles.update(names, (*chance.normal(by_day(start_ns), 1.0, (2, 1000)),))
        seasons.update(start_ns, 1000, profiles.counts())
    found, choice = baseline.with_seasons(seasons)
    watch = Watch("churn", DriftSettings(window=600.0), lambda _: None)
    watch.adopt(found, "b 2")
    for start_ns in range(MONDAY_NS, MONDAY_NS + 8 * HOUR_NS, HOUR_NS // 6):  # a night
        watch.take(start_ns, names, chance.normal(0.0, 1.0, (2, 60)).tolist())
    watch.finish()

    assert (choice, watch.alarms) == (Choice.SEASONAL, [])


def test_against_one_baseline_for_all_hours_it_is() -> None:
    watch = watching(3 * 24)
    watch.finish()

    assert [alarm.column for alarm in watch.alarms] == ["in.amount"]


def test_what_is_switched_off_is_not_gathered() -> None:
    watch = watching(30, is_seasonal=False)
    watch.finish()

    assert (watch.seasons_changed, watch.seasons_state()) == (False, None)


def test_the_history_survives_a_restart() -> None:
    watch = watching(30)
    watch.finish()
    state = watch.seasons_state()
    restored = watching(0)
    restored.restore_seasons(state or b"")

    assert restored.seasons_state() == state


def two(*ignored: str) -> Watch:
    chance = np.random.default_rng(7)
    columns = (chance.normal(0, 1, 2000), chance.normal(0, 1, 2000))
    watch = Watch("churn", DriftSettings(window=3600.0, ignore=ignored), lambda _: None)
    watch.adopt(build([((*NAMES, "in.other"), columns)], name="b", source="test", made_at_ns=0), "b 1")
    return watch


def history(watch: Watch) -> int:
    """Rows by hour that a restart has brought back."""
    _, kept = msgspec.msgpack.decode(watch.seasons_state() or b"")
    return int(Seasons.restore(kept).rows.sum())


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ((), ("in.other",), 10 * ROWS),
        (("in.other",), (), 0),  # of it nothing was counted
        ((), (), 10 * ROWS),
    ],
)
def test_the_history_survives_that_a_column_is_ignored(
    before: tuple[str, ...], after: tuple[str, ...], rows: int
) -> None:
    watch, restored = two(*before), two(*after)
    for hour in range(10):
        watch.take(MONDAY_NS + hour * HOUR_NS, (*NAMES, "in.other"), ([0.5] * ROWS, [0.1] * ROWS))
    watch.finish()
    restored.restore_seasons(watch.seasons_state() or b"")

    assert history(restored) == rows


def test_rows_that_are_open_when_a_baseline_is_set_are_judged_against_the_one_before() -> None:
    kept: list[Mapping[str, Any]] = []
    watch = watching(0)
    again = Watch("churn", DriftSettings(window=3600.0), kept.append)
    again.adopt(_baseline(watch), "b 1")
    feed(again, 0, 1)
    again.adopt(_baseline(watch), "b 2")
    feed(again, 0, 1)
    again.finish()

    hours = [window for window in kept if window["length_s"] == 3600]
    assert [(window["baseline"], window["rows"]) for window in hours] == [("b 1", [ROWS]), ("b 2", [ROWS])]


def _baseline(watch: Watch) -> Baseline:
    assert watch.baseline is not None
    return watch.baseline

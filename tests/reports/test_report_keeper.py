"""A store as the analyst leaves it, and the pages that are drawn of it by a small program in Evidently's place."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import enumerate as enumerate_threads

import msgspec
import pytest
from report_stage import DAY, NOON, analysed

from sidecar import until
from watchtower.analyst.documents import DRIFT, key
from watchtower.clock import SECOND, Clock, ManualClock
from watchtower.report_keeper import ReportKeeper, alarm_pages, reports_kept
from watchtower.reports.folder import Occasion, path_of
from watchtower.reports.settings import ReportSettings
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State

CLOCK = Clock(lambda: 0, lambda: round(NOON * SECOND))
COPYING = "import json, sys; d = json.load(open(sys.argv[1])); open(d['output'], 'w').write(json.dumps(d))"
FAILING = "raise ValueError('no luck')"


def keeper(
    data_dir: Path,
    told: Counter[str],
    program: str = COPYING,
    endpoints: Sequence[str] = ("churn", "rest"),
    **settings: float | None,
) -> ReportKeeper:
    chosen = msgspec.structs.replace(ReportSettings(), **settings)
    command = (sys.executable, "-c", program)
    return ReportKeeper(data_dir, endpoints, chosen, StoreSettings(), lambda word: told.update([word]), command)


@pytest.mark.slow
def test_a_day_after_the_baseline_a_page_of_that_day_is_drawn(tmp_path: Path) -> None:
    analysed(tmp_path)
    told: Counter[str] = Counter()
    keeping = keeper(tmp_path, told)

    assert keeping.look(NOON + DAY - 1) == []
    (page,) = keeping.look(NOON + DAY)
    assert page == tmp_path / "reports" / "churn" / "20270116T080000Z-schedule.html"
    assert "churn: 1d until 2027-01-15 08:00 UTC against spring" in page.read_text()
    assert "Drawn from 200 rows against 100 rows" in page.read_text()
    assert keeping.look(NOON + DAY + 1) == []
    assert told == {"written": 1}


@pytest.mark.slow
def test_an_alarm_is_drawn_by_its_own_window_and_shown_with_it(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30)
    told: Counter[str] = Counter()

    (page,) = keeper(tmp_path, told, window=3600.0).look(NOON)

    assert "churn: 1h until" in page.read_text()
    assert "Drawn from 67 rows against" in page.read_text()
    assert alarm_pages(tmp_path, "churn")(NOON - 30) == "reports/churn/20270115T075930Z-alarm.html"


@pytest.mark.slow
def test_after_a_restart_nothing_is_drawn_twice(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30)
    keeper(tmp_path, Counter()).look(NOON)

    assert keeper(tmp_path, Counter()).look(NOON + 7200) == []


@pytest.mark.slow
def test_an_endpoint_whose_state_cannot_be_read_leaves_the_others_their_pages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    analysed(tmp_path)
    with State(tmp_path) as state:
        state.commit(documents={key(DRIFT, "rest"): b"by another version", key(DRIFT, "last"): b"by another version"})

    assert len(keeper(tmp_path, Counter(), endpoints=("rest", "churn", "last")).look(NOON + DAY)) == 1
    assert [record.message for record in caplog.records] == ["reports cannot be looked after"]


def test_before_anything_was_analysed_nothing_is_complained_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert keeper(tmp_path, Counter()).look(NOON) == []
    assert caplog.records == []


@pytest.mark.slow
def test_a_page_that_cannot_be_drawn_is_counted_and_left_for_an_hour(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30)
    told: Counter[str] = Counter()
    keeping = keeper(tmp_path, told, FAILING)

    for minute in range(0, 90, 10):
        keeping.look(NOON + minute * 60)

    assert told == {"failed": 2}


@pytest.mark.slow
def test_a_window_longer_than_there_are_years_is_of_all_rows(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30)
    told: Counter[str] = Counter()
    (page,) = keeper(tmp_path, told, window=200_000 * 7 * DAY).look(NOON)

    assert "Drawn from 200 rows against" in page.read_text()
    assert told == {"written": 1}


def test_a_baseline_without_rows_is_told_as_the_reason(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30, sample=0)
    told: Counter[str] = Counter()

    assert keeper(tmp_path, told).look(NOON) == []
    assert told == {"no_baseline": 1}


def test_where_evidently_is_not_installed_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: Counter[str] = Counter()
    with caplog.at_level("INFO"), reports_kept(keeper(tmp_path, told), CLOCK, can_draw=False):
        pass

    assert [record.message for record in caplog.records] == ["no reports are drawn"]


def test_the_thread_ends_with_the_analyst(tmp_path: Path) -> None:
    with reports_kept(keeper(tmp_path, Counter()), CLOCK, can_draw=True):
        during = [thread.name for thread in enumerate_threads()]

    assert ("reports" in during, "reports" in [thread.name for thread in enumerate_threads()]) == (True, False)


def test_a_clock_that_is_set_ahead_removes_no_page(tmp_path: Path) -> None:
    old, young = (path_of(tmp_path, "churn", NOON - age * DAY, Occasion.SCHEDULE) for age in (31, 1))
    young.parent.mkdir(parents=True)
    young.touch()
    page = tmp_path / "page"
    page.touch()
    os.utime(page, (NOON - 31 * DAY, NOON - 31 * DAY))
    clock = ManualClock(epoch_ns=round(NOON * SECOND))
    with reports_kept(keeper(tmp_path, Counter()), clock.clock(), can_draw=True, every_s=0.01):
        clock.epoch_ns += round(365 * DAY * SECOND)
        page.rename(old)
        assert until(lambda: not old.exists())  # somebody has looked since

    assert young.exists()


@pytest.mark.slow
def test_whoever_leaves_does_not_wait_for_the_page(tmp_path: Path) -> None:
    analysed(tmp_path, NOON - 30)
    told: Counter[str] = Counter()
    keeping = keeper(tmp_path, told, "import signal; signal.pause()")
    keeping.over.set()

    assert keeping.look(NOON) == []
    assert [path.name for path in (tmp_path / "reports").rglob("*")] == []

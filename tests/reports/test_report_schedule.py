"""Timetables: what lies there, what stands, and what is due."""

from pathlib import Path

from watchtower.reports.folder import Kept, Occasion
from watchtower.reports.schedule import due
from watchtower.reports.settings import ReportSettings

NOON = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
DAILY = ReportSettings(every=DAY)
ONLY_ALARMS = ReportSettings(every=None)


def page(at: float, occasion: Occasion = Occasion.SCHEDULE) -> Kept:
    return Kept(Path("page"), at, occasion, 1, at)


def test_the_first_is_due_when_the_baseline_is_a_day_old() -> None:
    assert due([], [], NOON, {}, DAILY, NOON + DAY - 1) is None
    assert due([], [], NOON, {}, DAILY, NOON + DAY) == (Occasion.SCHEDULE, NOON + DAY)


def test_the_next_is_due_a_day_after_the_last() -> None:
    pages = [page(NOON), page(NOON - DAY)]

    assert due(pages, [], 0.0, {}, DAILY, NOON + DAY - 1) is None
    assert due(pages, [], 0.0, {}, DAILY, NOON + DAY) == (Occasion.SCHEDULE, NOON + DAY)


def test_one_that_was_asked_for_does_not_replace_the_one_by_the_clock() -> None:
    pages = [page(NOON + DAY - 60, Occasion.ASKED), page(NOON)]

    assert due(pages, [], 0.0, {}, DAILY, NOON + DAY) == (Occasion.SCHEDULE, NOON + DAY)


def test_one_that_failed_is_tried_again_after_an_hour() -> None:
    tried = {Occasion.SCHEDULE: NOON}

    assert due([], [], 0.0, tried, DAILY, NOON + HOUR - 1) is None
    assert due([], [], 0.0, tried, DAILY, NOON + HOUR) == (Occasion.SCHEDULE, NOON + HOUR)


def test_without_a_clock_only_alarms_are_drawn() -> None:
    assert due([], [], 0.0, {}, ONLY_ALARMS, NOON) is None
    assert due([], [NOON - 60], 0.0, {}, ONLY_ALARMS, NOON) == (Occasion.ALARM, NOON - 60)


def test_an_alarm_is_drawn_once() -> None:
    pages = [page(NOON, Occasion.ALARM)]

    assert due(pages, [NOON + 0.5], 0.0, {}, ONLY_ALARMS, NOON + 2 * HOUR) is None


def test_a_second_alarm_waits_for_the_hour_to_end() -> None:
    pages = [page(NOON, Occasion.ALARM)]
    alarms = [NOON, NOON + 600]

    assert due(pages, alarms, 0.0, {}, ONLY_ALARMS, NOON + HOUR - 1) is None
    assert due(pages, alarms, 0.0, {}, ONLY_ALARMS, NOON + HOUR) == (Occasion.ALARM, NOON + 600)


def test_an_alarm_whose_page_failed_is_tried_again_after_an_hour() -> None:
    tried = {Occasion.ALARM: NOON}

    assert due([], [NOON], 0.0, tried, ONLY_ALARMS, NOON + HOUR - 1) is None
    assert due([], [NOON], 0.0, tried, ONLY_ALARMS, NOON + HOUR) == (Occasion.ALARM, NOON)


def test_an_alarm_of_yesterday_is_left() -> None:
    assert due([], [NOON - DAY], 0.0, {}, ONLY_ALARMS, NOON) is None


def test_alarms_can_be_left_off() -> None:
    assert due([], [NOON], 0.0, {}, ReportSettings(every=None, on_alarm=False), NOON) is None


def test_what_a_clock_dated_that_was_ahead_holds_nothing_up() -> None:
    ahead = NOON + 365 * DAY
    pages = [page(ahead), page(ahead, Occasion.ALARM)]
    tried = {Occasion.SCHEDULE: ahead, Occasion.ALARM: ahead}

    assert due(pages, [], ahead, tried, DAILY, NOON) == (Occasion.SCHEDULE, NOON)
    assert due(pages, [NOON - 60], ahead, tried, ONLY_ALARMS, NOON) == (Occasion.ALARM, NOON - 60)
    assert due([], [ahead], 0.0, {}, ONLY_ALARMS, NOON) is None

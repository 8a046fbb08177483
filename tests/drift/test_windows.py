"""Windows as a timetable: rows at these seconds, and what was closed then."""

import json
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.drift.windows import DAY_NS, HOUR_NS, MINUTE_NS, Windows

SECOND_NS = MINUTE_NS // 60


class Rows:
    """The smallest thing that merges: it remembers when its rows were."""

    def __init__(self, seconds: list[int] | None = None) -> None:
        self.seconds = seconds or []

    def merge(self, other: Self) -> None:
        self.seconds = sorted(self.seconds + other.seconds)

    def state(self) -> bytes:
        return json.dumps(self.seconds).encode()


def windows(lateness: int = 0, most_open: int = 99) -> Windows[Rows]:
    return Windows(Rows, lateness * SECOND_NS, most_open=most_open)


def put(into: Windows[Rows], *seconds: int) -> None:
    for second in seconds:
        held = into.take(second * SECOND_NS)
        if held is not None:
            held.seconds.append(second)


def closed(of: Windows[Rows]) -> list[tuple[int, int, list[int]]]:
    """Start and length in seconds, and the rows."""
    return [(w.start_ns // SECOND_NS, w.length_ns // SECOND_NS, w.held.seconds) for w in of.closed()]


def test_a_minute_is_closed_when_the_next_one_has_come() -> None:
    minutes = windows()
    put(minutes, 1, 59)
    before = closed(minutes)
    put(minutes, 60)

    assert (before, closed(minutes), closed(minutes)) == ([], [(0, 60, [1, 59])], [])


def test_a_minute_waits_as_long_as_rows_may_be_late() -> None:
    minutes = windows(lateness=30)
    put(minutes, 1, 89)
    before = closed(minutes)
    put(minutes, 2, 90)

    assert (before, closed(minutes)) == ([], [(0, 60, [1, 2])])


def test_what_comes_later_than_that_is_counted_and_not_taken() -> None:
    minutes = windows(lateness=30)
    put(minutes, 1, 90, 2)

    assert (minutes.late, closed(minutes)) == (1, [(0, 60, [1])])


def test_minutes_come_before_their_hour_and_hours_before_their_day() -> None:
    minutes = windows()
    put(minutes, 10, 3_605, 90_000)

    assert closed(minutes) == [
        (0, 60, [10]),
        (0, 3600, [10]),
        (3600, 60, [3605]),
        (3600, 3600, [3605]),
        (0, 86400, [10, 3605]),
    ]


def test_time_that_passes_without_rows_closes_too() -> None:
    minutes = windows()
    put(minutes, 10)
    minutes.advance(60 * SECOND_NS)

    assert closed(minutes) == [(0, 60, [10])]


def test_too_many_open_ones_close_the_oldest_and_say_so() -> None:
    minutes = windows(lateness=86_400, most_open=2)
    put(minutes, 0, 60, 120)

    assert ([(w.start_ns, w.is_forced) for w in minutes.closed()], minutes.forced, minutes.open) == ([(0, True)], 1, 2)


def test_where_time_lies_ahead_of_the_clock_it_begins_anew() -> None:
    minutes = windows(lateness=120)
    put(minutes, 10, 1_000_000)
    by_now = [
        (w.start_ns // SECOND_NS, w.held.seconds) for w in minutes.set_back(200 * SECOND_NS) if w.length_ns == MINUTE_NS
    ]
    put(minutes, 190, 260)

    assert by_now == [(0, [10]), (999_960, [1_000_000])]
    assert (minutes.open, minutes.late) == (2, 0)


def test_a_clock_that_goes_back_a_little_closes_nothing() -> None:
    minutes = windows(lateness=120)
    put(minutes, 400)

    assert minutes.set_back(220 * SECOND_NS) == []
    assert minutes.open == 1


def test_the_end_of_a_recording_closes_everything() -> None:
    minutes = windows(lateness=500)
    put(minutes, 10, 70)

    found = [(w.start_ns, w.length_ns) for w in minutes.rest()]

    assert found == [(0, MINUTE_NS), (MINUTE_NS, MINUTE_NS), (0, HOUR_NS), (0, DAY_NS)]


def test_what_comes_behind_the_end_of_a_recording_has_windows_of_its_own() -> None:
    minutes = windows()
    put(minutes, 1, 61)
    minutes.rest()
    put(minutes, 62, 121, 180)

    assert (minutes.late, closed(minutes)) == (1, [(120, 60, [121])])


def test_it_goes_on_after_a_restart() -> None:
    minutes, restarted = windows(lateness=10), windows(lateness=10)
    put(minutes, 5, 65, 4, 80)
    minutes.closed()
    restarted.restore(minutes.state(), lambda state: Rows(json.loads(state)))
    for each in (minutes, restarted):
        put(each, 1, 3_700)

    assert closed(restarted) == closed(minutes)
    assert (restarted.late, restarted.state()) == (minutes.late, minutes.state())


@pytest.mark.slow
@given(st.lists(st.integers(0, 10_000), max_size=40), st.integers(0, 300), st.integers(1, 5))
def test_every_row_is_in_one_minute_one_hour_and_one_day_or_late(
    seconds: list[int], lateness: int, most_open: int
) -> None:
    minutes = windows(lateness, most_open)
    found = []
    for second in seconds:
        put(minutes, second)
        found.extend(minutes.closed())
    found.extend(minutes.rest())

    for length in (MINUTE_NS, HOUR_NS, DAY_NS):
        kept = [second for w in found if w.length_ns == length for second in w.held.seconds]
        assert len(kept) + minutes.late == len(seconds)
    assert len({(w.start_ns, w.length_ns) for w in found}) == len(found)

"""A breaker as a timetable: at each moment what happened, what the breaker was then, and whether it lets a request through."""

from watchtower.mirror.breaker import Breaker, BreakerState
from watchtower.mirror.settings import BreakerSettings

CLOSED, PROBING, OPEN = BreakerState.CLOSED, BreakerState.PROBING, BreakerState.OPEN


def played(*events: tuple[float, str], failures: int = 2, pause: float = 1.0, max_pause: float = 4.0) -> list[object]:
    """The answer of each event: of `ask` whether it is allowed, of the others the state behind it."""
    breaker = Breaker(BreakerSettings(failures=failures, pause=pause, max_pause=max_pause))
    answers: list[object] = []
    for now, event in events:
        if event == "ask":
            answers.append(breaker.allows(now))
            continue
        if event == "fail":
            breaker.failed(now)
        elif event == "succeed":
            breaker.succeeded()
        elif event == "abandon":
            breaker.abandoned()
        answers.append(breaker.state)
    return answers


def test_it_is_closed_until_something_fails() -> None:
    assert played((0, "ask"), (0, "succeed"), (9, "ask")) == [True, CLOSED, True]


def test_it_opens_at_the_configured_number_of_failures_in_a_row() -> None:
    assert played((0, "fail"), (0, "ask"), (0, "fail"), (0, "ask")) == [CLOSED, True, OPEN, False]


def test_a_success_between_two_failures_starts_the_row_anew() -> None:
    assert played((0, "fail"), (0, "succeed"), (0, "fail"), (0, "ask")) == [CLOSED, CLOSED, CLOSED, True]


def test_after_the_pause_one_request_is_let_through_and_no_second() -> None:
    opened = ((0.0, "fail"), (0.0, "fail"))

    assert played(*opened, (0.9, "ask"), (1.0, "ask"), (1.0, "ask"))[2:] == [False, True, False]


def test_a_probe_that_succeeds_closes_it() -> None:
    opened = ((0.0, "fail"), (0.0, "fail"))

    assert played(*opened, (1.0, "ask"), (1.1, "succeed"), (1.1, "ask"))[2:] == [True, CLOSED, True]


def test_a_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    probes = ((1.0, "ask"), (1.0, "fail"), (2.9, "ask"), (3.0, "ask"), (3.0, "fail"), (6.9, "ask"), (7.0, "ask"))
    longest = ((7.0, "fail"), (10.9, "ask"), (11.0, "ask"))

    found = played((0, "fail"), (0, "fail"), *probes, *longest)[2:]

    assert found == [True, OPEN, False, True, OPEN, False, True, OPEN, False, True]


def test_a_success_makes_the_pause_short_again() -> None:
    doubled = ((0, "fail"), (0, "fail"), (1, "ask"), (1, "fail"), (3, "ask"), (3, "succeed"))

    assert played(*doubled, (4, "fail"), (4, "fail"), (5, "ask"))[6:] == [CLOSED, OPEN, True]


def test_failures_of_what_was_under_way_when_it_opened_change_nothing() -> None:
    opened = ((0.0, "fail"), (0.0, "fail"))

    assert played(*opened, (0.9, "fail"), (0.9, "fail"), (1.0, "ask"))[2:] == [OPEN, OPEN, True]


def test_a_late_success_of_what_was_under_way_closes_it() -> None:
    assert played((0, "fail"), (0, "fail"), (0.5, "succeed"), (0.5, "ask"))[2:] == [CLOSED, True]


def test_a_probe_that_told_nothing_lets_another_through_at_once() -> None:
    opened = ((0.0, "fail"), (0.0, "fail"))

    assert played(*opened, (1.0, "ask"), (1.0, "abandon"), (1.0, "ask"))[2:] == [True, OPEN, True]


def test_an_abandoned_request_while_it_is_closed_changes_nothing() -> None:
    assert played((0, "fail"), (0, "abandon"), (0, "fail")) == [CLOSED, CLOSED, OPEN]

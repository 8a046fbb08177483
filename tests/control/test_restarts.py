import pytest

from watchtower.control.restarts import Restarts


def delays(lives: list[float]) -> list[float]:
    """The wait after each of a place's workers, given how long each lived."""
    restarts, now, waited = Restarts(), 1000.0, []
    for life in lives:
        restarts.started(now)
        now += life
        waited.append(restarts.died(now))
        now += waited[-1]
    return waited


def test_the_first_restart_is_immediate() -> None:
    assert delays([3.0]) == [0.0]


def test_a_worker_that_keeps_dying_young_is_started_ever_more_slowly() -> None:
    assert delays([0.1] * 9) == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_after_a_settled_life_the_restart_is_immediate_again() -> None:
    assert delays([0.1, 0.1, 0.1, 10.0, 0.1]) == pytest.approx([0.0, 0.1, 0.2, 0.0, 0.1])


def test_a_life_just_short_of_settled_goes_on_with_the_delays() -> None:
    assert delays([0.1, 0.1, 9.9]) == pytest.approx([0.0, 0.1, 0.2])


def test_restarts_are_counted() -> None:
    restarts = Restarts()

    restarts.died(1.0)
    restarts.died(2.0)

    assert restarts.count == 2

import pytest

from watchtower.performance.agreement import Agreement, disagrees
from watchtower.performance.estimate import Estimate, unknown


def about(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half, 100, 0.05)


def test_intervals_that_meet_agree() -> None:
    assert not disagrees(about(0.8, 0.05), about(0.9, 0.06))


def test_intervals_that_do_not_meet_disagree_either_way() -> None:
    assert disagrees(about(0.8, 0.04), about(0.9, 0.05))
    assert disagrees(about(0.9, 0.04), about(0.8, 0.05))


def test_what_is_unknown_agrees_with_everything() -> None:
    assert not disagrees(unknown(0, 0.05), about(0.9, 0.05))


def test_the_error_of_the_estimates_is_told_over_windows() -> None:
    found = Agreement()
    for value in (0.80, 0.84, 0.90):
        found.update(about(value, 0.05), about(0.82, 0.01))

    assert (found.windows, found.disagreed) == (3, 1)
    assert found.bias.value == pytest.approx(0.08 / 3)
    assert found.mean_error.value == pytest.approx(0.12 / 3)
    assert found.held.value == pytest.approx(2 / 3)


def test_a_window_without_a_value_is_no_window() -> None:
    found = Agreement()

    found.update(unknown(0, 0.05), about(0.9, 0.1))

    assert (found.windows, found.held.value) == (0, None)


def test_an_estimate_without_an_interval_tells_its_error_only() -> None:
    found = Agreement()

    found.update(Estimate(0.8, None, None, 10, 0.05), about(0.9, 0.1))

    assert (found.windows, found.held.value) == (1, None)


def test_what_is_merged_and_what_is_restored_equal_the_whole() -> None:
    one, other, whole, restored = Agreement(), Agreement(), Agreement(), Agreement()
    for part, value in ((one, 0.7), (other, 0.9), (other, 0.8)):
        part.update(about(value, 0.05), about(0.82, 0.01))
        whole.update(about(value, 0.05), about(0.82, 0.01))

    restored.restore(one.state())
    restored.merge(other)

    assert restored.mean_error.value == pytest.approx(whole.mean_error.value)
    assert (restored.held, restored.disagreed) == (whole.held, whole.disagreed)

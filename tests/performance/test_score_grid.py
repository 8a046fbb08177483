import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.performance.score_grid import BINS, MIDDLES, bins_of, probable


def test_every_bin_has_its_middle() -> None:
    assert bins_of(MIDDLES).tolist() == list(range(BINS))


def test_the_ends_are_in_the_first_and_the_last_bin() -> None:
    assert bins_of(np.array([0.0, 5e-324, 1.0])).tolist() == [0, 0, BINS - 1]


def test_scores_of_three_digits_have_a_bin_each() -> None:
    assert len(set(bins_of(np.arange(1001) / 1000).tolist())) == 1001


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_higher_scores_never_have_lower_bins(scores: list[float]) -> None:
    places = bins_of(np.sort(np.array(scores)))

    assert (np.diff(places) >= 0).all()


@given(st.floats(0, 1))
def test_a_middle_is_near_the_scores_that_it_stands_for(score: float) -> None:
    middle = MIDDLES[bins_of(np.array([score]))[0]]

    assert abs(middle - score) <= min(1 / 2048, max(2**-20, min(score, 1 - score) / 64))


def test_scores_a_hair_beyond_the_ends_are_those_of_the_ends() -> None:
    good, scores = probable(np.array([1.0000001, -1e-7, 1.1, np.nan]))

    assert (good.tolist(), scores.tolist()) == ([True, True, False, False], [1.0, 0.0])


def test_a_row_is_probable_when_all_its_columns_are() -> None:
    good, scores = probable(np.array([[0.2, 0.8], [0.2, np.nan]]))

    assert (good.tolist(), scores.tolist()) == ([True, False], [[0.2, 0.8]])


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_no_scores_are_no_trouble(shape: tuple[int, ...]) -> None:
    assert probable(np.zeros(shape))[1].shape == shape

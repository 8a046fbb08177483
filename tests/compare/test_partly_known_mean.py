import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.compare.confidence import FRACTIONS, SIGNS, BoundedMean
from watchtower.compare.partly_known import PartlyKnownMean

ALPHA = 0.01
SHARES = st.lists(st.floats(0, 1), max_size=50)


def partly(*values: float) -> PartlyKnownMean:
    mean = PartlyKnownMean(FRACTIONS)
    mean.update(np.array(values))
    return mean


def known(*values: float) -> BoundedMean:
    mean = BoundedMean(FRACTIONS)
    mean.update(np.array(values))
    return mean


@given(SHARES)
def test_where_all_is_known_it_is_the_bounded_mean(values: list[float]) -> None:
    assert partly(*values).interval(ALPHA) == known(*values).interval(ALPHA)


@given(SHARES, SHARES)
def test_it_holds_whatever_the_unknown_values_are(values: list[float], hidden: list[float]) -> None:
    low, high = partly(*values, *[math.nan] * len(hidden)).interval(ALPHA)
    truth = known(*values, *hidden).interval(ALPHA)

    assert low <= truth[0] + 1e-9
    assert high >= truth[1] - 1e-9


def test_the_mean_is_of_what_is_known_and_lies_within_the_extent() -> None:
    mean = partly(0.0, 1.0, 1.0, math.nan)

    assert mean.mean == pytest.approx(2 / 3)
    assert (mean.count, mean.extent) == (4, (0.5, 0.75))


def test_of_nothing_known_it_says_nothing() -> None:
    mean = PartlyKnownMean(SIGNS)
    mean.update(np.full(1000, math.nan))

    assert (mean.extent, mean.interval(ALPHA)) == ((-1.0, 1.0), (-1.0, 1.0))


@pytest.mark.parametrize(("unknown", "is_decidable"), [(0, True), (15, True), (25, False)])
def test_no_number_of_values_tells_what_the_unknown_ones_hide(unknown: int, is_decidable: bool) -> None:
    mean = partly(*[0.0] * (1000 - unknown), *[math.nan] * unknown)

    assert (mean.more(0.02, ALPHA) is not None) == is_decidable


def test_a_state_goes_on() -> None:
    before, after = partly(0.0, 0.25, math.nan), partly()
    after.restore(before.state())

    assert (after.extent, after.count, after.state()) == (before.extent, before.count, before.state())

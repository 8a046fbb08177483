import math

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from watchtower.reports.columns import Drawn, prepared
from watchtower.table import Kind

UNDRAWN = "its numbers are too large, or too close together, for a histogram"


def left_out(reference: list[float], current: list[float]) -> dict[str, str]:
    sides = [pa.table({"x": pa.array(values, pa.float64())}) for values in (reference, current)]
    return prepared(sides[0], sides[1], {"x": Kind.NUMBER}).left_out


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([123456789012345678.0], [123456789012345678.0]),
        ([9e17, 9e17 + 128], [9e17, 9e17 + 256]),
        ([0.3, 0.1 + 0.2], [0.3, 0.3]),
        ([1e308, -1e308], [0.0, 1.0]),
        ([*map(float, range(300)), 1e308], [*map(float, range(299)), 1e308]),
        ([9e17], [1.0]),  # one side is enough
        ([1.0] * 3, [math.nextafter(1.0, 2.0)] * 3),  # and so is what both are together
    ],
)
def test_a_column_whose_histogram_evidently_cannot_make_is_left_out(
    reference: list[float], current: list[float]
) -> None:
    assert left_out(reference, current) == {"x": UNDRAWN}
    assert left_out(current, reference) == {"x": UNDRAWN}


@pytest.mark.parametrize("values", [[0.0], [7.0, 7.0], [5e14, 5e14 + 3], [1e-300, 3e-300], [-1e100, 1e100, math.inf]])
def test_odd_numbers_with_a_histogram_are_drawn(values: list[float]) -> None:
    assert left_out(values, values) == {}


def test_one_column_without_a_histogram_leaves_the_others() -> None:
    side = pa.table({"account": [9e17] * 3, "age": [30.0, None, 50.0]})
    found = prepared(side, side, {"account": Kind.INTEGER, "age": Kind.NUMBER})

    assert (found.drawn, found.left_out) == ({"age": Drawn.NUMERICAL}, {"account": UNDRAWN})

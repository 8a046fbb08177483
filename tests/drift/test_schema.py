import random

import numpy as np
import pytest

from watchtower.drift.schema import infer_kind
from watchtower.table import Kind

CASES: list[tuple[list[object], Kind]] = [
    ([], Kind.NULL),
    ([None, None], Kind.NULL),
    ([float("nan"), None], Kind.NULL),
    ([True, None], Kind.BOOLEAN),
    ([1, 2, None], Kind.INTEGER),
    ([1, 2.5], Kind.NUMBER),
    ([1, float("nan")], Kind.INTEGER),
    (["red", "blue", "red"], Kind.CATEGORY),
    (["how long does it take?", "yes"], Kind.CATEGORY),
    (["how long does it take?", "about as long as before"], Kind.TEXT),
    (["x" * 101], Kind.TEXT),
    ([f"user-{number}" for number in range(100)], Kind.TEXT),
    ([f"shop-{number % 40}" for number in range(100)], Kind.CATEGORY),
    (["2024-05-01T12:00:00Z", "2024-05-02"], Kind.TIMESTAMP),
    (["20240501", "20240502"], Kind.CATEGORY),
    ([[0.1, 0.9], [1, 0]], Kind.VECTOR),
    ([1, 2, 3, "?"], Kind.INTEGER),
    (["a", "b", "c", 1], Kind.CATEGORY),
    ([{}, {"a": 1}], Kind.NULL),
    ([["a"], []], Kind.NULL),
]


@pytest.mark.parametrize(("cells", "kind"), CASES)
def test_most_of_the_cells_decide(cells: list[object], kind: Kind) -> None:
    assert infer_kind(cells) is kind


@pytest.mark.parametrize(("cells", "kind"), CASES)
def test_their_order_does_not_matter(cells: list[object], kind: Kind) -> None:
    shuffled = random.Random(4).sample(cells, len(cells))

    assert infer_kind(shuffled) is kind


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.array([1.0]), Kind.NUMBER),
        (np.array([1], np.uint8), Kind.INTEGER),
        (np.array([True]), Kind.BOOLEAN),
        (np.zeros((2, 3)), Kind.VECTOR),
        (np.array(["a"]), Kind.CATEGORY),
    ],
)
def test_an_array_is_what_its_type_says(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], kind: Kind) -> None:
    assert infer_kind(array) is kind

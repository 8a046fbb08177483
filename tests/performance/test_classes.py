import numpy as np
import pytest

from watchtower.performance.classes import LONGEST_NAME, MISSING, ClassIndex, class_name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "1"),
        ("False", "0"),
        (1.0, "1"),
        ("1.0", "1"),
        ("-2.000", "-2"),
        (np.int32(3), "3"),
        (np.bool_(True), "1"),
        (0.5, "0.5"),
        ("007", "007"),
        ("1.10", "1.10"),
        (" cat ", "cat"),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        ([1], None),
    ],
)
def test_a_class_has_one_name_however_it_is_written(value: object, name: str | None) -> None:
    assert class_name(value) == name


def test_names_have_a_bound() -> None:
    assert [class_name("x" * 1000), class_name(1e300), class_name(10**9999)] == ["x" * LONGEST_NAME, "1e+300", None]


def test_classes_are_numbered_as_they_come() -> None:
    index = ClassIndex(["b"], limit=5)

    assert index.codes(["a", "b", None, "c", "a"]).tolist() == [1, 0, MISSING, 2, 1]


def test_classes_beyond_the_limit_share_a_number() -> None:
    index = ClassIndex([], limit=2)

    assert index.codes(["a", "b", "c", "d", "a"]).tolist() == [0, 1, 2, 2, 0]


def test_asking_for_a_class_does_not_make_it() -> None:
    index = ClassIndex(["a"], limit=2)

    assert (index.find("b"), index.names) == (2, ["a"])

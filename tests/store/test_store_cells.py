import math
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.store import cells
from watchtower.store.schemas import ARROW, Type
from watchtower.table import Kind


@pytest.mark.parametrize(
    ("values", "kept", "kind"),
    [
        ([1, 2, None], [1, 2, None], Type.INTEGER),
        ([1, 1.5], [1.0, 1.5], Type.NUMBER),
        ([True, None], [True, None], Type.BOOLEAN),
        (["a", None], ["a", None], Type.TEXT),
        ([[1, 2.5], None], [[1.0, 2.5], None], Type.VECTOR),
        ([True, 2], [1.0, 2.0], Type.NUMBER),
        (["a", 1, True, 1.5, [1], {"x": None}], ["a", "1", "true", "1.5", "[1]", '{"x":null}'], Type.TEXT),
        ([1, 2**63], [1.0, 2.0**63], Type.NUMBER),
        ([10**400, 1], [math.inf, 1.0], Type.NUMBER),
        (["a", 2**60], ["a", "1152921504606846976"], Type.TEXT),
        (["a", math.nan, -math.inf, 1e300, 1e-7], ["a", "nan", "-inf", "1e+300", "1e-07"], Type.TEXT),
        (["\ud800", "b"], ["\\ud800", "b"], Type.TEXT),
        ([[1, "a"], [2]], ['[1,"a"]', "[2]"], Type.TEXT),
        ([["a"], ["b", "c"]], ['["a"]', '["b","c"]'], Type.TEXT),
        ([[[1.0]], None], ["[[1.0]]", None], Type.TEXT),
        ([{"a": 1}, None], ['{"a":1}', None], Type.TEXT),
        (np.array([1.5, 2.5], np.float32), [1.5, 2.5], Type.NUMBER),
        (np.array([1, 2], np.uint64), [1.0, 2.0], Type.NUMBER),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"], Type.TEXT),
    ],
)
def test_a_column_is_kept_as_its_values_are(values: Any, kept: list[object], kind: Type) -> None:
    array = cells.column(values)

    assert (array.to_pylist(), cells.type_of(array.type)) == (kept, kind)


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, 2], Kind.NUMBER, [1.0, 2.0]),
        ([1, 2], Kind.CATEGORY, ["1", "2"]),
        ([1.5], Kind.INTEGER, [1.5]),
        (["x"], Kind.NUMBER, ["x"]),
    ],
)
def test_a_kind_widens_what_was_found_and_never_narrows_it(
    values: list[object], kind: Kind, kept: list[object]
) -> None:
    assert cells.column(values, kind).to_pylist() == kept


def test_a_column_of_nothing_has_no_type() -> None:
    assert cells.type_of(cells.column([None, None]).type) is None


CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.lists(st.floats())


@settings(deadline=None)
@given(st.lists(CELL | st.lists(CELL) | st.dictionaries(st.text(), CELL)))
def test_no_cells_break_a_column(values: list[object]) -> None:
    array = cells.column(values)
    kind = cells.type_of(array.type)

    assert (len(array), array.null_count) == (len(values), values.count(None))
    assert pa.types.is_null(array.type) if kind is None else array.type == ARROW[kind]


def test_bytes_that_are_no_utf8_are_kept_as_an_escape() -> None:
    assert cells.fitted([b"a", b"\xff", None], Type.TEXT, 3).to_pylist() == ["a", "\\xff", None]


def test_one_value_stands_for_every_row() -> None:
    found = [
        cells.fitted(value, kind, 2).to_pylist()
        for value, kind in (("a", Type.WORD), (7, Type.INTEGER), (None, Type.TEXT))
    ]

    assert found == [["a", "a"], [7, 7], [None, None]]


def test_times_are_nanoseconds_when_they_come_and_microseconds_when_they_stay() -> None:
    assert cells.fitted([1_999], Type.TIMESTAMP, 1).cast(pa.int64()).to_pylist() == [1]

"""Protocols that say little of their JSON: TorchServe, none at all, and an operator's mapping."""

import math
from time import process_time
from typing import Any

import pytest
from asking import answer_fault, answered, cells, request_fault, requested

from watchtower.payload.fault import Fault
from watchtower.payload.generic import Json
from watchtower.payload.mapped import Mapped
from watchtower.payload.settings import ColumnSettings, MappingSettings
from watchtower.payload.torchserve import TorchServe
from watchtower.table import EMPTY, Kind

torchserve = TorchServe()
generic = Json()


def column(path: str, kind: Kind | None = None, name: str = "x") -> ColumnSettings:
    return ColumnSettings(name=name, path=path, kind=kind)


def found(document: Any, *columns: ColumnSettings, rows: str = "") -> list[list[object]]:
    return cells(requested(Mapped(MappingSettings(inputs=columns, input_rows=rows)), document))[1]


def brought(value: object, kind: Kind) -> object:
    return found({"a": value}, column("$.a", kind))[0][0]


def test_bytes_are_a_row_of_their_size() -> None:
    assert cells(requested(torchserve, b"\x89PNG1234", b"image/png")) == (("size",), [[8]])


def test_an_answer_that_is_no_json_is_a_text() -> None:
    assert cells(answered(torchserve, "größer als".encode(), b"text/plain")) == (("prediction",), [["größer als"]])


@pytest.mark.parametrize(("answer", "kind"), [(b"\x89PNG1234", b""), (b"PNG", b"image/png"), (b"[1, 2]", b"audio/wav")])
def test_an_answer_of_other_bytes_is_not_read(answer: bytes, kind: bytes) -> None:
    assert answer_fault(torchserve, answer, kind) is Fault.UNSUPPORTED


def test_json_beyond_our_limits_is_no_other_kind_of_bytes() -> None:
    assert request_fault(torchserve, b"[" * 1_000 + b"]" * 1_000, b"") is Fault.TOO_DEEP


def test_bytes_that_happen_to_be_json_are_read_unless_they_are_said_to_be_an_image() -> None:
    assert cells(requested(torchserve, b"[1, 2]", b"")) == (("0", "1"), [[1, 2]])
    assert cells(requested(torchserve, b"[1, 2]", b"image/png")) == (("size",), [[6]])


def test_what_is_said_to_be_json_has_to_be() -> None:
    assert request_fault(torchserve, b"<html>", b"application/json") is Fault.NOT_JSON


def test_the_most_likely_of_named_classes_is_the_label() -> None:
    likeliest = {"tabby": 0.5, "lynx": 0.25, "tiger cat": 0.0625, "remote": 0.03125, "plastic bag": 0.015625}

    assert cells(answered(torchserve, likeliest, b"")) == (
        ("prediction.label", "prediction.score"),
        [["tabby", 0.5]],
    )


@pytest.mark.parametrize(("negative", "positive"), [(0.25, 0.75), (0.75, 0.25), (0.5, 0.5)])
def test_shares_of_all_classes_have_a_label_in_whatever_order(negative: float, positive: float) -> None:
    likelier = "positive" if positive > negative else "negative"

    assert cells(answered(torchserve, {"negative": negative, "positive": positive}, b"")) == (
        ("prediction.label", "prediction.score"),
        [[likelier, max(negative, positive)]],
    )


@pytest.mark.parametrize(
    "document",
    [
        {"a": 0.25, "b": 0.5},
        {"score": 0.5, "uncertainty": 0.25},
        {"a": 0.0625, "b": 0.5, "c": 0.25, "d": 0.03125, "e": 0.015625},
        {"a": 0.9, "b": 0.8},
        {"a": 0.5},
        {"a": 1, "b": 0},
        {"a": 0.5, "b": -0.5},
        {"a": 0.5, "b": math.nan},
    ],
)
def test_an_object_that_is_no_list_of_likely_classes_has_its_keys(document: dict[str, float]) -> None:
    assert answered(torchserve, document, b"").names == tuple(document)


def test_envelopes_of_v1_are_opened() -> None:
    assert cells(requested(torchserve, {"instances": [[1], [2]]})) == (("0",), [[1], [2]])
    assert cells(answered(torchserve, {"predictions": [1, 2]})) == (("prediction",), [[1], [2]])


def test_an_object_is_a_row() -> None:
    assert cells(requested(generic, {"a": {"b": 1}})) == (("a.b",), [[1]])


def test_a_list_of_objects_is_rows() -> None:
    assert cells(requested(generic, [{"a": 1}, {"a": 2}])) == (("a",), [[1], [2]])


def test_a_list_of_scalars_is_one_row_when_asked_and_rows_when_answered() -> None:
    assert cells(requested(generic, [1, 2])) == (("0", "1"), [[1, 2]])
    assert cells(answered(generic, [1, 2])) == (("prediction",), [[1], [2]])


@pytest.mark.parametrize("value", [5, "a", True, None, 0.5])
def test_a_scalar_is_a_single_value(value: object) -> None:
    assert cells(requested(generic, value)) == (("0",), [[value]])
    assert cells(answered(generic, value)) == (("prediction",), [[value]])


def test_an_empty_list_has_no_rows() -> None:
    assert (answered(generic, []), requested(generic, {"a": []}).rows[0]) == (EMPTY, [[]])


def test_a_path_leads_to_a_column() -> None:
    assert found({"a": {"b": [5, 6]}}, column("$.a.b[1]"), column("$['a']['b'][-2]", name="y")) == [[6, 5]]


def test_a_path_that_leads_nowhere_is_missing() -> None:
    assert found({"a": 1, "l": []}, column("$.a"), column("$.b.c", name="y"), column("$.l[0]", name="z")) == [
        [1, None, None]
    ]


def test_each_match_is_a_row_and_a_single_one_stands_in_all() -> None:
    assert found({"v": [1, 2], "t": "x"}, column("$.v[*]"), column("$.t", name="y")) == [[1, "x"], [2, "x"]]


def test_columns_of_different_numbers_of_matches_are_a_mismatch() -> None:
    mapping = MappingSettings(outputs=(column("$.a[*]"), column("$.b[*]", name="y")))

    assert answer_fault(Mapped(mapping), {"a": [1, 2], "b": [1, 2, 3]}) is Fault.SHAPE_MISMATCH


def test_a_path_to_the_rows_makes_the_columns_begin_there() -> None:
    rows = found({"items": [{"a": 1}, {"b": 2}]}, column("$.a"), column("$.b", name="y"), rows="$.items[*]")

    assert rows == [[1, None], [None, 2]]


def test_several_matches_within_a_row_are_a_vector() -> None:
    assert found({"items": [{"p": [{"q": 1}, {"q": 2}]}]}, column("$.p[*].q"), rows="$.items[*]") == [[[1, 2]]]


def test_a_list_that_a_path_leads_to_is_a_vector() -> None:
    assert found({"e": [1, 2]}, column("$.e")) == [[[1, 2]]]


def test_filters_and_descents_are_followed() -> None:
    document = {"a": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}

    assert found(document, column("$.a[?@.k == 'y'].v"), column("$..k", name="k")) == [[2, "x"], [2, "y"]]


@pytest.mark.parametrize("rows", ["", "$..a"], ids=["columns", "rows"])
@pytest.mark.parametrize("value", ["x" * 400_000, [1.5] * 100_000], ids=["text", "vector"])
def test_a_descent_that_finds_a_long_value_at_each_level_is_refused(value: Any, rows: str) -> None:
    document = value
    for _ in range(50):
        document = {"a": document}
    mapping = MappingSettings(outputs=(column("$..a" if not rows else "$"),), output_rows=rows)

    assert answer_fault(Mapped(mapping), document) is Fault.TOO_LARGE


@pytest.mark.slow
def test_no_more_matches_are_looked_for_than_can_be_rows() -> None:
    body = b"[" + b",".join([b'{"a":1}'] * 900_000) + b"]"
    begun = process_time()

    assert (answer_fault(Mapped(MappingSettings(outputs=(column("$[*].a"),))), body), process_time() - begun < 4) == (
        Fault.TOO_MANY_ROWS,
        True,
    )


def test_rows_that_are_nowhere_are_none() -> None:
    assert requested(Mapped(MappingSettings(inputs=(column("$.a"),), input_rows="$.items[*]")), {}) is EMPTY


def test_a_side_without_columns_has_no_rows_and_still_a_document() -> None:
    assert answered(Mapped(MappingSettings()), {"a": 1}) is EMPTY


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("12.5", Kind.NUMBER, 12.5),
        ("x", Kind.NUMBER, "x"),
        (3, Kind.NUMBER, 3),
        ("12", Kind.INTEGER, 12),
        ("9007199254740993", Kind.INTEGER, 2**53 + 1),
        ("1_000", Kind.INTEGER, "1_000"),
        (2.0, Kind.INTEGER, 2),
        (2.5, Kind.INTEGER, 2.5),
        ("1e300", Kind.INTEGER, 1e300),
        ("true", Kind.BOOLEAN, True),
        (0, Kind.BOOLEAN, False),
        ("maybe", Kind.BOOLEAN, "maybe"),
        (7, Kind.CATEGORY, "7"),
        (True, Kind.CATEGORY, "true"),
        (math.inf, Kind.CATEGORY, math.inf),
        ("a", Kind.TEXT, "a"),
        ("2024-01-01T00:00:00Z", Kind.TIMESTAMP, "2024-01-01T00:00:00Z"),
        (None, Kind.NUMBER, None),
        ([1, 2], Kind.NUMBER, [1, 2]),
    ],
)
def test_a_value_is_brought_to_its_kind_where_it_can_be(value: object, kind: Kind, expected: object) -> None:
    result = brought(value, kind)

    assert (expected, type(expected)) == (result, type(result))


@pytest.mark.parametrize("path", ["$.[", "", "$.a[?", "$$", "a.b"])
def test_a_path_that_is_none_is_refused_by_name(path: str) -> None:
    with pytest.raises(ValueError, match="should be a JSONPath like"):
        Mapped(MappingSettings(inputs=(column(path),)))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two columns of the same name"):
        Mapped(MappingSettings(inputs=(column("$.a"), column("$.b"))))


@pytest.mark.parametrize(("value", "most"), [("a", 16_000), ([1.5], 900)], ids=["text", "vector"])
def test_a_long_value_that_would_stand_in_many_rows_is_refused(value: Any, most: int) -> None:
    of_each = MappingSettings(inputs=(ColumnSettings(name="a", path="$.a"), ColumnSettings(name="b", path="$.b[*]")))
    found = Mapped(of_each)
    rows = list(range(1_000))

    assert request_fault(found, {"a": value * 20_000, "b": rows}) is Fault.TOO_LARGE
    assert len(requested(found, {"a": value * most, "b": rows}).rows) == 1_000
    assert len(requested(found, {"a": value * 20_000, "b": [1]}).rows) == 1

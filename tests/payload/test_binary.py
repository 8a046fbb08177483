"""V2 with tensors behind the JSON."""

import json
import struct
from collections.abc import Sequence
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pytest
from asking import answer_fault, answered, cells, request_fault, requested
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import BY_NAME, CAPTURES
from test_contract import assert_rectangular, outcome

from watchtower.payload.binary import json_part
from watchtower.payload.fault import Fault
from watchtower.payload.message import Message
from watchtower.payload.v2 import V2
from watchtower.table import Table

v2 = V2()
STRUCTS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
MAX = 1_000_000


class Tensor(NamedTuple):
    name: str
    datatype: str
    shape: list[int]
    values: Sequence[Any]
    is_behind: bool = True

    @property
    def raw(self) -> bytes:
        if self.datatype == "BYTES":
            return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in self.values)
        return struct.pack(f"<{len(self.values)}{STRUCTS[self.datatype]}", *self.values)


def head(name: str, datatype: Any, shape: Any, size: Any, **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        "parameters": {"binary_data_size": size, **others},
    }


def body(*tensors: Tensor, key: str = "inputs", between: bytes = b"") -> bytes:
    """As Triton's client writes it."""
    heads: list[dict[str, Any]] = []
    for name, datatype, shape, values, is_behind in tensors:
        if is_behind:
            heads.append(head(name, datatype, shape, len(Tensor(name, datatype, shape, values).raw)))
        else:
            heads.append({"name": name, "datatype": datatype, "shape": shape, "data": list(values)})
    return json.dumps({key: heads}).encode() + between + b"".join(one.raw for one in tensors if one.is_behind)


def raw_body(datatype: Any, shape: list[int], data: bytes, size: Any = None) -> bytes:
    document = {"outputs": [head("x", datatype, shape, len(data) if size is None else size)]}
    return json.dumps(document).encode() + data


def column(datatype: str, count: int, data: bytes) -> list[object]:
    return [row[0] for row in answered(v2, raw_body(datatype, [count], data)).rows]


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("BOOL", b"\x01\x00\x02", [True, False, True]),
        ("UINT8", b"\x00\x7f\xff", [0, 127, 255]),
        ("INT8", b"\x00\x7f\xff", [0, 127, -1]),
        ("UINT16", b"\x01\x00\xff\xff", [1, 65535]),
        ("INT16", b"\x01\x00\xff\xff", [1, -1]),
        ("UINT32", b"\x01\x00\x00\x00\xff\xff\xff\xff", [1, 2**32 - 1]),
        ("INT32", b"\x01\x00\x00\x00\xff\xff\xff\xff", [1, -1]),
        ("INT64", b"\x01" + bytes(7) + b"\xff" * 8, [1, -1]),
        ("FP16", b"\x00\x3c\x00\xc0", [1.0, -2.0]),
        ("BF16", b"\x80\x3f\x00\xc0", [1.0, -2.0]),
        ("FP32", b"\x00\x00\x80\x3f\x00\x00\x00\xc0", [1.0, -2.0]),
        ("FP64", bytes(6) + b"\xf0\x3f" + bytes(7) + b"\xc0", [1.0, -2.0]),
        ("BYTES", b"\x02\x00\x00\x00ab\x00\x00\x00\x00\x02\x00\x00\x00\xc3\xa4", ["ab", "", "ä"]),
    ],
)
def test_values_of_each_datatype_are_little_endian(datatype: str, data: bytes, expected: list[Any]) -> None:
    found = column(datatype, len(expected), data)

    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_an_unsigned_integer_beyond_64_bits_with_a_sign_is_a_float() -> None:
    assert str(column("UINT64", 2, b"\x01" + bytes(7) + b"\xff" * 8)) == "[1, 1.8446744073709552e+19]"


def test_infinities_and_what_is_no_number_are_read() -> None:
    assert str(column("FP32", 3, struct.pack("<3f", float("nan"), float("inf"), float("-inf")))) == "[nan, inf, -inf]"


def test_elements_that_are_no_text_are_their_base64() -> None:
    assert column("BYTES", 2, b"\x02\x00\x00\x00\x89P\x01\x00\x00\x00a") == ["iVA=", "a"]


def test_features_behind_and_within_the_json_stand_side_by_side() -> None:
    asked = body(
        Tensor("a", "FP32", [2, 2], [1, 2, 3, 4]),
        Tensor("b", "INT64", [2], [5, 6], is_behind=False),
        Tensor("c", "BYTES", [2, 1], ["x", "y"]),
    )

    assert cells(requested(v2, asked)) == (("a.0", "a.1", "b", "c"), [[1, 2, 5, "x"], [3, 4, 6, "y"]])


def test_an_answer_is_row_major() -> None:
    given = body(Tensor("x", "INT8", [2, 1, 3], [1, 2, 3, 4, 5, 6]), key="outputs")

    assert cells(answered(v2, given)) == (("x",), [[[1, 2, 3]], [[4, 5, 6]]])


def test_probabilities_have_a_label_and_a_score() -> None:
    given = body(Tensor("x", "FP32", [1, 3], [0.25, 0.5, 0.25]), key="outputs")

    assert cells(answered(v2, given)) == (("x", "x.label", "x.score"), [[[0.25, 0.5, 0.25], "1", 0.5]])


def test_a_tensor_of_no_rows_has_none() -> None:
    assert answered(v2, body(Tensor("x", "FP32", [0, 3], []), Tensor("y", "BYTES", [0], []), key="outputs")).rows == []


def test_the_document_is_the_one_that_has_its_data_in_the_json() -> None:
    given = body(Tensor("x", "FP64", [2], [1.5, 2.5]), Tensor("y", "BYTES", [2], ["a", "b"]), key="outputs")

    assert v2.answer(given, Message(b"/", status=200)).document == {
        "outputs": [
            {"name": "x", "datatype": "FP64", "shape": [2], "data": [1.5, 2.5]},
            {"name": "y", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
        ]
    }


def test_other_parameters_stay_in_the_document() -> None:
    given = json.dumps({"outputs": [head("x", "INT8", [1], 1, content_type="np")]}).encode() + b"\x05"

    assert v2.answer(given, Message(b"/", status=200)).document == {
        "outputs": [{"name": "x", "datatype": "INT8", "shape": [1], "parameters": {"content_type": "np"}, "data": [5]}]
    }


@pytest.mark.parametrize("data", [b'}"{', b'""\\', b'{"a', b" \n\t ", b',"binary_data_size":9}', b"\xff\x00,"])
def test_bytes_that_look_like_json_are_values_all_the_same(data: bytes) -> None:
    assert column("UINT8", len(data), data) == list(data)


@pytest.mark.parametrize("name", ['"', "}", '\\"}', "\\", "ä{", '"binary_data_size"'])
def test_a_name_that_looks_like_the_end_is_a_name_all_the_same(name: str) -> None:
    given = body(Tensor(name, "UINT8", [2], [1, 2]), key="outputs")

    assert cells(answered(v2, given)) == ((name,), [[1], [2]])


def test_blanks_may_follow_the_json() -> None:
    given = body(Tensor("x", "UINT8", [2], [32, 10]), key="outputs", between=b" \r\n")

    assert cells(answered(v2, given)) == (("x",), [[32], [10]])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (raw_body("FP32", [2], bytes(7)), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(12)), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(8), 4), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(8), 12), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(8), 2**62), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(8), 0), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2**40, 2**40], bytes(8)), Fault.TOO_MANY_ROWS),
        (raw_body("BYTES", [1], b"\x05\x00\x00\x00abc"), Fault.SHAPE_MISMATCH),
        (raw_body("BYTES", [1], b"\xff\xff\xff\xffabc"), Fault.SHAPE_MISMATCH),
        (raw_body("BYTES", [1], b"\x00\x00"), Fault.SHAPE_MISMATCH),
        (raw_body("BYTES", [1], bytes(8)), Fault.SHAPE_MISMATCH),
        (raw_body("FP32", [2], bytes(8), -8), Fault.WRONG_SHAPE),
        (raw_body("FP32", [2], bytes(8), "8"), Fault.WRONG_SHAPE),
        (raw_body("FP32", [2], bytes(8), 8.0), Fault.WRONG_SHAPE),
        (raw_body("FP32", [2], bytes(8), 2**70), Fault.WRONG_SHAPE),
        (raw_body("BOOL", [1], bytes(1), True), Fault.WRONG_SHAPE),
        (raw_body("FP8", [2], bytes(8)), Fault.UNSUPPORTED),
        (raw_body(["FP32"], [2], bytes(8)), Fault.UNSUPPORTED),
        (raw_body("FP32", [2], bytes(8))[1:], Fault.NOT_JSON),
        (b'{"outputs": "binary_data_size"', Fault.NOT_JSON),
        (b'["binary_data_size"]\x00', Fault.NOT_JSON),
        (b'{"outputs": "binary_data_size"}\x00', Fault.SHAPE_MISMATCH),
        (b'{"binary_data_size": 1}', Fault.WRONG_SHAPE),
    ],
)
def test_what_does_not_fit_is_named(given: bytes, fault: Fault) -> None:
    assert answer_fault(v2, given) is fault


def test_data_both_in_the_json_and_behind_it_is_the_wrong_shape() -> None:
    tensor = {**head("x", "UINT8", [1], 1), "data": [5]}

    assert request_fault(v2, json.dumps({"inputs": [tensor]}).encode() + b"\x05") is Fault.WRONG_SHAPE


def test_a_tensor_in_shared_memory_beside_one_behind_the_json_is_unsupported() -> None:
    shared = {"name": "y", "datatype": "UINT8", "shape": [1], "parameters": {"shared_memory_region": "r"}}
    given = json.dumps({"inputs": [head("x", "UINT8", [1], 1), shared]}).encode() + b"\x05"

    assert request_fault(v2, given) is Fault.UNSUPPORTED


@pytest.mark.parametrize(
    ("datatype", "data"), [("BOOL", bytes(MAX + 1)), ("FP16", bytes(2 * MAX + 2)), ("BYTES", bytes(4 * MAX + 4))]
)
def test_more_values_than_are_read_are_refused_before_they_are_made(datatype: str, data: bytes) -> None:
    assert answer_fault(v2, raw_body(datatype, [1, MAX + 1], data)) is Fault.TOO_MANY_CELLS


def test_values_of_several_tensors_count_together() -> None:
    tensors = [Tensor(name, "UINT8", [1, MAX // 2 + 1], bytes(MAX // 2 + 1)) for name in "ab"]

    assert answer_fault(v2, body(*tensors, key="outputs")) is Fault.TOO_MANY_CELLS


@pytest.mark.parametrize("unit", [b"{", b'"', b'\\"', b'"\\"', b"{}", b'{"', b"["])
def test_an_end_that_never_comes_is_looked_for_in_a_bounded_time(unit: bytes) -> None:
    given = b'{"binary_data_size": ' + unit * (4 * 2**20 // len(unit))
    begun = process_time()
    found = outcome(v2.answer, given, Message(b"/", status=200))

    assert isinstance(found, Fault)
    assert process_time() - begun < 2.0


@pytest.mark.parametrize(
    "case", [case for case in CAPTURES if case.name in {"kserve_binary", "kserve_mixed"}], ids=repr
)
def test_a_recorded_body_that_is_cut_anywhere_is_a_fault(case: Any) -> None:
    found = {
        outcome(case.adapter.request, case.request[:end], case.request_message) for end in range(len(case.request))
    }

    assert {Fault.NOT_JSON, Fault.EMPTY, Fault.SHAPE_MISMATCH} >= found


@pytest.mark.parametrize("name", ["kserve_binary", "kserve_mixed"])
def test_servers_answer_the_same_whichever_way_they_are_asked(name: str) -> None:
    found = {case.name: case.adapter.answer(case.answer, case.answer_message).table for case in CAPTURES}
    of_json: list[Any] = [row[0] for row in found["kserve_v2"].rows]
    at = found[name].names.index("probabilities")
    of_bytes: list[Any] = [row[at] for row in found[name].rows]

    np.testing.assert_allclose(of_bytes, of_json, rtol=1e-12)


def test_what_tritons_client_writes_of_each_datatype_is_read() -> None:
    case = BY_NAME["triton_client"]
    rows = case.adapter.request(case.request, case.request_message).table.rows

    assert list(map(list, rows)) == [
        [True, -1, -1, 1, 0.5, float(np.float32(0.1)), 0.1, 0.5, "a"],
        [False, 2, 2**62, 2.0**64, 1.0, 1.0, 1.0, 1.0, "ä"],
        [True, 3, 3, 3, 2.0, 2.0, 2.0, -2.0, "/wA="],
    ]


def test_the_json_in_front_is_known_without_what_follows() -> None:
    given = body(Tensor("x", "UINT8", [2], [123, 125]))

    assert json_part(given) == given[:-2]
    assert json_part(b'{"instances": [1]} x') == b'{"instances": [1]} x'


NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    **{f"INT{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32)},
    "UINT64": st.integers(0, 2**63 - 1),
    "FP16": st.floats(width=16, allow_nan=False),
    "FP32": st.floats(width=32, allow_nan=False),
    "FP64": st.floats(allow_nan=False),
    "BYTES": st.text(max_size=6),
}


@st.composite
def tensors(draw: st.DrawFn) -> list[Tensor]:
    rows = draw(st.integers(0, 4))
    found: list[Tensor] = []
    for name in draw(st.lists(st.text(max_size=4), min_size=1, max_size=4, unique=True)):
        datatype = draw(st.sampled_from(sorted(NUMBERS)))
        shape = [rows, *draw(st.lists(st.integers(0, 3), max_size=2))]
        count = int(np.prod(shape))
        values = draw(st.lists(NUMBERS[datatype], min_size=count, max_size=count))
        found.append(Tensor(name, datatype, shape, values, draw(st.booleans())))
    return found


@given(given=tensors(), between=st.text(" \r\n\t", max_size=3))
@settings(max_examples=300)
@pytest.mark.slow
def test_what_is_written_behind_the_json_is_read_as_what_is_written_in_it(given: list[Tensor], between: str) -> None:
    within = body(*(one._replace(is_behind=False) for one in given), key="outputs")
    behind = body(*given, key="outputs", between=between.encode())
    message = Message(b"/", status=200)
    one, other = v2.answer(within, message), v2.answer(behind, message)

    assert (cells(one.table), one.document) == (cells(other.table), other.document)
    assert_rectangular(other.table)


@given(given=tensors(), change=st.binary(max_size=4), place=st.floats(0, 1), length=st.integers(0, 8))
@settings(max_examples=300)
@pytest.mark.slow
def test_any_change_of_it_is_a_table_or_a_fault(given: list[Tensor], change: bytes, place: float, length: int) -> None:
    whole = body(*given, key="outputs")
    at = round(place * len(whole))
    found = outcome(v2.answer, whole[:at] + change + whole[at + length :], Message(b"/", status=200))

    if isinstance(found, Table):
        assert_rectangular(found)

from typing import Any

import pytest
from asking import answered, cells, request_fault, requested

from watchtower.payload.fault import Fault
from watchtower.payload.v2 import V2

v2 = V2()


def tensor(shape: Any, data: Any, datatype: Any = "FP32", name: Any = "x") -> dict[str, Any]:
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]}


def column(shape: list[int], data: list[Any], datatype: str = "FP32") -> list[object]:
    """Of an answer: a request's table of features is several columns."""
    outputs = tensor(shape, data, datatype)["inputs"]
    return [row[0] for row in answered(v2, {"outputs": outputs}).rows]


def test_a_requests_rows_and_columns_are_features() -> None:
    table = requested(v2, tensor([2, 3], [1, 2, None, 4, 5, 6]))

    assert cells(table) == (("x.0", "x.1", "x.2"), [[1, 2, None], [4, 5, 6]])


def test_a_requests_wide_tensor_is_a_vector() -> None:
    table = requested(v2, tensor([1, 257], list(range(257))))

    assert cells(table) == (("x",), [[list(range(257))]])


def test_features_beside_a_column_are_rows_together() -> None:
    body = {"inputs": [*tensor([2, 2], [1, 2, 3, 4])["inputs"], *tensor([2], ["a", "b"], "BYTES", "y")["inputs"]]}

    assert cells(requested(v2, body)) == (("x.0", "x.1", "y"), [[1, 2, "a"], [3, 4, "b"]])


def test_the_first_dimension_is_the_rows() -> None:
    assert column([3], [1.5, 2.5, 3.5]) == [1.5, 2.5, 3.5]


def test_further_dimensions_are_a_vector_row_by_row() -> None:
    assert column([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]) == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_nested_data_are_the_same_as_flat_ones() -> None:
    assert column([2, 2, 2], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]) == column([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])


def test_data_may_be_nested_otherwise_than_the_shape_says_where_the_count_is_right() -> None:
    assert column([2, 2], [[1, 2, 3, 4]]) == [[1, 2], [3, 4]]


def test_dimensions_of_one_make_no_vector() -> None:
    assert column([2, 1, 1], [1, 2]) == [1, 2]


def test_a_tensor_without_dimensions_is_a_row() -> None:
    assert column([], [7]) == [7]


def test_a_tensor_of_no_rows_has_none() -> None:
    assert column([0, 4], []) == []


def test_rows_of_no_values_are_empty_vectors() -> None:
    assert column([2, 0], []) == [[], []]


def test_booleans_come_as_such_or_as_numbers() -> None:
    assert column([4], [True, 0, 1, None], "BOOL") == [True, False, True, None]


def test_bytes_are_texts() -> None:
    assert column([2, 1], ["a", "b"], "BYTES") == ["a", "b"]


def test_several_texts_a_row_are_their_json() -> None:
    assert column([1, 2], ["a", "b"], "BYTES") == ['["a","b"]']


def test_missing_values_are_missing_and_within_a_vector_nan() -> None:
    assert str(column([1], [None]) + column([1, 2], [1.5, None])) == "[None, [1.5, nan]]"


def test_tensors_are_columns_in_their_order() -> None:
    body = {"inputs": [*tensor([2], [1, 2], name="b")["inputs"], *tensor([2], ["x", "y"], "BYTES", "a")["inputs"]]}

    assert cells(requested(v2, body)) == (("b", "a"), [[1, "x"], [2, "y"]])


def test_a_tensor_of_one_row_stands_in_every_row() -> None:
    tensors = [
        *tensor([2, 2], [1, 2, 3, 4], name="boxes")["inputs"],
        *tensor([1], [2], "INT64", "count")["inputs"],
        *tensor([], [0.5], name="threshold")["inputs"],
    ]

    assert cells(answered(v2, {"outputs": tensors})) == (
        ("boxes", "count", "threshold"),
        [[[1, 2], 2, 0.5], [[3, 4], 2, 0.5]],
    )
    assert cells(requested(v2, {"inputs": tensors})) == (
        ("boxes.0", "boxes.1", "count", "threshold"),
        [[1, 2, 2, 0.5], [3, 4, 2, 0.5]],
    )


def test_beside_no_rows_one_is_none() -> None:
    tensors = [*tensor([0, 4], [], name="boxes")["inputs"], *tensor([1], [0], "INT64", "count")["inputs"]]

    assert cells(answered(v2, {"outputs": tensors})) == (("boxes", "count"), [])


def test_tensors_that_differ_in_their_first_dimension_are_one_row() -> None:
    tensors = [
        *tensor([3, 2], [1, 2, 3, 4, 5, 6], name="boxes")["inputs"],
        *tensor([2], ["cat", "dog"], "BYTES", "kinds")["inputs"],
        *tensor([1], [3], "INT64", "count")["inputs"],
        *tensor([0, 4], [], name="masks")["inputs"],
    ]
    names, row = ("boxes", "kinds", "count", "masks"), [[1, 2, 3, 4, 5, 6], '["cat","dog"]', 3, []]

    assert cells(requested(v2, {"inputs": tensors})) == (names, [row])
    assert cells(answered(v2, {"outputs": tensors})) == (names, [row])


@pytest.mark.parametrize("many", [1, 100])
def test_long_values_that_would_stand_in_many_rows_are_refused(many: int) -> None:
    texts = [tensor([1], ["a" * (2_000_000 // many)], "BYTES", f"x{at}")["inputs"][0] for at in range(many)]
    rows = tensor([10], list(range(10)), name="y")["inputs"]

    assert request_fault(v2, {"inputs": [*texts, *rows]}) is Fault.TOO_LARGE
    assert len(requested(v2, {"inputs": texts}).rows) == 1


def test_a_row_that_stands_in_too_many_is_refused() -> None:
    tensors = [*tensor([1, 200], [1] * 200)["inputs"], *tensor([100_000], [1] * 100_000, name="y")["inputs"]]

    assert request_fault(v2, {"inputs": tensors}) is Fault.TOO_MANY_CELLS


def test_a_shape_that_is_not_its_datas_is_a_fault_without_a_batch_as_well() -> None:
    body = {"inputs": [*tensor([2], [1, 2], name="b")["inputs"], *tensor([3], [1, 2])["inputs"]]}

    assert request_fault(v2, body) is Fault.SHAPE_MISMATCH


@pytest.mark.parametrize(
    ("shape", "data"),
    [([2], [1]), ([2, 3], [1, 2, 3]), ([1], []), ([2, 2], [[1, 2], [3]]), ([2, 2], [[1, 2], 3]), ([10**15], [1])],
)
def test_a_shape_that_is_not_its_datas_is_a_fault(shape: list[int], data: list[Any]) -> None:
    assert request_fault(v2, tensor(shape, data)) in {Fault.SHAPE_MISMATCH, Fault.TOO_MANY_ROWS}


@pytest.mark.parametrize(
    ("datatype", "value"), [("FP32", "a"), ("INT64", 1.5), ("BYTES", 1), ("BOOL", "x"), ("FP64", {})]
)
def test_a_value_that_is_not_of_the_datatype_is_the_wrong_type(datatype: str, value: Any) -> None:
    assert request_fault(v2, tensor([1], [value], datatype)) is Fault.WRONG_TYPE


@pytest.mark.parametrize(
    "shape", [None, 3, ["a"], [-1], [1.5], [True], [10**9] * 100_000], ids=lambda shape: str(shape)[:9]
)
def test_a_shape_that_is_none_is_the_wrong_shape(shape: Any) -> None:
    assert request_fault(v2, tensor(shape, [1])) is Fault.WRONG_SHAPE


@pytest.mark.parametrize("name", [None, 3, ["a"]])
def test_a_tensor_without_a_name_is_the_wrong_shape(name: Any) -> None:
    assert request_fault(v2, tensor([1], [1], name=name)) is Fault.WRONG_SHAPE


def test_two_tensors_of_one_name_are_the_wrong_shape() -> None:
    assert request_fault(v2, {"inputs": tensor([1], [1])["inputs"] * 2}) is Fault.WRONG_SHAPE


@pytest.mark.parametrize("datatype", ["FP8", None, ["FP32"]])
def test_a_datatype_that_the_protocol_does_not_have_is_named_so(datatype: Any) -> None:
    assert request_fault(v2, tensor([1], [1], datatype)) is Fault.UNSUPPORTED


def test_data_in_shared_memory_are_named_as_unsupported() -> None:
    body = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"shared_memory_region": "r"}}]}

    assert request_fault(v2, body) is Fault.UNSUPPORTED


def test_an_unsigned_integer_of_64_bits_is_read() -> None:
    assert column([1], [2**64 - 1], "UINT64") == [float(2**64)]


def test_probabilities_have_a_label_and_a_score() -> None:
    body = {"outputs": tensor([1, 3], [0.25, 0.5, 0.25])["inputs"]}

    assert cells(answered(v2, body)) == (("x", "x.label", "x.score"), [[[0.25, 0.5, 0.25], "1", 0.5]])

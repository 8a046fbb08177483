import pytest
from asking import JSON, answer_fault, answered, cells, request_fault, requested

from watchtower.payload.fault import Fault
from watchtower.payload.message import Message
from watchtower.payload.v1 import V1
from watchtower.table import EMPTY

v1 = V1()


def test_a_row_that_is_a_list_has_its_positions_as_names() -> None:
    assert cells(requested(v1, {"instances": [[1, "a"], [2, None]]})) == (("0", "1"), [[1, "a"], [2, None]])


def test_rows_of_scalars_are_the_parsed_lists_themselves() -> None:
    found = v1.request(b'{"instances": [[1, 2]]}', Message(b"/x", JSON))

    assert found.table.rows is found.document["instances"]  # type: ignore[index]


def test_a_row_that_is_a_scalar_is_the_first_column() -> None:
    assert cells(requested(v1, {"instances": [1.5, 2.5]})) == (("0",), [[1.5], [2.5]])


def test_rows_that_are_objects_have_the_keys_of_all_of_them() -> None:
    found = requested(v1, {"instances": [{"a": 1}, {"b": True, "a": 2}]})

    assert cells(found) == (("a", "b"), [[1, None], [2, True]])


def test_keys_in_another_order_are_the_same_columns() -> None:
    assert cells(requested(v1, {"instances": [{"a": 1, "b": 2}, {"b": 3, "a": 4}]})) == (("a", "b"), [[1, 2], [4, 3]])


def test_objects_within_a_row_have_dotted_names() -> None:
    found = requested(v1, {"instances": [{"a": {"b": 1, "c": {"d": "x"}}, "e": {}}]})

    assert cells(found) == (("a.b", "a.c.d", "e"), [[1, "x", None]])


def test_a_list_of_numbers_is_a_vector() -> None:
    assert cells(requested(v1, {"instances": [{"a": [1, 2.5]}]})) == (("a",), [[[1, 2.5]]])


def test_nested_lists_of_unlike_lengths_are_no_vector() -> None:
    """[1, 2, 3], [4] would be the same as [1, 2], [3, 4]."""
    assert cells(answered(v1, {"predictions": [[[1, 2, 3], [4]]]}))[1] == [["[[1,2,3],[4]]"]]


def test_nested_lists_of_numbers_are_one_vector_row_by_row() -> None:
    assert cells(requested(v1, {"instances": [{"a": [[1, 2], [3, 4]]}]})) == (("a",), [[[1, 2, 3, 4]]])


def test_a_missing_number_within_a_vector_is_nan() -> None:
    assert str(requested(v1, {"instances": [{"a": [1, None, True]}]}).rows[0][0]) == "[1, nan, 1]"


def test_a_list_that_holds_more_than_numbers_is_its_json() -> None:
    assert cells(requested(v1, {"instances": [{"a": ["x", {"y": 1}]}]})) == (("a",), [['["x",{"y":1}]']])


def test_no_instances_are_no_rows() -> None:
    assert requested(v1, {"instances": []}) is EMPTY


def test_rows_of_different_lengths_are_a_mismatch() -> None:
    assert request_fault(v1, {"instances": [[1, 2], [3]]}) is Fault.SHAPE_MISMATCH


def test_rows_of_different_types_are_the_wrong_shape() -> None:
    assert request_fault(v1, {"instances": [{"a": 1}, [1]]}) is Fault.WRONG_SHAPE


def test_columns_are_turned_into_rows() -> None:
    assert cells(requested(v1, {"inputs": {"a": [1, 2], "b": ["x", "y"]}})) == (("a", "b"), [[1, "x"], [2, "y"]])


def test_columns_of_different_lengths_are_a_mismatch() -> None:
    assert request_fault(v1, {"inputs": {"a": [1, 2], "b": [1]}}) is Fault.SHAPE_MISMATCH


def test_inputs_without_names_are_rows() -> None:
    assert cells(requested(v1, {"inputs": [[1, 2], [3, 4]]})) == (("0", "1"), [[1, 2], [3, 4]])


def test_a_scalar_answer_is_the_prediction() -> None:
    assert cells(answered(v1, {"predictions": [0.5, None]})) == (("prediction",), [[0.5], [None]])


def test_an_answer_that_is_a_list_is_one_vector() -> None:
    assert cells(answered(v1, {"predictions": [[1.5, 2], [3, 4]]})) == (("prediction",), [[[1.5, 2]], [[3, 4]]])


def test_answers_of_one_number_each_are_these_numbers() -> None:
    assert cells(answered(v1, {"predictions": [[0.25], [[3]]]})) == (("prediction",), [[0.25], [[3]]])
    assert cells(answered(v1, {"predictions": [[0.25], [3]]})) == (("prediction",), [[0.25], [3]])


def test_rankings_of_different_lengths_are_vectors_still() -> None:
    assert cells(answered(v1, {"predictions": [[7], [9, 8]]})) == (("prediction",), [[[7]], [[9, 8]]])


def test_an_answer_that_is_an_object_has_its_keys() -> None:
    found = answered(v1, {"predictions": [{"label": "a", "by": {"x": 1}}]})

    assert cells(found) == (("label", "by.x"), [["a", 1]])


def test_an_answer_without_predictions_is_the_wrong_shape() -> None:
    assert answer_fault(v1, {"error": "no such model"}) is Fault.WRONG_SHAPE


def test_a_name_that_is_too_long_is_refused() -> None:
    assert request_fault(v1, {"instances": [{"a" * 300: 1}]}) is Fault.TOO_WIDE


def test_names_that_grow_too_long_by_nesting_are_refused() -> None:
    assert request_fault(v1, {"instances": [{"a" * 200: {"b" * 200: 1}}]}) is Fault.TOO_WIDE


def test_probabilities_take_their_labels_from_the_configured_classes() -> None:
    found = answered(V1(("no", "yes")), {"predictions": [[0.25, 0.75]]})

    assert cells(found) == (
        ("prediction", "prediction.label", "prediction.score"),
        [[[0.25, 0.75], "yes", 0.75]],
    )


def test_explanations_are_no_predictions() -> None:
    assert cells(answered(v1, {"explanations": [[0.5, -1.5]]})) == (("explanation",), [[[0.5, -1.5]]])
    assert cells(answered(v1, {"explanations": [{"age": 0.5}]})) == (("age",), [[0.5]])


def test_an_explain_call_that_predicts_has_predictions() -> None:
    assert cells(answered(v1, {"predictions": [1], "explanations": [[0.5]]})) == (("prediction",), [[1]])


@pytest.mark.parametrize(
    "row",
    [1.5, "a", [1.5, 2.5], [1.5], [["a"]], {"a": 1}],
    ids=["number", "text", "vector", "number in a list", "text in lists", "object"],
)
def test_a_row_of_a_batch_without_an_answer_leaves_the_others_unharmed(row: object) -> None:
    whole = [list(each) for each in answered(v1, {"predictions": [row]}).rows]

    assert cells(answered(v1, {"predictions": [None, row]}))[1] == [[None], *whole]
    assert cells(answered(v1, {"predictions": [row, None]}))[1] == [*whole, [None]]

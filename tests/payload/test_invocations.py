"""MLflow and SageMaker, whose servers share a path: frames, CSV and lines of JSON."""

import pytest
from asking import answer_fault, answered, cells, request_fault, requested

from watchtower.payload.fault import Fault
from watchtower.payload.mlflow import MLflow
from watchtower.payload.sagemaker import SageMaker
from watchtower.payload.separated import has_header, value

mlflow = MLflow()
sagemaker = SageMaker()
CSV = b"text/csv; charset=utf-8"
LINES = b"application/jsonlines"


def test_a_split_frame_has_its_columns_names() -> None:
    body = {"dataframe_split": {"columns": ["a", "b"], "index": [5], "data": [[1, None]]}}

    assert cells(requested(mlflow, body)) == (("a", "b"), [[1, None]])


def test_a_split_frame_without_names_has_positions() -> None:
    assert cells(requested(mlflow, {"dataframe_split": {"data": [[1, 2]]}})) == (("0", "1"), [[1, 2]])


def test_a_split_frame_whose_columns_are_numbered_has_them_as_names() -> None:
    assert cells(requested(mlflow, {"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}})) == (
        ("0", "1"),
        [[1, 2]],
    )


def test_a_split_frame_whose_rows_are_not_as_wide_as_its_columns_is_a_mismatch() -> None:
    assert request_fault(mlflow, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}) is Fault.SHAPE_MISMATCH


def test_a_split_frame_that_has_a_name_twice_is_the_wrong_shape() -> None:
    assert request_fault(mlflow, {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}) is Fault.WRONG_SHAPE


def test_frames_of_the_first_version_are_read() -> None:
    assert cells(requested(mlflow, {"columns": ["a"], "data": [[1]]})) == (("a",), [[1]])
    assert cells(requested(mlflow, [{"a": 1}])) == (("a",), [[1]])


def test_a_text_as_input_is_a_row() -> None:
    assert cells(requested(mlflow, {"inputs": "What is it?"})) == (("0",), [["What is it?"]])


def test_inputs_of_scalars_by_name_are_a_row() -> None:
    assert cells(requested(mlflow, {"inputs": {"a": 1, "b": [2, 3]}})) == (("a", "b"), [[1, [2, 3]]])


def test_a_bare_list_is_an_answer_of_the_first_version() -> None:
    assert cells(answered(mlflow, [1.5, 2.5])) == (("prediction",), [[1.5], [2.5]])


def test_an_answer_that_is_a_split_frame_has_its_columns() -> None:
    assert cells(answered(mlflow, {"predictions": {"columns": ["y"], "data": [[1]]}})) == (("y",), [[1]])


def test_csv_has_a_header_for_mlflow_and_none_for_sagemaker() -> None:
    body = b"a,b\n1,2\n"

    assert cells(requested(mlflow, body, CSV)) == (("a", "b"), [[1, 2]])
    assert cells(requested(sagemaker, body, CSV)) == (("0", "1"), [["a", "b"], [1, 2]])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_on_any_system(end: bytes) -> None:
    assert cells(requested(sagemaker, b"1,2" + end + end + b"3,4" + end, CSV)) == (("0", "1"), [[1, 2], [3, 4]])


def test_a_quoted_cell_holds_commas_quotes_and_ends_of_lines() -> None:
    assert cells(requested(mlflow, b'a,b\n"x, ""y""\nz",2\n', CSV)) == (("a", "b"), [['x, "y"\nz', 2]])


def test_no_other_character_ends_a_line() -> None:
    assert cells(requested(sagemaker, "a\u2028b\x0bc,1".encode(), CSV)) == (("0", "1"), [["a\u2028b\x0bc", 1]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("12", 12),
        ("-12", -12),
        ("+7", 7),
        ("007", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (" 4 ", 4),
        ("inf", float("inf")),
        ("1_000", "1_000"),
        ("true", "true"),
        ("1234567890123456789", 1234567890123456789),
        ("9" * 19, 1e19),
        ("9" * 20, 1e20),
        ("9" * 5_000, float("inf")),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_a_cell_is_what_it_reads_as(text: str, expected: object) -> None:
    found = value(text)

    assert (expected, type(expected)) == (found, type(found))


def test_nan_in_csv_is_one() -> None:
    assert str(value("nan")) == "nan"


def test_rows_of_different_widths_are_a_mismatch() -> None:
    assert request_fault(sagemaker, b"1,2\n3\n", CSV) is Fault.SHAPE_MISMATCH


@pytest.mark.parametrize("body", [b'a,b\n"1,2', b'a\n"1"2\n', b"a\n" + b"x" * 200_000])
def test_what_is_no_csv_is_named_so(body: bytes) -> None:
    assert request_fault(mlflow, body, CSV) is Fault.NOT_CSV


def test_csv_that_is_no_utf8_is_named_so() -> None:
    assert request_fault(sagemaker, b"caf\xe9,1", CSV) is Fault.BAD_UTF8


def test_csv_of_too_many_columns_is_too_wide() -> None:
    assert request_fault(sagemaker, b",".join([b"1"] * 2_001), CSV) is Fault.TOO_WIDE


def test_a_header_alone_has_no_rows() -> None:
    assert requested(mlflow, b"a,b\n", CSV).rows == ()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a,b\n1,2", True),
        (b"a,b", False),
        (b"a,1\n2,3", False),
        (b"a,a\n1,2", False),
        (b"a,\n1,2", False),
        (b",a,b\n0,1,2", True),
        (b",\n0,1", False),
        (b'""\n0', False),
        (b"", False),
        (b"\n\n", False),
        (b'"1","2"\n"3","4"\n', False),
        (b'"a","b, c"\r\n1,2', True),
        (b'"a\nb",c\n1,2', True),
        (b'"a\nb",c\n', False),
        (b"age,plan\r1,gold\r", True),
        (b'a,b\n"' + b"x" * 100_000 + b'",2', True),
        (b'"a"b,c\n1,2', False),
    ],
)
def test_a_header_is_of_names_and_has_a_line_behind_it(body: bytes, expected: bool) -> None:
    assert has_header(body) is expected


def test_lines_of_json_are_a_row_each() -> None:
    assert cells(requested(sagemaker, b'{"a": 1}\n\n{"a": 2}\r\n', LINES)) == (("a",), [[1], [2]])


def test_a_line_that_is_no_json_spoils_the_body() -> None:
    assert request_fault(sagemaker, b'{"a": 1}\n{"a"', LINES) is Fault.NOT_JSON


def test_a_csv_answer_is_a_row_a_line_and_a_vector_where_a_line_has_several() -> None:
    assert cells(answered(sagemaker, b"1.5\n2\n", CSV)) == (("prediction",), [[1.5], [2]])
    assert cells(answered(sagemaker, b"1.5,2\n3,4\n", CSV)) == (("prediction",), [[[1.5, 2]], [[3, 4]]])


def test_a_csv_answer_is_known_by_its_body_where_the_type_says_json() -> None:
    assert cells(answered(sagemaker, b"0.25\n", b"application/json")) == (("prediction",), [[0.25]])


def test_json_behind_a_byte_order_mark_is_json() -> None:
    body = b'\xef\xbb\xbf{"instances": [[1, 2]]}'

    assert cells(requested(sagemaker, body)) == (("0", "1"), [[1, 2]])
    assert cells(answered(sagemaker, b'\xef\xbb\xbf{"predictions": [0.25]}')) == (("prediction",), [[0.25]])


def test_features_without_instances_are_a_row() -> None:
    assert cells(requested(sagemaker, {"features": [1, 2]})) == (("features.0", "features.1"), [[1, 2]])


def test_features_are_columns_and_do_not_hide_in_a_vector() -> None:
    rows = {"instances": [{"features": [1.5, "a"]}, {"features": [None, "b"]}]}

    assert cells(requested(sagemaker, rows)) == (("features.0", "features.1"), [[1.5, "a"], [None, "b"]])


@pytest.mark.parametrize(
    "lists", [[[]], [[1.5, 2.5], [1.5]], [list(range(257))]], ids=["none", "of unlike lengths", "an embedding"]
)
def test_features_that_are_no_columns_are_a_vector(lists: list[list[float]]) -> None:
    rows = {"instances": [{"features": each} for each in lists]}

    assert cells(requested(sagemaker, rows)) == (("features",), [[each] for each in lists])


def test_features_beside_another_key_are_a_vector() -> None:
    assert requested(sagemaker, {"instances": [{"features": [1, 2], "id": 7}]}).names == ("features", "id")


@pytest.mark.parametrize("kind", [b"application/x-recordio-protobuf", b"application/x-npy"])
def test_binary_rows_are_named_as_unsupported(kind: bytes) -> None:
    assert request_fault(sagemaker, b"\x0a\x0b", kind) is Fault.UNSUPPORTED
    assert answer_fault(sagemaker, b"\x0a\x0b", kind) is Fault.UNSUPPORTED


def test_lines_of_events_are_no_rows() -> None:
    assert answer_fault(sagemaker, b'data: {"token": "a"}\n\ndata: [DONE]\n', b"text/event-stream") is Fault.UNSUPPORTED

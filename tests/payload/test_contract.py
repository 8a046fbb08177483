"""What every protocol's adapter keeps to: recorded bodies are their tables, and whatever else is sent is a `PayloadError`."""

import json
from collections.abc import Callable, Iterator
from time import process_time

import pytest
from recorded import CAPTURES, ORDERS, RECORDED, Recorded

from watchtower.payload.adapter import Adapter
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.registry import ADAPTERS, adapter
from watchtower.table import EMPTY, Table

# All of them, for each protocol, on a machine that is busy with other things.
PATIENCE_S = 2.0

BAD: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n ",
    "no JSON": b"Internal Server Error",
    "half of a document": b'{"instances": [[1, 2',
    "invalid UTF-8": b'{"instances": [["\xff\xfe"]], "inputs": 1}',
    "an image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "nesting of 1,000": b"[" * 1_000 + b"]" * 1_000,
    "nesting of 200": b'{"instances":' + b"[" * 200 + b"]" * 200 + b"}",
    "nesting of a million": b"[" * 1_000_000,
    "objects nested 1,000 deep": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "null": b"null",
    "a number": b"17",
    "an empty object": b"{}",
    "an object of nothing known": b'{"colour": "red"}',
    "instances that are a number": b'{"instances": 5, "inputs": 5, "predictions": null, "outputs": 5, "data": 5}',
    "rows of different types": b'{"instances": [[1], {"a": 1}, 3], "predictions": [1, {"a": 1}]}',
    "ragged rows": b'{"instances": [[1, 2], [3]], "predictions": [[1, 2], [3]]}',
    "two columns, two lengths": b'{"inputs": {"a": [1, 2], "b": [1]}, "outputs": {"a": [1, 2], "b": [1]}}',
    "tensors that are numbers": b'{"inputs": [1], "outputs": [null], "choices": [1], "data": [2]}',
    "a stream of nothing": b"data: 1\n\ndata: [DONE]\n\n",
    "a stream that is cut": b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\ndata: {"cho',
    "a CSV of two widths": b"a,b\n1,2\n3\n",
    "a quote that never closes": b'a,b\n"1,2\n' * 3 + b'"',
}
WIDE = json.dumps([{f"c{number}": number for number in range(10_000)}])
LONG = "[" + ",".join(["[1]"] * 100_001) + "]"
UNLIKE = "[" + json.dumps({f"c{number}": 1 for number in range(2_000)}) + ",{}" * 90_000 + "]"
LARGE: dict[str, tuple[str, str]] = {
    # For each the member that holds the rows in a request and in an answer.
    "v1": ("instances", "predictions"),
    "mlflow": ("dataframe_records", "predictions"),
    "sagemaker": ("instances", "predictions"),
    "torchserve": ("instances", "predictions"),
}
ODD_NUMBERS = b"[[NaN, -Infinity, 1e400, 123456789012345678901234567890, 18446744073709551616, 1]]"
TYPES = (b"application/json", b"text/csv", b"text/event-stream", b"application/jsonlines", b"image/png", b"", b"; =")

Ask = Callable[[bytes, Message], Decoded]


def made(name: str) -> Adapter:
    return adapter(name, ORDERS if name == "mapped" else None)


def sides(name: str) -> Iterator[Ask]:
    yield made(name).request
    yield made(name).answer


def outcome(ask: Ask, body: bytes, message: Message) -> Table | Fault:
    try:
        return ask(body, message).table
    except PayloadError as error:
        return error.fault


def complaint(ask: Ask, body: bytes, message: Message) -> str:
    try:
        ask(body, message)
    except PayloadError as error:
        return str(error)
    return ""


def assert_rectangular(table: Table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert {len(table.names)} >= set(map(len, table.rows))
    assert all(type(name) is str for name in table.names)
    kinds = {type(value) for row in table.rows for value in row}
    assert kinds <= {int, float, str, bool, type(None), list}


@pytest.mark.parametrize("case", RECORDED, ids=repr)
def test_a_recorded_request_is_its_rows(case: Recorded) -> None:
    table = case.adapter.request(case.request, case.request_message).table

    assert (case.inputs, case.asked) == (table.names, len(table.rows))
    assert_rectangular(table)


@pytest.mark.parametrize("case", RECORDED, ids=repr)
def test_a_recorded_answer_is_its_rows(case: Recorded) -> None:
    table = case.adapter.answer(case.answer, case.answer_message).table

    assert (case.outputs, case.answered) == (table.names, len(table.rows))
    assert_rectangular(table)


@pytest.mark.parametrize("case", [case for case in CAPTURES if case.protocol in {"v1", "v2", "mlflow"}], ids=repr)
def test_the_same_flowers_are_of_the_same_kinds_whichever_server_is_asked(case: Recorded) -> None:
    request = case.adapter.request(case.request, case.request_message).table
    answer = case.adapter.answer(case.answer, case.answer_message).table
    said = next((name for name in answer.names if name.endswith(".label")), answer.names[0])

    assert [list(row) for row in request.rows] == [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
    assert [str(row[answer.names.index(said)]) for row in answer.rows] == ["0", "2", "1"]


def test_every_protocol_has_a_recorded_body() -> None:
    assert set(ADAPTERS) == {case.protocol for case in RECORDED}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_bears_the_name_that_it_is_asked_for_by(name: str) -> None:
    assert name == made(name).name


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("name", ADAPTERS)
def test_what_does_not_fit_is_a_fault_or_a_table_and_never_anything_else(name: str, what: str) -> None:
    for ask in sides(name):
        for kind in TYPES:
            found = outcome(ask, BAD[what], Message(b"/score", kind, 200, 1, 2, 3))
            if isinstance(found, Table):
                assert_rectangular(found)


@pytest.mark.parametrize("name", ADAPTERS)
def test_all_that_does_not_fit_is_seen_not_to_in_a_bounded_time(name: str) -> None:
    begun = process_time()
    for body in BAD.values():
        for ask in sides(name):
            outcome(ask, body, Message(b"/score", b"application/json", 200))

    assert process_time() - begun < PATIENCE_S


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "mapped"])
def test_json_that_is_cut_at_any_byte_is_a_fault(name: str) -> None:
    case = next(case for case in RECORDED if case.protocol == name and case.request_type == b"application/json")
    body = case.request.rstrip()
    found = {outcome(case.adapter.request, body[:end], case.request_message) for end in range(len(body))}

    assert {Fault.NOT_JSON, Fault.EMPTY} >= found


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_said_to_be_json_and_nests_too_deep_is_named_so(name: str) -> None:
    for ask in sides(name):
        for what in ("nesting of 1,000", "nesting of 200", "nesting of a million", "objects nested 1,000 deep"):
            assert outcome(ask, BAD[what], Message(b"/", b"application/json", 200)) is Fault.TOO_DEEP


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_said_to_be_json_and_is_no_utf8_is_named_so(name: str) -> None:
    for ask in sides(name):
        found = outcome(ask, BAD["invalid UTF-8"], Message(b"/", b"application/json", 200))

        assert found is Fault.BAD_UTF8


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize(
    ("rows", "fault"),
    [(WIDE, Fault.TOO_WIDE), (LONG, Fault.TOO_MANY_ROWS), (UNLIKE, Fault.TOO_MANY_CELLS)],
    ids=["10,000 columns", "100,001 rows", "rows that share no columns"],
)
@pytest.mark.slow
def test_too_much_of_anything_is_named_as_what_it_is_too_much_of(name: str, rows: str, fault: Fault) -> None:
    for ask, key in zip(sides(name), LARGE[name], strict=True):
        assert outcome(ask, f'{{"{key}": {rows}}}'.encode(), Message(b"/", b"application/json", 200)) is fault


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("unit", [b"{},", b"1,", b"[],"])
def test_a_million_values_of_almost_nothing_are_refused_before_they_are_made(name: str, unit: bytes) -> None:
    body = b"[" + unit * 1_000_001 + b"1]"
    for ask in sides(name):
        assert outcome(ask, body, Message(b"/", b"application/json", 200)) is Fault.TOO_MANY_CELLS


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("sagemaker", b"text/csv", b"\n"),
        ("sagemaker", b"text/csv", b"1\r"),
        ("sagemaker", b"application/jsonlines", b"1\n"),
        ("openai", b"text/event-stream", b"data:\n\n"),
        ("openai", b"text/event-stream", b":\r\r"),
    ],
)
def test_lines_of_almost_nothing_are_refused_before_they_are_made(name: str, kind: bytes, line: bytes) -> None:
    assert outcome(made(name).answer, line * 300_001, Message(b"/", kind, 200)) is Fault.TOO_MANY_ROWS


@pytest.mark.parametrize("name", ["v1", "mlflow", "sagemaker", "torchserve"])
def test_numbers_that_json_or_64_bits_do_not_have_are_floats(name: str) -> None:
    body = b'{"instances": ' + ODD_NUMBERS + b"}"
    row = made(name).request(body, Message(b"/", b"application/json")).table.rows[0]

    assert repr([float("nan"), float("-inf"), float("inf"), 123456789012345678901234567890.0, 2.0**64, 1]) == repr(row)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("body", [b"upstream timed out", b'{"error": "no such model"}', b"", b"\xff", b"[" * 999])
def test_an_answer_that_tells_of_an_error_holds_no_rows_and_is_no_fault(name: str, body: bytes) -> None:
    assert made(name).answer(body, Message(b"/", b"application/json", 503)).table is EMPTY


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_document_of_an_error_is_kept_for_comparing(name: str) -> None:
    found = made(name).answer(b'{"error": "no such model"}', Message(b"/", b"application/json", 404))

    assert found.document == {"error": "no such model"}


@pytest.mark.parametrize("name", ADAPTERS)
def test_no_error_tells_anything_of_the_body(name: str) -> None:
    for ask in sides(name):
        for body in (b'{"secret":', b'"secret"', b'{"secret": ["secret", 1]}', b"secret\x00\xff", b'"secret\nsecret,1'):
            for kind in TYPES:
                assert "secret" not in complaint(ask, body, Message(b"/secret", kind))


def test_a_name_that_no_protocol_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"'v3' should be one of v1, v2, mlflow, sagemaker"):
        adapter("v3")

"""Hypothesis on every adapter: random JSON, random bytes and recorded bodies with a change become a table or a fault."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import BY_NAME, JSON, ORDERS, RECORDED
from test_contract import assert_rectangular, outcome

from watchtower.payload.adapter import Adapter
from watchtower.payload.message import Message
from watchtower.payload.recognise import recognise
from watchtower.payload.registry import ADAPTERS, adapter
from watchtower.table import Table

EACH = {name: adapter(name, ORDERS if name == "mapped" else None) for name in ADAPTERS}
# Words that the protocols know, so that random objects often come close to being right.
WORDS = st.sampled_from(
    [
        "instances",
        "inputs",
        "outputs",
        "predictions",
        "results",
        "examples",
        "dataframe_split",
        "dataframe_records",
        "columns",
        "data",
        "index",
        "name",
        "shape",
        "datatype",
        "parameters",
        "binary_data_size",
        "choices",
        "message",
        "delta",
        "content",
        "text",
        "finish_reason",
        "tool_calls",
        "usage",
        "prompt",
        "messages",
        "input",
        "output",
        "embedding",
        "type",
        "stream",
        "orders",
        "scores",
        "sku",
        "price",
        "features",
        "error",
        "prompt_tokens",
        "completion_tokens",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["FP32", "INT64", "BYTES", "BOOL", "message", "response.completed", "AAAA"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=4)
TYPES = st.sampled_from([JSON, b"", b"text/csv", b"application/jsonlines", b"text/event-stream", b"image/png"])
MESSAGES = st.builds(
    Message,
    st.just(b"/x"),
    TYPES,
    st.sampled_from([0, 200, 500]),
    st.integers(-1, 10**12),
    st.integers(-1, 10**12),
    st.integers(0, 100),
)
CASES = st.sampled_from(RECORDED)
ADAPTER_NAMES = st.sampled_from(ADAPTERS)


def assert_kept(found: Adapter, body: bytes, message: Message) -> None:
    for ask in (found.request, found.answer):
        table = outcome(ask, body, message)
        if isinstance(table, Table):
            assert_rectangular(table)
            # What is stored and compared later must be writable: no half surrogates, no integer beyond 64 bits.
            msgspec.msgpack.encode(list(map(list, table.rows)))


@given(name=ADAPTER_NAMES, document=VALUES | OBJECTS, message=MESSAGES)
@settings(max_examples=300)
@pytest.mark.slow
def test_any_json_is_a_table_or_a_fault(name: str, document: Any, message: Message) -> None:
    assert_kept(EACH[name], json.dumps(document).encode(), message)


@given(
    name=ADAPTER_NAMES, documents=st.lists(OBJECTS, max_size=4), end=st.sampled_from(["\n\n", "\r\n\r\n", "\n", "\r"])
)
@settings(max_examples=200)
@pytest.mark.slow
def test_any_events_are_a_table_or_a_fault(name: str, documents: list[Any], end: str) -> None:
    body = "".join(f"data: {json.dumps(document)}{end}" for document in documents) + "data: [DONE]\n\n"

    assert_kept(EACH[name], body.encode(), Message(b"/x", b"text/event-stream", 200, 5, 9, 3))


@given(name=ADAPTER_NAMES, body=st.binary(max_size=200), message=MESSAGES)
@settings(max_examples=200)
@pytest.mark.slow
def test_any_bytes_are_a_table_or_a_fault(name: str, body: bytes, message: Message) -> None:
    assert_kept(EACH[name], body, message)


@given(
    case=CASES,
    change=st.binary(max_size=3)
    | st.sampled_from([b"NaN", b"null", b"[]", b"{}", b'""', b"1e999", b"[[", b"\n", b","]),
    place=st.floats(0, 1),
    length=st.integers(0, 8),
)
@settings(max_examples=500)
@pytest.mark.slow
def test_a_recorded_body_with_a_change_is_a_table_or_a_fault(
    case: Any, change: bytes, place: float, length: int
) -> None:
    for body, message in ((case.request, case.request_message), (case.answer, case.answer_message)):
        at = round(place * len(body))

        assert_kept(EACH[case.protocol], body[:at] + change + body[at + length :], message)


@given(case=CASES, value=SCALARS | st.just([]) | st.just({}), number=st.integers(0, 1_000))
@settings(max_examples=300)
@pytest.mark.slow
def test_a_recorded_document_with_another_value_somewhere_is_a_table_or_a_fault(
    case: Any, value: Any, number: int
) -> None:
    for body, message in ((case.request, case.request_message), (case.answer, case.answer_message)):
        if message.media_type == JSON:
            changed = replaced(json.loads(body), value, number)

            assert_kept(EACH[case.protocol], json.dumps(changed).encode(), message)


@given(
    target=st.binary(max_size=40), kind=TYPES, request=st.binary(max_size=50) | OBJECTS, answer=st.binary(max_size=50)
)
@settings(max_examples=200)
@pytest.mark.slow
def test_anything_at_all_is_taken_for_some_protocol(target: bytes, kind: bytes, request: Any, answer: bytes) -> None:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    found = recognise(target, kind, body, answer)

    assert (found.name in ADAPTERS, found.why != "") == (True, True)


def replaced(document: Any, value: Any, number: int) -> Any:
    """The document with the value in one of its places, the number saying which."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        container = waiting.pop()
        keys = (
            container.keys()
            if isinstance(container, dict)
            else range(len(container))
            if isinstance(container, list)
            else ()
        )
        places += [(container, key) for key in keys]
        waiting += [container[key] for key in keys]
    if not places:
        return value
    container, key = places[number % len(places)]
    container[key] = value
    return document


def test_a_place_to_replace_is_found_in_a_recorded_document() -> None:
    document = json.loads(BY_NAME["kserve_v1_lists"].request)

    assert replaced(document, "new", 0) == {"instances": "new"}

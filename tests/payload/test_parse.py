"""What senders write that JSON does not have, and what becomes of it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_DEPTH
from watchtower.payload.parse import parsed, parsed_if_json


def fault(body: bytes) -> Fault:
    with pytest.raises(PayloadError) as caught:
        parsed(body)
    return caught.value.fault


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def objects(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_nan_and_infinities_as_python_writes_them_are_floats() -> None:
    nan, infinity, least = parsed(b"[NaN, Infinity, -Infinity]")

    assert (True, math.inf, -math.inf) == (math.isnan(nan), infinity, least)


def test_a_number_beyond_a_double_is_infinite() -> None:
    assert parsed(b"[1e400, -1e400]") == [math.inf, -math.inf]


def test_a_number_too_small_for_a_double_is_zero() -> None:
    assert parsed(b"[1e-400]") == [0.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"9223372036854775807", 9223372036854775807),
        (b"-9223372036854775808", -9223372036854775808),
        (b"9223372036854775808", 9223372036854775808.0),
        (b"-9223372036854775809", -9223372036854775808.0),
        (b"18446744073709551616", 18446744073709551616.0),
        (b"123456789012345678901234567890", 123456789012345678901234567890.0),
        (b"1" * 400, math.inf),
        (b"-" + b"1" * 400, -math.inf),
        (b"1" * 5_000, math.inf),
    ],
)
@pytest.mark.parametrize("more", [b"", b", NaN"], ids=["first reading", "second reading"])
def test_an_integer_beyond_64_bits_becomes_a_float(text: bytes, value: float, more: bytes) -> None:
    found = parsed(b"[" + text + more + b"]")[0]

    assert (value, type(value)) == (found, type(found))


def test_an_integer_beyond_64_bits_is_found_at_any_depth() -> None:
    assert parsed(b'{"a": [{"b": 99999999999999999999}]}') == {"a": [{"b": 1e20}]}


def test_digits_in_a_text_stay_a_text() -> None:
    assert parsed(b'["99999999999999999999"]') == ["99999999999999999999"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "a": Infinity}',
        b'[{"b": [{"a": 1, "c": {}, "a": {"d": 0}}]}]',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": {"b": 1, "c": 2}, "a": 123456789012345678901234567890}',
    ],
)
def test_of_an_object_in_which_a_key_stands_twice_nobody_knows_what_it_says(body: bytes) -> None:
    assert fault(body) is Fault.DUPLICATE_KEY


@pytest.mark.parametrize(
    "document",
    [
        [{"a": 1, "b": 2}, {"a": 1, "b": 2}],
        {'say ":': '":":', '":': '":', '\\":': '\\":'},
        {"": {"": {"": 0}}},
        {"é": "ü", "/": "</", "\t": "\u2028\x7f"},
        {"a": 2**70, "b": -(2**70), "c": 1e308},
    ],
)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_no_other_object_is_taken_for_one_of_those(document: Any, is_ascii: bool) -> None:
    for blanks in (None, (" ,  ", ":"), (",", ": "), (",", " : ")):
        assert parsed(json.dumps(document, ensure_ascii=is_ascii, separators=blanks).encode()) == document


@given(
    st.recursive(
        st.floats(allow_nan=False) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_document_is_taken_for_one_of_those(document: Any) -> None:
    assert parsed(json.dumps(document).encode()) is not None


@pytest.mark.parametrize("made", [nested, objects])
def test_the_deepest_document_is_read(made: Any) -> None:
    assert parsed(made(MAX_DEPTH)) is not None


@pytest.mark.parametrize("made", [nested, objects])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 1_000, 5_000])
def test_what_is_deeper_is_refused_however_deep(made: Any, levels: int) -> None:
    assert fault(made(levels)) is Fault.TOO_DEEP


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 5_000])
def test_what_is_deeper_is_refused_by_the_second_reading_too(levels: int) -> None:
    assert fault(b"[NaN," + nested(levels) + b"]") is Fault.TOO_DEEP


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parsed(b"[" + b",".join([b"[]"] * 1_000) + b"]") == [[]] * 1_000


def test_brackets_in_a_text_are_not_deep() -> None:
    assert parsed(b'["' + b"[" * 1_000 + b'"]') == ["[" * 1_000]


@pytest.mark.parametrize(
    "body", [b'"\xff"', b'{"a": \xff}', b'["\xed\xa0\x80"]', b'["\xc0\xaf"]', b"\xff\xfe[\x001\x00]\x00"]
)
def test_what_is_no_utf8_is_named_so(body: bytes) -> None:
    assert fault(body) is Fault.BAD_UTF8


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert parsed(rb'{"\ud800": ["\udc00x", "\ud83d\ude00"]}') == {"\ufffd": ["\ufffdx", "\U0001f600"]}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parsed(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_nothing_is_named_so(body: bytes) -> None:
    assert fault(body) is Fault.EMPTY


@pytest.mark.parametrize(
    "body", [b"[1,]", b"{'a': 1}", b"[01]", b"1 2", b"nan", b"[", b'{"a"}', b"<html>", b'["a\nb"]']
)
def test_what_is_no_json_is_named_so(body: bytes) -> None:
    assert fault(body) is Fault.NOT_JSON


def test_an_error_answer_that_is_no_json_is_nothing() -> None:
    assert parsed_if_json(b"upstream connect error") is None

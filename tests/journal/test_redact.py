import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.journal.redact import MAX_DECODED, REDACTED, Redacted, Redactor, compile_paths, is_secret_header
from watchtower.record import BodyNote

JSON = b"application/json"
UNREADABLE = Redacted(b"", BodyNote.UNREADABLE, b"")


def redacted(value: Any, *paths: str) -> Any:
    """What is left of a JSON value."""
    return json.loads(Redactor(paths).apply(json.dumps(value).encode(), JSON, b"", whole=True).body)


def apply(body: bytes, content_type: bytes = JSON, encoding: bytes = b"", *, whole: bool = True) -> Redacted:
    return Redactor(["$..ssn"]).apply(body, content_type, encoding, whole=whole)


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        ("$.ssn", {"ssn": "1", "x": 2}, {"ssn": REDACTED, "x": 2}),
        ("$.ssn", {"x": {"ssn": "1"}}, {"x": {"ssn": "1"}}),
        ("$.a.b", {"a": {"b": {"c": 1}}, "b": 2}, {"a": {"b": REDACTED}, "b": 2}),
        ("$.items[*].name", {"items": [{"name": 1}, {"x": 2}, 3]}, {"items": [{"name": REDACTED}, {"x": 2}, 3]}),
        ("$.items[0].x", {"items": [{"x": 1}, {"x": 2}]}, {"items": [{"x": REDACTED}, {"x": 2}]}),
        ("$.items[7]", {"items": [1]}, {"items": [1]}),
        ("$..email", {"a": [{"email": 1}], "email": {"email": 2}}, {"a": [{"email": REDACTED}], "email": REDACTED}),
        ("$.a..b", {"b": 1, "a": {"c": {"b": 2}}}, {"b": 1, "a": {"c": {"b": REDACTED}}}),
        ("$..[0]", {"a": [1, [2, 3]]}, {"a": [REDACTED, [REDACTED, 3]]}),
        ("$['odd name']", {"odd name": 1}, {"odd name": REDACTED}),
        ('$["it\'s"].x', {"it's": {"x": 1}}, {"it's": {"x": REDACTED}}),
        ("$..['odd name']", [{"odd name": 1}], [{"odd name": REDACTED}]),
        ("$.*", {"a": 1, "b": [2]}, {"a": REDACTED, "b": REDACTED}),
        ("$[*]", [1, 2], [REDACTED, REDACTED]),
        ("$.größe", {"größe": 1}, {"größe": REDACTED}),
        ("$.user-id", {"user-id": 1}, {"user-id": REDACTED}),
    ],
)
def test_a_path_names_values(path: str, value: Any, left: Any) -> None:
    assert redacted(value, path) == left


@pytest.mark.parametrize(
    "path",
    [
        *("", "$", "ssn", "$ssn", "$.", "$..", "$.a.", "$.a b", "$.0", " $.a", "$.a ", "$....a", "$.a..b..c"),
        *("$[", "$[]", "$[a]", "$[-1]", "$[0:2]", "$[?(@.x)]", "$['']", "$.a[0", "$['a\\'b']"),
    ],
)
def test_what_is_no_path_is_refused_with_what_would_be_right(path: str) -> None:
    with pytest.raises(ValueError, match=r"should be a path like \$\.name"):
        compile_paths([path])


def test_several_paths_are_all_replaced() -> None:
    assert redacted({"a": 1, "b": 2, "c": 3}, "$.a", "$.b") == {"a": REDACTED, "b": REDACTED, "c": 3}


@pytest.mark.parametrize(
    ("path", "body", "kept"),
    [
        ("$..ssn", b'{"user": {"ssn": "123"}, "user": {"age": 4}}', b'{"user":{"age":4}}'),
        ("$.a.b", b'{"a": {"b": "123"}, "a": 1}', b'{"a":1}'),
        ("$.ssn.last", b'{"ssn": {"last": "123"}, "ssn": {}}', b'{"ssn":{}}'),
        ("$.*[0]", b'{"a": ["123"], "a": []}', b'{"a":[]}'),
        ("$..ssn", rb'{"user": {"\u0073sn": "123"}, "user": 1}', b'{"user":1}'),
        ("$..['a/b']", rb'{"user": {"a\/b": "123"}, "user": 1}', b'{"user":1}'),
        ("""$..['a"b']""", rb'{"user": {"a\"b": "123"}, "user": 1}', b'{"user":1}'),
        ("$..größe", '{"user": {"größe": "123"}, "user": 1}'.encode(), b'{"user":1}'),
    ],
)
def test_nothing_private_is_kept_under_the_first_of_two_equal_keys(path: str, body: bytes, kept: bytes) -> None:
    assert Redactor([path]).apply(body, JSON, b"", whole=True).body == kept


def test_a_text_in_which_no_private_key_stands_is_kept_as_it_was_sent() -> None:
    body = b'{"user": 1, "user": 2.50}'

    assert apply(body) == (body, BodyNote.WHOLE, b"")


def test_a_changed_body_is_redacted() -> None:
    assert apply(b'{"ssn":"1","x":0.1}') == (b'{"ssn":"<redacted>","x":0.1}', BodyNote.REDACTED, b"")


def test_a_body_that_holds_nothing_private_is_kept_as_it_was_sent() -> None:
    body = b'{ "x" : 1E2, "y": 12345678901234567890 }'

    assert apply(body) == (body, BodyNote.WHOLE, b"")


def test_an_escaped_name_is_found() -> None:
    assert apply(rb'{"\u0073sn":1}').body == b'{"ssn":"<redacted>"}'


def test_every_value_of_a_repeated_name_is_gone() -> None:
    assert b"secret" not in apply(b'{"ssn":"secret","ssn":"secret"}').body


def test_without_paths_a_body_passes_untouched() -> None:
    assert Redactor([]).apply(b"\xff", b"", b"br", whole=True) == (b"\xff", BodyNote.WHOLE, b"br")


def test_without_paths_a_cut_body_is_cut() -> None:
    assert Redactor([]).apply(b"\xff", b"", b"br", whole=False) == (b"\xff", BodyNote.CUT, b"br")


def test_no_body_is_none() -> None:
    assert apply(b"") == (b"", BodyNote.NONE, b"")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"ssn=123", b"application/x-www-form-urlencoded"),
        (b"my ssn is 123", b"text/plain"),
        (b'{"ssn": 1', JSON),
        (b'{"ssn": NaN}', JSON),
        (b'{"a":1}{"ssn":2}', JSON),
        ('{"ssn":"ä"}'.encode("utf-16"), JSON),
        (b'{"ssn":"\xff"}', JSON),
        (b'{"a":1}\n{"ssn":', b"application/x-ndjson"),
        (b"data: {oops}\n\n", b"text/event-stream"),
        (b"ssn 123\n\n", b"text/event-stream"),
        (b"\n", JSON),
        (b'{"ssn":"1","parameters":{"binary_data_size":3}}ssn', b"application/octet-stream"),
        (b'{"parameters":{"binary_data_size":4}}\nssn', b"application/octet-stream"),
    ],
)
def test_a_body_that_is_not_understood_is_not_kept(body: bytes, content_type: bytes) -> None:
    assert apply(body, content_type) == UNREADABLE


def test_a_cut_body_is_not_kept() -> None:
    assert apply(b'{"x":1}', whole=False) == UNREADABLE


@pytest.mark.parametrize("depth", [100_000, 1_000_000])
def test_a_body_that_is_nested_too_deeply_is_not_kept(depth: int) -> None:
    assert apply(b"[" * depth + b"]" * depth) == UNREADABLE


def test_json_of_any_declared_type_is_understood() -> None:
    assert apply(b'{"ssn":1}', b"text/plain").note == BodyNote.REDACTED


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"GZIP", b"deflate"])
def test_a_changed_body_is_kept_decoded(encoding: bytes) -> None:
    text = b'{"ssn":1}'
    body = zlib.compress(text) if encoding == b"deflate" else gzip.compress(text)

    assert apply(body, JSON, encoding) == (b'{"ssn":"<redacted>"}', BodyNote.REDACTED, b"")


def test_deflate_without_its_frame_is_understood() -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflater.compress(b'{"ssn":1}') + deflater.flush()

    assert apply(body, JSON, b"deflate").note == BodyNote.REDACTED


def test_an_encoded_body_that_holds_nothing_private_is_kept_as_it_was_sent() -> None:
    body = gzip.compress(b'{"x":1}')

    assert apply(body, JSON, b"gzip") == (body, BodyNote.WHOLE, b"gzip")


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"compress"])
def test_an_encoding_that_is_not_read_is_not_kept(encoding: bytes) -> None:
    assert apply(b'{"x":1}', JSON, encoding) == (b"", BodyNote.UNREADABLE, encoding)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":1}',
        gzip.compress(b'{"x":1}')[:-1],
        gzip.compress(b'{"x":1}') + b"more",
        gzip.compress(b" " * MAX_DECODED + b"1"),
    ],
    ids=["not gzip", "cut", "followed by more", "bomb"],
)
def test_gzip_that_does_not_hold_what_it_should_is_not_kept(body: bytes) -> None:
    assert apply(body, JSON, b"gzip") == (b"", BodyNote.UNREADABLE, b"gzip")


def test_gzip_up_to_the_limit_is_understood() -> None:
    body = gzip.compress(b" " * (MAX_DECODED - 1) + b"1")

    assert apply(body, JSON, b"gzip").note == BodyNote.WHOLE


def test_lines_of_json_are_redacted_one_by_one() -> None:
    body = b'{"ssn":1}\r\n\n{"x": 2}\n'

    assert apply(body, b"application/x-ndjson").body == b'{"ssn":"<redacted>"}\n{"x": 2}\n'


def test_lines_that_hold_nothing_private_are_kept_as_they_were_sent() -> None:
    body = b'{"x": 1}\r\n\n{"x": 2}'

    assert apply(body, b"application/x-ndjson") == (body, BodyNote.WHOLE, b"")


def test_events_are_redacted_one_by_one() -> None:
    body = b'event: part\nid: 7\ndata: {"ssn":1}\n\ndata: {"x": 2}\n\ndata: [DONE]\n\n'
    expected = b'event: part\nid: 7\ndata: {"ssn":"<redacted>"}\n\ndata: {"x": 2}\n\ndata: [DONE]\n\n'

    assert apply(body, b"text/event-stream; charset=utf-8").body == expected


def test_an_event_in_several_lines_is_one_text() -> None:
    assert apply(b'data: {"ssn":\ndata: 1}\n\n', b"text/event-stream").body == b'data: {"ssn":"<redacted>"}\n\n'


def test_an_event_without_its_last_line_is_understood() -> None:
    assert apply(b'data:{"ssn":1}', b"text/event-stream").note == BodyNote.REDACTED


def test_comments_between_events_are_left_out() -> None:
    assert apply(b': ssn 123\n\ndata: {"x":1}\n\n', b"text/event-stream").body == b'\ndata: {"x":1}\n\n'


def test_events_that_hold_nothing_private_are_kept_as_they_were_sent() -> None:
    body = b'data:{"x":1}\r\n\r\ndata: [DONE]\r\n\r\n'

    assert apply(body, b"text/event-stream") == (body, BodyNote.WHOLE, b"")


@pytest.mark.parametrize("name", [b"authorization", b"Cookie", b"SET-COOKIE", b"x-api-key", b"Api-Key"])
def test_a_secret_header_is_known_in_any_case(name: bytes) -> None:
    assert is_secret_header(name)


@pytest.mark.parametrize("name", [b"user-agent", b"content-type", b"x-request-id", b"cookies"])
def test_another_header_is_no_secret(name: bytes) -> None:
    assert not is_secret_header(name)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ssn", "a", "b"]), inner, max_size=3),
)


def without_ssn(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if key == "ssn" else without_ssn(inner) for key, inner in value.items()}
    return [without_ssn(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.slow
@given(values)
def test_a_deep_path_replaces_every_value_of_its_name_and_nothing_else(value: Any) -> None:
    assert redacted(value, "$..ssn") == without_ssn(value)


@given(st.binary(max_size=200), st.sampled_from([JSON, b"text/event-stream", b""]), st.sampled_from([b"", b"gzip"]))
def test_any_body_is_kept_or_not_and_nothing_else(body: bytes, content_type: bytes, encoding: bytes) -> None:
    assert apply(body, content_type, encoding).note in BodyNote


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        compile_paths([text, "$" + text])
    except ValueError as error:
        assert "should be a path like" in str(error)  # noqa: PT017  both ends are fine

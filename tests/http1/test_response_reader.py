"""A stream of answers reads the same however it is cut, and nothing but answers or a broken connection comes of any bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.http1.fields import response_rules
from watchtower.http1.heads import AnswerTable
from watchtower.http1.response import Answer
from watchtower.http1.response_reader import ResponseReader

RULES = response_rules()


@dataclass(frozen=True)
class Seen:
    """All that a reader says of an answer, with the white space around values left out."""

    status: int
    first: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    has_body: bool
    is_chunked: bool
    ends_with_connection: bool
    length: int | None
    body: bytes
    trailers: tuple[bytes, ...]
    is_complete: bool


@dataclass(frozen=True)
class End:
    """What can be said of the connection."""

    is_broken: bool
    is_reusable: bool
    interim: tuple[int, ...]
    rest: bytes


def seen(data: bytes, *cuts: int, is_head: bool = False, is_over: bool = False) -> tuple[Seen | None, End]:
    """The answer to one request, read from data that is cut at these places, and perhaps followed by the end."""
    reader = ResponseReader(AnswerTable(RULES))
    reader.expect(is_head=is_head)
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        reader.feed(data[start:end])
    if is_over:
        reader.feed_eof()
    interim = tuple(each.status for each in reader.interim)
    end_ = End(reader.is_broken, reader.is_reusable, interim, reader.rest)
    return _seen(reader.answer) if reader.answer is not None else None, end_


def _seen(answer: Answer) -> Seen:
    head = answer.head
    first, _, fields = head.first.partition(b"\r\n")
    return Seen(
        answer.status,
        first,
        tuple(_pairs(fields)),
        answer.has_body,
        head.is_chunked,
        answer.ends_with_connection,
        head.length,
        b"".join(answer.parts),
        tuple(answer.trailers),
        answer.is_complete,
    )


def _pairs(fields: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in fields.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        yield name, value.strip(b" \t")


def cuts_that_differ(data: bytes, *, is_head: bool = False, is_over: bool = False) -> list[int]:
    expected = seen(data, is_head=is_head, is_over=is_over)
    return [c for c in range(1, len(data)) if seen(data, c, is_head=is_head, is_over=is_over) != expected]


LENGTH = b"HTTP/1.1 200 OK\r\nX-A:1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close, x-a\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
NO_REASON = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"
ODD_REASON = b"HTTP/1.1 299 Quite \xe4 while\r\nContent-Length: 0\r\n\r\n"
STREAMS = {
    "length": LENGTH,
    "chunks": CHUNKS,
    "old": OLD,
    "close": CLOSE,
    "endless": ENDLESS,
    "empty": EMPTY,
    "no_content": NO_CONTENT,
    "not_modified": NOT_MODIFIED,
    "hints": HINTS + HINTS + LENGTH,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKS,
    "no_reason": NO_REASON,
    "odd_reason": ODD_REASON,
}


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_an_answer_reads_the_same_byte_by_byte(data: bytes) -> None:
    assert seen(data, *range(1, len(data))) == seen(data)


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_an_answer_reads_the_same_cut_at_any_byte(data: bytes) -> None:
    assert cuts_that_differ(data) == []


@pytest.mark.parametrize("data", [LENGTH, CHUNKS, EMPTY, NO_CONTENT], ids=["length", "chunks", "empty", "204"])
def test_an_answer_before_the_connections_end_reads_the_same_cut_at_any_byte(data: bytes) -> None:
    assert cuts_that_differ(data, is_over=True) == []


def test_an_answer_with_a_length_is_complete_and_leaves_its_connection_reusable() -> None:
    answer, end = seen(LENGTH)

    assert answer is not None
    assert (answer.body, answer.length, answer.is_complete) == (b"hello", 5, True)
    assert end == End(is_broken=False, is_reusable=True, interim=(), rest=b"")


def test_an_answer_without_framing_is_complete_when_the_connection_ends() -> None:
    before, _ = seen(ENDLESS)
    after, end = seen(ENDLESS, is_over=True)

    assert before is not None
    assert after is not None
    assert (before.is_complete, after.is_complete, after.body) == (False, True, b"until the end")
    assert not end.is_reusable


@pytest.mark.parametrize("data", [LENGTH[:-1], CHUNKS[:-2], CHUNKS[:-20]], ids=["length", "last_line", "chunks"])
def test_an_answer_that_is_cut_off_never_becomes_complete(data: bytes) -> None:
    answer, _ = seen(data, is_over=True)

    assert answer is not None
    assert not answer.is_complete


@pytest.mark.parametrize("data", [CLOSE, OLD], ids=["close", "http10"])
def test_a_connection_that_will_be_closed_is_not_reusable(data: bytes) -> None:
    assert not seen(data)[1].is_reusable


def test_an_answer_to_head_has_no_body_whatever_it_announces() -> None:
    answer, end = seen(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", is_head=True)

    assert answer is not None
    assert (answer.has_body, answer.length, answer.is_complete, end.is_reusable) == (False, 1000, True, True)


def test_an_answer_to_head_in_chunks_has_no_body() -> None:
    answer, end = seen(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", is_head=True)

    assert answer is not None
    assert (answer.has_body, answer.is_complete, end.is_reusable) == (False, True, True)


def test_a_body_behind_an_answer_to_head_makes_the_connection_useless() -> None:
    assert not seen(LENGTH, is_head=True)[1].is_reusable


def test_after_an_answer_to_head_the_next_answer_is_read() -> None:
    reader = ResponseReader(AnswerTable(RULES))
    reader.expect(is_head=True)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    reader.expect(is_head=False)
    reader.feed(CHUNKS)

    assert reader.answer is not None
    assert b"".join(reader.answer.parts) == b"hello!"


@pytest.mark.parametrize("first", STREAMS.values(), ids=STREAMS)
def test_one_answer_after_another_is_read_from_a_reusable_connection(first: bytes) -> None:
    reader = ResponseReader(AnswerTable(RULES))
    reader.expect(is_head=False)
    reader.feed(first)
    if not reader.is_reusable or reader.answer is None or not reader.answer.is_complete:
        return
    reader.interim.clear()
    for data in (LENGTH, CHUNKS):
        reader.expect(is_head=False)
        reader.feed(data)

        assert (_seen(reader.answer), reader.is_reusable) == (seen(data)[0], True)


def test_what_follows_a_consent_to_change_the_protocol_is_kept() -> None:
    answer, end = seen(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nnot HTTP")

    assert answer is not None
    assert (answer.status, end.rest) == (101, b"not HTTP")


def test_interim_answers_are_kept_apart() -> None:
    answer, end = seen(HINTS + HINTS + LENGTH)

    assert answer is not None
    assert (answer.status, end.interim) == (200, (103, 103))


@pytest.mark.parametrize("more", [LENGTH, b"H", b"x", b"\0"], ids=["answer", "letter", "rubbish", "nul"])
@pytest.mark.parametrize("data", [LENGTH, EMPTY], ids=["length", "empty"])
def test_bytes_behind_an_answer_make_the_connection_useless(data: bytes, more: bytes) -> None:
    answer, end = seen(data + more)

    assert answer is not None
    assert (answer, end.is_broken, end.is_reusable) == (seen(data)[0], False, False)


@pytest.mark.parametrize("more", [EMPTY, b"x", b"\0"], ids=["answer", "rubbish", "nul"])
@pytest.mark.parametrize("data", [CHUNKS, NO_CONTENT, NOT_MODIFIED], ids=["chunks", "204", "304"])
def test_bytes_behind_an_answer_without_a_length_make_the_connection_useless(data: bytes, more: bytes) -> None:
    answer, end = seen(data + more)

    assert answer is not None
    assert (answer, end.is_broken, end.is_reusable) == (seen(data)[0], False, False)


@pytest.mark.parametrize("data", [CHUNKS, NO_CONTENT, NOT_MODIFIED], ids=["chunks", "204", "304"])
def test_fields_behind_an_answer_do_not_become_its_trailers(data: bytes) -> None:
    assert seen(data + LENGTH)[0] == seen(data)[0]


@pytest.mark.parametrize("data", [CHUNKS, NO_CONTENT, NOT_MODIFIED], ids=["chunks", "204", "304"])
def test_the_beginning_of_a_head_behind_an_answer_makes_the_connection_useless(data: bytes) -> None:
    assert not seen(data + b"HTTP/1.1 200 OK\r\nX-")[1].is_reusable


# Any bytes at all.

PIECES = st.sampled_from(
    [
        *STREAMS.values(),
        *(bytes([byte]) for byte in b"\r\n\0\t :;,=/#%0aZ\x7f\x80"),
        b"\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
    ]
)
RUBBISH = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=6).map(b"".join))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid stream in which a few bytes were changed, dropped or doubled."""
    data = bytearray(draw(st.sampled_from(list(STREAMS.values()))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.one_of(PIECES, st.binary(max_size=3)))
    return bytes(data)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.one_of(RUBBISH, mutated()), st.booleans())
def test_any_bytes_are_an_answer_or_a_broken_connection(data: bytes, is_head: bool) -> None:
    answer, end = seen(data, is_head=is_head, is_over=True)

    assert answer is None or answer.is_complete or not end.is_reusable


@pytest.mark.slow
@settings(max_examples=300)
@given(st.one_of(RUBBISH, mutated()))
def test_what_is_complete_h11_reads_the_same(data: bytes) -> None:
    answer, end = seen(data, is_over=True)

    if answer is not None and answer.is_complete and answer.status >= 200 and not end.interim:
        assert by_h11(written(answer)) == (answer.status, answer.body)


def by_h11(data: bytes) -> tuple[int, bytes]:
    """What a client that uses h11 would read of what we would write."""
    oracle = h11.Connection(h11.CLIENT, max_incomplete_event_size=1_000_000)
    oracle.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(data)
    event = oracle.next_event()
    assert isinstance(event, h11.Response)
    status, body = event.status_code, b""
    while isinstance(part := oracle.next_event(), h11.Data):
        body += part.data
    assert isinstance(part, h11.EndOfMessage)
    return status, body


def written(answer: Seen) -> bytes:
    lines = [b"%b: %b" % pair for pair in answer.fields]
    framing = [b"Content-Length: %d" % len(answer.body)] if answer.has_body else []
    return b"\r\n".join([b"HTTP/1.1 %d Reason" % answer.status, *lines, *framing, b"", b""]) + answer.body

"""A stream of requests reads the same however it is cut, and nothing but a request or a refusal comes of any bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smuggling import PASSED, REFUSED, Passed, Refused
from watchtower.http1.fields import request_rules
from watchtower.http1.heads import RequestTable
from watchtower.http1.refusal import Refusal
from watchtower.http1.request import Request
from watchtower.http1.request_reader import RequestReader

RULES = request_rules()


@dataclass(frozen=True)
class Seen:
    """All that a reader says of a request, with the white space around values left out."""

    method: bytes
    target: bytes
    host: bytes
    lines: tuple[tuple[bytes, bytes], ...]
    noted: tuple[tuple[bytes, bytes], ...]
    is_http11: bool
    keep_alive: bool
    is_chunked: bool
    length: int
    body: bytes
    trailers: tuple[bytes, ...]
    is_complete: bool
    upgrade: bytes | None


def seen(data: bytes, *cuts: int, **limits: int) -> tuple[list[Seen], Refusal | None]:
    """The requests that come of the data, cut at these places, and why reading ended."""
    reader = RequestReader(RequestTable(RULES), **limits)
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        reader.feed(data[start:end])
    refusals = [request.refusal for request in reader.requests if request.refusal is not None]
    assert len(refusals) == int(reader.is_refused)
    return [_seen(each) for each in reader.requests if each.refusal is None], refusals[0] if refusals else None


def _seen(request: Request) -> Seen:
    head = request.head
    return Seen(
        head.method,
        head.target,
        head.host,
        tuple(_pairs(head.fields)),
        tuple(sorted(head.noted.items())),
        head.is_http11,
        request.keep_alive,
        head.is_chunked,
        head.length,
        b"".join(request.parts),
        tuple(request.trailers),
        request.is_complete,
        head.upgrade,
    )


def _pairs(fields: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in fields.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        yield name, value.strip(b" \t")


GET = b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-A:1\r\nX-B: \t2 \r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = (
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n"
)
OLD = b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
CLOSE = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close, x-a\r\nX-A: 1\r\n\r\n"
EXPECTS = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
DECLINED = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab"
STREAMS = {
    "get": GET,
    "post": POST,
    "chunks": CHUNKS,
    "http10": OLD,
    "close": CLOSE,
    "expects": EXPECTS,
    "upgrade_with_body": DECLINED,
    "two_gets": GET + GET,
    "get_behind_post": POST + GET,
    "get_behind_chunks": CHUNKS + GET,
    "get_behind_http10": OLD + GET,
    "get_behind_upgrade_with_body": DECLINED + GET,
    "chunks_behind_get": GET + CHUNKS,
    "everything": GET + POST + CHUNKS + EXPECTS + DECLINED + OLD + CLOSE,
    "empty_lines_between": b"\r\n" + GET + b"\r\n" + POST + b"\r\n\r\n" + GET,
    "nothing_behind_close": CLOSE + GET,
    "blank_line_in_body": POST.replace(b"hello", b"\r\n\r\nh"),
}


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_a_stream_reads_the_same_byte_by_byte(data: bytes) -> None:
    assert seen(data, *range(1, len(data))) == seen(data)


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_a_stream_reads_the_same_cut_at_any_byte(data: bytes) -> None:
    expected = seen(data)

    assert [cut for cut in range(1, len(data)) if seen(data, cut) != expected] == []


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_refusal_is_the_same_byte_by_byte(row: Refused) -> None:
    assert seen(row.data, *range(1, len(row.data))) == ([], row.refusal)


@pytest.mark.parametrize("row", PASSED, ids=lambda row: row.name)
def test_what_passes_is_the_same_cut_at_any_byte(row: Passed) -> None:
    expected = seen(row.data)

    assert [cut for cut in range(1, len(row.data)) if seen(row.data, cut) != expected] == []


@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "cut"])
def test_a_length_of_thousands_of_digits_is_refused(is_cut: bool) -> None:
    data = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"0" * 5000 + b"5\r\n\r\nhello"

    assert seen(data, *(range(1, len(data)) if is_cut else ())) == ([], Refusal.AMBIGUOUS_FRAMING)


# A method's beginning may be a method of its own: M-SEARCH, UNLOCK, REBIND …


@pytest.mark.parametrize(
    "data", [POST, CHUNKS, OLD, DECLINED, EXPECTS], ids=["post", "chunks", "old", "h2c", "expects"]
)
def test_a_head_that_begins_behind_another_request_keeps_its_first_bytes(data: bytes) -> None:
    stream = data + b"M-SEARCH /a HTTP/1.1\r\nHost: a\r\n\r\n"
    expected = seen(stream)

    assert [cut for cut in range(1, len(stream)) if seen(stream, cut) != expected] == []


# Where reading stands.


def test_a_reader_is_in_a_head_from_its_first_byte_to_its_last() -> None:
    reader = RequestReader(RequestTable(RULES))
    states = []
    for byte in GET:
        reader.feed(bytes([byte]))
        states.append(reader.is_mid_head)

    assert states == [True] * (len(GET) - 1) + [False]


def test_empty_lines_begin_no_head() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"\r\n")

    assert not reader.is_mid_head


@pytest.mark.parametrize("data", [POST, CHUNKS, OLD], ids=["post", "chunks", "old"])
def test_a_reader_is_in_a_head_that_began_in_one_piece_with_the_request_ahead(data: bytes) -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(data[:-1])
    reader.feed(data[-1:] + b"GE")

    assert reader.is_mid_head


def test_a_head_that_takes_too_long_is_refused() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"GET / HT")
    reader.time_out()

    assert ([request.refusal for request in reader.requests], reader.is_spent) == ([Refusal.HEAD_TIMEOUT], True)


def test_after_a_refusal_nothing_is_read() -> None:
    assert seen(b"GET\x01" + GET) == ([], Refusal.MALFORMED_HEAD)


def test_what_follows_a_wish_to_upgrade_waits_for_the_answer() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nrest")
    reader.feed(b" of it")

    assert (len(reader.requests), reader.take_rest(), reader.is_spent) == (1, b"rest of it", True)


def test_what_waits_behind_a_wish_to_upgrade_is_measured_until_it_is_read() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    before = reader.held
    reader.feed(GET)
    waiting = reader.held
    reader.resume()

    assert (before, waiting, reader.held) == (0, len(GET), 0)


def test_a_wish_that_also_says_close_is_followed_by_the_other_protocol() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\nrest")
    reader.feed(b" of it")

    assert (reader.requests[0].keep_alive, reader.take_rest()) == (False, b"rest of it")


def test_a_declined_upgrade_lets_what_waits_be_read() -> None:
    reader = RequestReader(RequestTable(RULES))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET)
    reader.resume()

    assert [request.head.target for request in reader.requests] == [b"/", b"/a?b=c"]


# Limits.


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "byte_by_byte"])
@pytest.mark.parametrize(("size", "refusal"), [(1000, None), (1001, Refusal.HEAD_TOO_LARGE)])
def test_a_head_may_have_the_limits_size_and_no_byte_more(size: int, refusal: Refusal | None, is_cut: bool) -> None:
    cuts = range(1, size) if is_cut else ()

    assert seen(head_of(size), *cuts, max_head=1000)[1] == refusal


@pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "byte_by_byte"])
@pytest.mark.parametrize(("size", "refusal"), [(100, None), (101, Refusal.TARGET_TOO_LONG)])
def test_a_target_may_have_the_limits_size_and_no_byte_more(size: int, refusal: Refusal | None, is_cut: bool) -> None:
    data = b"GET /" + b"a" * (size - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    cuts = range(1, len(data)) if is_cut else ()

    assert seen(data, *cuts, max_target=100)[1] == refusal


def test_a_large_body_in_the_same_piece_does_not_count_as_head() -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + bytes(5000)

    assert seen(data, max_head=1000)[1] is None


def test_many_small_requests_in_one_piece_do_not_count_as_one_head() -> None:
    found, refusal = seen(GET * 100, max_head=1000)

    assert (len(found), refusal) == (100, None)


# Any bytes at all.

PIECES = st.sampled_from(
    [
        *STREAMS.values(),
        *(bytes([byte]) for byte in b"\r\n\0\t :;,=/#%0aZ\x7f\x80"),
        b"\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: upgrade\r\n",
        b"Upgrade: websocket\r\n",
    ]
)
RUBBISH = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=8).map(b"".join))


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
@given(st.one_of(RUBBISH, mutated()), st.data())
def test_any_bytes_are_a_request_or_a_refusal_however_they_are_cut(data: bytes, draw: st.DataObject) -> None:
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=5).map(sorted))

    assert seen(data, *cuts) == seen(data)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.one_of(RUBBISH, mutated()))
def test_what_is_accepted_h11_reads_the_same(data: bytes) -> None:
    found, _ = seen(data)

    for each in found:
        if each.is_complete and each.upgrade is None:
            assert by_h11(each) == (each.method, each.target, each.body)


def by_h11(each: Seen) -> tuple[bytes, bytes, bytes]:
    """What an upstream that uses h11 would read of what we would write."""
    oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
    oracle.receive_data(written(each))
    event = oracle.next_event()
    assert isinstance(event, h11.Request)
    method, target, body = event.method, event.target, b""
    while isinstance(part := oracle.next_event(), h11.Data):
        body += part.data
    assert isinstance(part, h11.EndOfMessage)
    assert oracle.trailing_data == (b"", False)
    return method, target, body


def written(each: Seen) -> bytes:
    framing = b"Transfer-Encoding: chunked" if each.is_chunked else b"Content-Length: %d" % each.length
    lines = [b"%b: %b" % pair for pair in each.lines]
    head = [b"%b %b HTTP/1.1" % (each.method, each.target), b"Host: " + each.host, *lines, framing, b"", b""]
    body = each.body
    if each.is_chunked:
        body = (
            (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
            + b"0\r\n"
            + b"".join(line + b"\r\n" for line in each.trailers)
        )
        body += b"\r\n"
    return b"\r\n".join(head) + body

"""Heads and chunks as we send them: what was read, with framing, forwarding and identity fields of our own."""

from typing import Final

from watchtower.http1.request import RequestHead
from watchtower.http1.response import Answer, AnswerHead

LAST_CHUNK: Final = b"0\r\n\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


def chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def last_chunk(trailers: list[bytes]) -> bytes:
    return b"\r\n".join((b"0", *trailers, b"", b"")) if trailers else LAST_CHUNK


def forwarded_fields(head: RequestHead, peer: bytes, scheme: bytes) -> bytes:
    """`X-Forwarded-*` with this hop added; what an earlier hop said of the scheme and the host stays."""
    noted = head.noted
    before = noted.get(b"x-forwarded-for")
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (
        peer if before is None else before + b", " + peer,
        noted.get(b"x-forwarded-proto", scheme),
        noted.get(b"x-forwarded-host", head.host),
    )


def request_framing(head: RequestHead) -> bytes:
    """A length of 0 is said only where the method usually has a body (RFC 9110 section 8.6)."""
    if head.is_chunked:
        return CHUNKED
    return length_framing(head.method, head.length)


def length_framing(method: bytes, length: int) -> bytes:
    if length or method in {b"POST", b"PUT", b"PATCH"}:
        return b"Content-Length: %d\r\n" % length
    return b""


def answer_framing(answer: Answer, *, to_http11: bool, keep_alive: bool) -> bytes:
    """Framed as the client can read it, closing where there is no other way."""
    head = answer.head
    if answer.has_body and head.length is None:
        framing = CHUNKED if to_http11 else b""
    elif head.length is None or answer.status in {101, 204}:
        framing = b""
    else:
        framing = b"Content-Length: %d\r\n" % head.length
    if not keep_alive:
        return framing + b"Connection: close\r\n"
    return framing if to_http11 else framing + b"Connection: keep-alive\r\n"


def switching_fields(head: AnswerHead) -> bytes:
    """The two fields of a 101 that belong to this hop, written again."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.noted.get(b"upgrade", b"websocket")

"""Heads and chunks as we send them: what was read, with framing, forwarding and identity fields of our own."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from watchtower.http1.request import Request
from watchtower.http1.response import Answer

LAST_CHUNK: Final = b"0\r\n\r\n"

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus if status.value >= 100
}
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


def chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def last_chunk(trailers: list[bytes]) -> bytes:
    return b"\r\n".join((b"0", *trailers, b"", b"")) if trailers else LAST_CHUNK


def forwarded_lines(request: Request, peer: bytes, scheme: bytes) -> bytes:
    """`X-Forwarded-*` with this hop added; what an earlier hop said of the scheme and the host stays."""
    noted = request.noted
    before = noted.get(b"x-forwarded-for")
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b" % (
        peer if before is None else before + b", " + peer,
        noted.get(b"x-forwarded-proto", scheme),
        noted.get(b"x-forwarded-host", request.host),
    )


def request_head(
    method: bytes,
    target: bytes,
    host: bytes,
    lines: Iterable[bytes],
    own_lines: bytes,
    *,
    length: int,
    is_chunked: bool,
) -> bytes:
    """A request's head; a length of 0 is said only where the method usually has a body (RFC 9110 section 8.6)."""
    if is_chunked:
        framing = b"Transfer-Encoding: chunked\r\n"
    elif length or method in {b"POST", b"PUT", b"PATCH"}:
        framing = b"Content-Length: %d\r\n" % length
    else:
        framing = b""
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *lines, own_lines, framing + b"\r\n"))


def status_line(status: int, reason: bytes) -> bytes:
    known = _STATUS_LINES.get(status)
    if known is not None and _REASONS[status] == reason:
        return known
    return b"HTTP/1.1 %d %b" % (status, reason)


def answer_head(answer: Answer, own_lines: bytes, *, to_http11: bool, keep_alive: bool) -> bytes:
    """An answer's head for the client: framed as the client can read it, closing where there is no other way."""
    status = answer.status
    if answer.has_body:
        if answer.is_chunked or answer.ends_with_connection:
            framing = b"Transfer-Encoding: chunked\r\n" if to_http11 else b""
        else:
            framing = b"Content-Length: %d\r\n" % (answer.length or 0)
    elif answer.length is not None and status not in {101, 204}:
        framing = b"Content-Length: %d\r\n" % answer.length  # of the body that HEAD or a 304 leaves out
    else:
        framing = b""
    if not keep_alive:
        framing += b"Connection: close\r\n"
    elif not to_http11:
        framing += b"Connection: keep-alive\r\n"
    return b"\r\n".join((status_line(status, answer.reason), *answer.lines, own_lines, framing + b"\r\n"))


def interim_head(answer: Answer) -> bytes:
    return b"\r\n".join((status_line(answer.status, answer.reason), *answer.lines, b"", b""))


def switching_head(answer: Answer, own_lines: bytes) -> bytes:
    """A 101, with the two fields that belong to this hop written again."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + answer.noted.get(b"upgrade", b"websocket")
    return b"\r\n".join((status_line(101, answer.reason), *answer.lines, own_lines, upgrade, b"", b""))

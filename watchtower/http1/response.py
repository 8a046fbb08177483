"""One answer. No sockets, no time."""

from typing import Final

from watchtower.http1.fields import without_named
from watchtower.http1.framing import CHUNKED
from watchtower.http1.message import Message

BODILESS: Final = frozenset((204, 304))


class AnswerHead:
    """Not changed once it is made: answers with the same head share it."""

    __slots__ = ("content_encoding", "content_type", "first", "framing", "is_chunked", "length", "noted", "status")

    def __init__(self, status: int, first: bytes, lines: list[bytes], noted: dict[bytes, bytes]) -> None:
        self.status = status
        # The status line and the fields that pass, each with its line's end: what the client is sent as it is.
        self.first = b"\r\n".join((first, *lines, b""))
        self.noted = noted  # values by lower-case name, those that somebody asks for
        self.content_type = noted.get(b"content-type", b"")
        self.content_encoding = noted.get(b"content-encoding", b"")
        length = noted.get(b"content-length")
        self.length = None if length is None else int(length)  # of the body that a HEAD or a 304 leaves out, too
        # None in a 204 nor a 101 (RFC 9110 section 8.6).
        self.framing = b"" if self.length is None or status in {101, 204} else b"Content-Length: %d\r\n" % self.length
        self.is_chunked = b"transfer-encoding" in noted
        connection = noted.get(b"connection")
        if connection is not None:
            self.first = without_named(self.first, connection)


class Answer(Message):
    __slots__ = ("ends_with_connection", "has_body", "head", "status")

    def __init__(self, head: AnswerHead) -> None:
        super().__init__()
        self.head = head
        self.status = head.status
        self.has_body = True
        self.ends_with_connection = False

    def is_chunked(self, *, to_http11: bool) -> bool:
        """For such a client."""
        return to_http11 and self.has_body and self.head.length is None

    def shows_its_end(self, *, to_http11: bool) -> bool:
        """So that another answer may follow."""
        return to_http11 or not self.has_body or self.head.length is not None

    def framing(self, *, to_http11: bool, keep_alive: bool) -> bytes:
        """Framed as the client can read it, closing where there is no other way."""
        framing = CHUNKED if self.is_chunked(to_http11=to_http11) else self.head.framing
        if not keep_alive:
            return framing + b"Connection: close\r\n"
        return framing if to_http11 else framing + b"Connection: keep-alive\r\n"

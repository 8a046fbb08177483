"""One request, and the judgement of its head. No sockets, no time.

llhttp decides what is well-formed, strictly; this file decides what llhttp leaves open, always for refusing:

- one way of framing only: Content-Length or `chunked`, never both, never another coding, never chunked from HTTP/1.0;
- exactly one Host (RFC 9112 section 3.2), taken from an absolute target where there is one;
- no CONNECT, no fragment in a target, no version but 1.0 and 1.1.
"""

from typing import Final

from watchtower.http1.fields import has_token, is_length, without_named
from watchtower.http1.framing import CHUNKED, length_field
from watchtower.http1.message import Message
from watchtower.http1.refusal import Refusal

PLAIN_CONNECTION: Final = frozenset((b"keep-alive", b"Keep-Alive", b"close"))
_HOST_FORBIDS: Final = frozenset(b"/\\@?#, \t")


class RequestHead:
    """Not changed once it is judged: requests with the same head share it."""

    __slots__ = (
        "content_encoding",
        "content_type",
        "fields",
        "framing",
        "host",
        "is_chunked",
        "is_http11",
        "keep_alive",
        "length",
        "method",
        "noted",
        "target",
        "upgrade",
    )

    def __init__(
        self,
        method: bytes,
        target: bytes,
        lines: list[bytes],
        noted: dict[bytes, bytes],
        *,
        is_http11: bool = True,
        keep_alive: bool = True,
    ) -> None:
        self.method = method
        self.target = target
        self.host = b""
        self.fields = b"\r\n".join((*lines, b"")) if lines else b""  # those that pass, each with its line's end
        self.noted = noted  # values by lower-case name, those that somebody asks for
        self.is_http11 = is_http11
        self.keep_alive = keep_alive
        self.is_chunked = False
        self.length = 0  # of a body that is not chunked
        self.framing = b""  # the field that says so, with its line's end
        self.upgrade: bytes | None = None  # the protocol that the client would like to change to
        self.content_type = noted.get(b"content-type", b"")
        self.content_encoding = noted.get(b"content-encoding", b"")

    def judge(self) -> Refusal | None:
        """Why a head that llhttp accepts is refused; fills in what follows from it."""
        connection = self.noted.get(b"connection")
        if connection is not None and connection not in PLAIN_CONNECTION:
            self.fields = without_named(self.fields, connection)
        return self._judge_framing() or self._judge_target() or self._judge_wishes(connection)

    def _judge_framing(self) -> Refusal | None:
        length = self.noted.get(b"content-length")
        coding = self.noted.get(b"transfer-encoding")
        if length is not None:
            if not is_length(length):
                return Refusal.AMBIGUOUS_FRAMING
            self.length = int(length)
        if coding is not None:
            if coding.lower() != b"chunked":
                return Refusal.UNKNOWN_CODING
            if length is not None or not self.is_http11:
                return Refusal.AMBIGUOUS_FRAMING
            self.is_chunked = True
        self.framing = CHUNKED if self.is_chunked else length_field(self.method, self.length)
        return None

    def _judge_target(self) -> Refusal | None:
        host, target = self.noted.get(b"host"), self.target
        if self.method == b"CONNECT":
            return Refusal.UNKNOWN_METHOD
        if host is None:
            if self.is_http11:
                return Refusal.BAD_HOST
            host = b""
        elif not _HOST_FORBIDS.isdisjoint(host):
            return Refusal.BAD_HOST
        if b"#" in target:
            return Refusal.MALFORMED_HEAD
        self.host = host
        return None if target.startswith(b"/") else self._judge_other_forms()

    def _judge_other_forms(self) -> Refusal | None:
        """RFC 9112 section 3.2.2: an absolute target's authority replaces Host."""
        target = self.target
        if target[:7].lower() == b"http://" or target[:8].lower() == b"https://":
            host, slash, path = target.partition(b"://")[2].partition(b"/")
            if not host or not _HOST_FORBIDS.isdisjoint(host):
                return Refusal.BAD_HOST
            self.host = host
            self.target = slash + path or b"/"
            return None
        return None if target == b"*" and self.method == b"OPTIONS" else Refusal.MALFORMED_HEAD

    def _judge_wishes(self, connection: bytes | None) -> Refusal | None:
        expect = self.noted.get(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            return Refusal.UNKNOWN_EXPECTATION
        if connection is not None:
            upgrade = self.noted.get(b"upgrade")
            if upgrade is not None and has_token(connection, b"upgrade"):
                self.upgrade = upgrade
        return None


class Request(Message):
    __slots__ = ("head", "keep_alive", "refusal")

    def __init__(self, head: RequestHead) -> None:
        super().__init__()
        self.head = head
        self.keep_alive = head.keep_alive  # no longer, once the connection is of no use
        self.refusal: Refusal | None = None

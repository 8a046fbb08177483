"""Requests as they arrive: bytes in, heads and parts of bodies out. No sockets, no time.

There are two ways through. Nearly every request comes with its head in one piece and with a length: it is cut at its
blank line, and its head looked up (heads.py). Everything else (heads in pieces, chunked bodies, upgrades, HTTP/1.0,
whatever is wrong) goes to an llhttp that calls us for each field and part. Which way a request goes is decided where it
begins, so that parser sees whole messages only.

A reader that met an error is spent: where the next request would begin can no longer be known.
"""

import re
from collections import deque
from typing import Final

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from watchtower.http1.fields import Rule, has_token, sort_field
from watchtower.http1.heads import RequestTable
from watchtower.http1.refusal import Refusal
from watchtower.http1.request import Request, RequestHead

BLANK_LINE: Final = b"\r\n\r\n"
# llhttp takes these for HTTP/1.0, for AirPlay's and Icecast's sake.
_OTHER_PROTOCOL: Final = re.compile(rb"\A\s*[A-Z]+ [^\r\n]* (?:RTSP|ICE)/1\.0\r")


class RequestReader:
    """Reads the requests of one connection; `requests` holds those whose head is whole, and at most one that is refused."""

    __slots__ = (
        "_current",
        "_fed",
        "_fed_without_body",
        "_is_rereading",
        "_left",
        "_lines",
        "_max_head",
        "_max_target",
        "_must_measure",
        "_noted",
        "_parser",
        "_rest",
        "_table",
        "_target",
        "is_mid_head",
        "is_refused",
        "is_spent",
        "requests",
    )

    def __init__(self, table: RequestTable, *, max_head: int = 32 * 1024, max_target: int = 8 * 1024) -> None:
        self._table = table
        self._max_head = max_head
        self._max_target = max_target
        self._parser: HttpRequestParser | None = None
        self.requests: deque[Request] = deque()
        self.is_spent = False  # no further request will be read from this connection
        self.is_refused = False  # because what came is not a request
        self.is_mid_head = False  # a head has begun to arrive
        self._current: Request | None = None  # whose body is arriving
        self._left = 0  # bytes of that body, on the short way
        self._target = b""
        self._lines: list[bytes] = []
        self._noted: dict[bytes, bytes] = {}
        self._fed = bytearray()  # since the last message's end: what a head is in, and more
        self._fed_without_body = 0  # bytes behind a head since a part of its body came: trailers, or chunks' extensions
        self._must_measure = False  # that bound passed the limit: the next head is measured
        self._rest: bytes | None = None  # bytes after an upgrade request, until its answer is known
        self._is_rereading = False  # the parser is being told a framing that is known; see _read_on

    @property
    def current(self) -> Request | None:
        """The request whose body is still arriving."""
        return self._current

    @property
    def held(self) -> int:
        """Bytes behind an upgrade request, whose meaning is not known yet."""
        return len(self._rest) if self._rest else 0

    def feed(self, data: bytes) -> None:
        while data and not self.is_spent:
            if self._left:
                data = self._feed_body(data)
            elif self._current is None and not self.is_mid_head and self._rest is None:
                rest = self._feed_request(data)
                if rest is None:
                    self._feed_anything(data)
                    return
                data = rest
            else:
                self._feed_anything(data)
                return

    def time_out(self) -> None:
        """The head did not become whole in time."""
        self._refuse(Refusal.HEAD_TIMEOUT)

    def take_rest(self) -> bytes:
        """After an accepted upgrade: the bytes that already belong to the other protocol. The reader is spent."""
        rest, self._rest, self.is_spent = self._rest or b"", None, True
        return rest

    def resume(self) -> None:
        """After a declined upgrade: what waited is read as HTTP."""
        rest, self._rest = self._rest, None
        if rest is not None:
            self._parser = None
            self.feed(rest)

    # The short way.

    def _feed_request(self, data: bytes) -> bytes | None:
        """What is left of the data behind a request; None when it must go the long way."""
        end = data.find(BLANK_LINE) + 4
        if end < 5 or end > self._max_head:
            return None
        raw = data[:end]
        head = self._table.known.get(raw) or self._table.read(raw)
        if head is None or len(head.target) > self._max_target:
            return None
        request = Request(head)
        self.requests.append(request)
        size = head.length
        if len(data) == end + size:
            request.is_complete = True
            if size:
                request.parts.append(data[end:])
            return b""
        if size:
            self._current = request
            self._left = size
        else:
            request.is_complete = True
        return data[end:]

    def _feed_body(self, data: bytes) -> bytes:
        part = data if len(data) <= self._left else data[: self._left]
        self._left -= len(part)
        request = self._current
        if request is not None:
            request.parts.append(part)
            if not self._left:
                request.is_complete = True
                self._current = None
        return b"" if part is data else data[len(part) :]

    # The long way.

    def _feed_anything(self, data: bytes) -> None:
        if self._rest is not None:
            self._rest += data
            return
        if self._current is None:
            self._fed += data
        else:
            self._fed_without_body += len(data)
        if len(data) > self._max_head or len(self._fed) > self._max_head:
            self._must_measure = True
        if not self._parse(data):
            return
        if self._current is not None and self._fed_without_body > self._max_head:
            self._refuse(Refusal.HEAD_TOO_LARGE)
        elif not self.is_mid_head:
            self._must_measure = False
        elif len(self._fed) > self._max_head:
            is_long_target = len(self._target) > self._max_target
            self._refuse(Refusal.TARGET_TOO_LONG if is_long_target else Refusal.HEAD_TOO_LARGE)

    def _parse(self, data: bytes) -> bool:
        """Whether further bytes may follow."""
        try:
            if self._parser is None:
                self._parser = HttpRequestParser(self)
            self._parser.feed_data(data)
        except HttpParserUpgrade as pause:
            self._at_upgrade(data[pause.args[0] :])
        except HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, _Refused):
                raise  # a defect of ours, not the client's
            self._refuse(cause.refusal)
        except HttpParserError as error:
            if not self.is_spent:
                self._refuse(_classify(error, in_body=self._current is not None))
        return not self.is_spent

    # llhttp calls these.

    def on_message_begin(self) -> None:
        self.is_mid_head = not self._is_rereading

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._current is not None:
            self._current.add_trailer(name, value)
        else:
            sort_field(self._table.rules, name, value, self._lines, self._noted)

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._is_rereading or parser is None:
            return
        self.is_mid_head = False
        size = self._head_size() if self._must_measure else 0
        version = parser.get_http_version()
        head = RequestHead(
            parser.get_method(),
            self._target,
            self._lines,
            self._noted,
            is_http11=version == "1.1",
            keep_alive=parser.should_keep_alive(),
        )
        self._target, self._lines, self._noted = b"", [], {}
        refusal = self._judge(head, version, size)
        self._current = Request(head)
        self.requests.append(self._current)
        if refusal is not None:
            raise _Refused(refusal)

    def on_body(self, body: bytes) -> None:
        self._fed_without_body = 0
        if self._current is not None:
            self._current.parts.append(body)

    def on_message_complete(self) -> None:
        request = self._current
        if request is not None and request.head.upgrade is None:
            self._end(request)

    def _judge(self, head: RequestHead, version: str, size: int) -> Refusal | None:
        if len(head.target) > self._max_target:
            return Refusal.TARGET_TOO_LONG
        if size > self._max_head:
            return Refusal.HEAD_TOO_LARGE
        if version not in {"1.1", "1.0"}:
            return Refusal.UNKNOWN_VERSION
        if version == "1.0" and _OTHER_PROTOCOL.match(self._fed) is not None:
            return Refusal.MALFORMED_HEAD
        return head.judge()

    def _head_size(self) -> int:
        size = len(self._target) + len(b"GET  HTTP/1.1\r\n\r\n") + sum(len(line) + 2 for line in self._lines)
        held = (item for item in self._noted.items() if self._table.rules[item[0]] is Rule.HOLD)
        return size + sum(len(key) + len(value) + 4 for key, value in held)

    # Upgrades: llhttp stops after the head of a request that asks for one, even when a body follows.

    def _at_upgrade(self, rest: bytes) -> None:
        request = self._current
        if request is None:  # pragma: no cover - llhttp pauses only behind a head
            return
        head = request.head
        if head.is_chunked or head.length or not head.is_http11 or has_token(head.upgrade or b"", b"h2c"):
            # Java's HttpClient asks for h2c with every plain POST; a server may ignore the wish, and we do.
            head.upgrade = None
            self._read_on(request)
            self._parse(rest)
        else:
            self._end(request)
            self._rest = rest
            self.is_spent = False  # a `close` ends HTTP here, not the protocol that may follow

    def _read_on(self, request: Request) -> None:
        """A new parser learns from a head of ours how the body is framed."""
        parser = self._parser = HttpRequestParser(self)
        head = request.head
        framing = b"Transfer-Encoding: chunked" if head.is_chunked else b"Content-Length: %d" % head.length
        close = b"" if request.keep_alive else b"Connection: close\r\n"
        self._is_rereading = True
        parser.feed_data(b"POST / HTTP/1.1\r\n" + close + framing + BLANK_LINE)
        self._is_rereading = False
        self._target = b""

    def _end(self, request: Request) -> None:
        request.is_complete = True
        self._current = None
        self._fed.clear()
        self._fed_without_body = 0
        self.is_spent = not request.keep_alive  # what comes behind a `close` is nobody's

    def _refuse(self, refusal: Refusal) -> None:
        self.is_spent = self.is_refused = True
        self.is_mid_head = False
        request = self._current
        if request is None:
            request = Request(RequestHead(b"", b"", [], self._noted))
            self.requests.append(request)
        request.refusal = refusal
        request.keep_alive = False
        self._current = None


class _Refused(Exception):  # noqa: N818  never leaves this file
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _classify(error: HttpParserError, *, in_body: bool) -> Refusal:
    """The reason behind an error of llhttp: it has one class for nearly everything, and its sentences tell the rest."""
    text = str(error)
    if isinstance(error, HttpParserInvalidMethodError):
        return Refusal.MALFORMED_HEAD
    if "Transfer-Encoding" in text and "Request has invalid" in text:
        return Refusal.UNKNOWN_CODING
    if "Content-Length" in text or "Transfer-Encoding" in text:
        return Refusal.AMBIGUOUS_FRAMING
    if "HTTP version" in text:
        return Refusal.UNKNOWN_VERSION
    return Refusal.BAD_BODY if in_body else Refusal.MALFORMED_HEAD

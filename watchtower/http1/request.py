"""Requests as they arrive: bytes in, heads and parts of bodies out. No sockets, no time.

llhttp decides what is well-formed, strictly; this file decides what llhttp leaves open, always for refusing:

- one way of framing only: Content-Length or `chunked`, never both, never another coding, never chunked from HTTP/1.0;
- exactly one Host (RFC 9112 section 3.2), taken from an absolute target where there is one;
- no CONNECT, no fragment in a target, no version but 1.0 and 1.1.

A reader that met an error is spent: where the next request would begin can no longer be known.
"""

from collections import deque
from typing import Final

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from watchtower.http1.fields import Rule, Rules, add_noted, has_token, may_trail, without_named
from watchtower.http1.refusal import Refusal

_PLAIN_CONNECTION: Final = frozenset((b"keep-alive", b"Keep-Alive", b"close"))
_HOST_FORBIDS: Final = frozenset(b"/\\@?#, \t")


class Request:
    """One request: its head is whole, its body may still arrive; parts wait here until they are taken."""

    __slots__ = (
        "host",
        "is_chunked",
        "is_complete",
        "is_http11",
        "keep_alive",
        "length",
        "lines",
        "method",
        "noted",
        "parts",
        "refusal",
        "target",
        "trailers",
        "upgrade",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.host = b""
        self.lines: list[bytes] = []  # `Name: value`, those that pass
        self.noted: dict[bytes, bytes] = {}
        self.is_http11 = True
        self.keep_alive = False
        self.is_chunked = False
        self.length = 0  # of a body that is not chunked
        self.parts: list[bytes] = []
        self.trailers: list[bytes] = []
        self.is_complete = False
        self.upgrade: bytes | None = None  # the protocol that the client would like to change to
        self.refusal: Refusal | None = None


class RequestReader:
    """Reads the requests of one connection; `requests` holds those whose head is whole, and at most one that is refused."""

    __slots__ = (
        "_current",
        "_head_fed",
        "_is_rereading",
        "_lines",
        "_max_head",
        "_max_target",
        "_must_measure",
        "_noted",
        "_parser",
        "_rest",
        "_rules",
        "_target",
        "is_mid_head",
        "is_refused",
        "is_spent",
        "requests",
    )

    def __init__(self, rules: Rules, *, max_head: int = 32 * 1024, max_target: int = 8 * 1024) -> None:
        self._rules = rules
        self._max_head = max_head
        self._max_target = max_target
        self._parser = HttpRequestParser(self)
        self.requests: deque[Request] = deque()
        self.is_spent = False  # no further request will be read from this connection
        self.is_refused = False  # because what came is not a request
        self.is_mid_head = False  # a head has begun to arrive
        self._current: Request | None = None  # whose body is arriving
        self._target = b""
        self._lines: list[bytes] = []
        self._noted: dict[bytes, bytes] = {}
        self._head_fed = 0  # bytes since the last message's end, an upper bound of the head's size
        self._must_measure = False  # that bound passed the limit: the next head is measured
        self._rest: bytes | None = None  # bytes after an upgrade request, until its answer is known
        self._is_rereading = False  # the parser is being told a framing that is known; see _read_on

    @property
    def current(self) -> Request | None:
        """The request whose body is still arriving."""
        return self._current

    def feed(self, data: bytes) -> None:
        if self.is_spent:
            return
        if self._rest is not None:
            self._rest += data
            return
        in_head = self._current is None
        if in_head:
            if not self.is_mid_head and not data.strip(b"\r\n"):
                return  # RFC 9112 section 2.2: empty lines before a request line are ignored
            self._head_fed += len(data)
        if len(data) > self._max_head or self._head_fed > self._max_head:
            self._must_measure = True
        before = len(self.requests)
        if not self._parse(data):
            return
        self.is_mid_head = self._current is None and (bool(self._target) or (in_head and len(self.requests) == before))
        if not self.is_mid_head:
            self._must_measure = False
        elif self._head_fed > self._max_head:
            is_long_target = len(self._target) > self._max_target
            self._refuse(Refusal.TARGET_TOO_LONG if is_long_target else Refusal.HEAD_TOO_LARGE)

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
            self._parser = HttpRequestParser(self)
            if rest:
                self.feed(rest)

    # llhttp calls these.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.lower()
        if self._current is not None:
            if may_trail(key):
                self._current.trailers.append(name + b": " + value)
            return
        rule = self._rules.get(key)
        if rule is not None:
            add_noted(self._noted, key, value)
            if rule is Rule.HOLD:
                return
        self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        if self._is_rereading:
            return
        request = self._current = Request()
        request.target, self._target = self._target, b""
        request.lines, self._lines = self._lines, []
        request.noted, self._noted = self._noted, {}
        request.method = self._parser.get_method()
        refusal = self._judge(request)
        self.requests.append(request)
        if refusal is not None:
            raise _Refused(refusal)

    def on_body(self, body: bytes) -> None:
        if self._current is not None:
            self._current.parts.append(body)

    def on_message_complete(self) -> None:
        request = self._current
        if request is not None and request.upgrade is None:
            self._end(request)

    # The judgement of a whole head.

    def _judge(self, request: Request) -> Refusal | None:
        noted = request.noted
        if len(request.target) > self._max_target:
            return Refusal.TARGET_TOO_LONG
        if self._must_measure and self._size_of(request) > self._max_head:
            return Refusal.HEAD_TOO_LARGE
        request.keep_alive = self._parser.should_keep_alive()
        connection = noted.get(b"connection")
        if connection is not None or not request.keep_alive:
            version = self._parser.get_http_version()
            if version not in {"1.1", "1.0"}:
                return Refusal.UNKNOWN_VERSION
            request.is_http11 = version == "1.1"
            if connection is not None and connection not in _PLAIN_CONNECTION:
                request.lines = without_named(request.lines, connection)
        return self._judge_framing(request) or self._judge_target(request) or self._judge_wishes(request, connection)

    def _size_of(self, request: Request) -> int:
        size = len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n\r\n")
        size += sum(len(line) + 2 for line in request.lines)
        held = (item for item in request.noted.items() if self._rules[item[0]] is Rule.HOLD)
        return size + sum(len(key) + len(value) + 4 for key, value in held)

    def _judge_framing(self, request: Request) -> Refusal | None:
        length = request.noted.get(b"content-length")
        coding = request.noted.get(b"transfer-encoding")
        if length is not None:
            request.length = int(length)  # llhttp let only digits through
        if coding is not None:
            if coding.strip().lower() != b"chunked":
                return Refusal.UNKNOWN_CODING
            if length is not None or not request.is_http11:
                return Refusal.AMBIGUOUS_FRAMING
            request.is_chunked = True
        return None

    def _judge_target(self, request: Request) -> Refusal | None:
        host, target, method = request.noted.get(b"host"), request.target, request.method
        if method == b"CONNECT":
            return Refusal.UNKNOWN_METHOD
        if host is None:
            if request.is_http11:
                return Refusal.BAD_HOST
            host = b""
        elif not _HOST_FORBIDS.isdisjoint(host):
            return Refusal.BAD_HOST
        if not target.startswith(b"/"):
            if target[:7].lower() == b"http://" or target[:8].lower() == b"https://":
                # RFC 9112 section 3.2.2: an absolute target's authority replaces Host.
                host, slash, path = target.partition(b"://")[2].partition(b"/")
                if not host or not _HOST_FORBIDS.isdisjoint(host):
                    return Refusal.BAD_HOST
                request.target = slash + path or b"/"
            elif target != b"*" or method != b"OPTIONS":
                return Refusal.MALFORMED_HEAD
        if b"#" in target:
            return Refusal.MALFORMED_HEAD
        request.host = host
        return None

    def _judge_wishes(self, request: Request, connection: bytes | None) -> Refusal | None:
        expect = request.noted.get(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            return Refusal.UNKNOWN_EXPECTATION
        upgrade = request.noted.get(b"upgrade")
        if upgrade is not None and connection is not None and has_token(connection, b"upgrade"):
            request.upgrade = upgrade
        return None

    # Upgrades: llhttp stops after the head of a request that asks for one, even when a body follows.

    def _at_upgrade(self, rest: bytes) -> None:
        request = self._current
        if request is None:  # pragma: no cover - llhttp pauses only behind a head
            return
        has_body = request.is_chunked or request.length > 0
        if has_body or not request.is_http11 or has_token(request.upgrade or b"", b"h2c"):
            # Java's HttpClient asks for h2c with every plain POST; a server may ignore the wish, and we do.
            request.upgrade = None
            self._read_on(request)
            self._parse(rest)
        else:
            self._end(request)
            self._rest = rest

    def _read_on(self, request: Request) -> None:
        """A new parser learns from a head of ours how the body is framed."""
        self._parser = HttpRequestParser(self)
        framing = b"Transfer-Encoding: chunked" if request.is_chunked else b"Content-Length: %d" % request.length
        close = b"" if request.keep_alive else b"Connection: close\r\n"
        self._is_rereading = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + close + framing + b"\r\n\r\n")
        self._is_rereading = False
        self._target = b""

    def _end(self, request: Request) -> None:
        request.is_complete = True
        self._current = None
        self._head_fed = 0
        self.is_spent = not request.keep_alive  # what comes behind a `close` is nobody's

    # Errors.

    def _parse(self, data: bytes) -> bool:
        """Whether further bytes may follow."""
        try:
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

    def _refuse(self, refusal: Refusal) -> None:
        self.is_spent = self.is_refused = True
        self.is_mid_head = False
        request = self._current
        if request is None:
            request = Request()
            request.noted = self._noted
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

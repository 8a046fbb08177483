"""Answers as they arrive from an upstream: bytes in, heads and parts of bodies out. No sockets, no time.

What is not one well-formed answer to the request that was sent makes the connection useless, and says so: a second way
of framing, another transfer coding than chunked, bytes behind the end. An answer without either framing ends where the
connection does (RFC 9112 section 6.3).
"""

from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from watchtower.http1.fields import Rule, Rules, add_noted, may_trail, without_named

_BODILESS: Final = frozenset((204, 304))


class Answer:
    """One answer: its head is whole, its body may still arrive; parts wait here until they are taken."""

    __slots__ = (
        "ends_with_connection",
        "has_body",
        "is_chunked",
        "is_complete",
        "length",
        "lines",
        "noted",
        "parts",
        "reason",
        "status",
        "trailers",
    )

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.lines: list[bytes] = []
        self.noted: dict[bytes, bytes] = {}
        self.length: int | None = None  # as Content-Length says, even where no body follows
        self.has_body = True
        self.is_chunked = False
        self.ends_with_connection = False
        self.parts: list[bytes] = []
        self.trailers: list[bytes] = []
        self.is_complete = False


class ResponseReader:
    """Reads the answers on one connection, one for each call of `expect`."""

    __slots__ = (
        "_is_head",
        "_lines",
        "_max_head",
        "_noted",
        "_parser",
        "_reason",
        "_rules",
        "answer",
        "interim",
        "is_broken",
        "is_reusable",
        "rest",
    )

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._parser = HttpResponseParser(self)
        self._lines: list[bytes] = []
        self._noted: dict[bytes, bytes] = {}
        self._reason = b""
        self._is_head = False
        self.answer: Answer | None = None  # the final one
        self.interim: list[Answer] = []  # 1xx, until they are taken
        self.is_broken = False  # what came is not an answer
        self.is_reusable = True  # another request may follow on this connection
        self.rest = b""  # behind a 101: bytes of the other protocol

    def expect(self, *, is_head: bool) -> None:
        """The next answer belongs to a new request; one to HEAD has no body, whatever its head says."""
        self.answer = None
        if self._is_head:
            self._parser = HttpResponseParser(self)  # the old one still waits for the body that HEAD does not get
        self._is_head = is_head

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as pause:
            self.rest = data[pause.args[0] :]
        except HttpParserCallbackError as error:
            if not isinstance(error.__context__, _Malformed):
                raise  # a defect of ours, not the upstream's
            self._break()
        except HttpParserError:
            self._break()

    def feed_eof(self) -> None:
        """The upstream closed: the end of an answer that has no other, or a broken one."""
        self.is_reusable = False
        answer = self.answer
        if answer is not None and answer.ends_with_connection:
            answer.is_complete = True

    def _break(self) -> None:
        self.is_reusable = False
        answer = self.answer
        if answer is None or not answer.is_complete:
            self.is_broken = True

    # llhttp calls these.

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.lower()
        if self.answer is not None:
            if may_trail(key):
                self.answer.trailers.append(name + b": " + value)
            return
        rule = self._rules.get(key)
        if rule is not None:
            add_noted(self._noted, key, value)
            if rule is Rule.HOLD:
                return
        self._lines.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        if self.answer is not None:
            raise _Malformed  # a second answer that nobody asked for
        answer = Answer()
        status = answer.status = self._parser.get_status_code()
        answer.reason, self._reason = self._reason, b""
        answer.lines, self._lines = self._lines, []
        answer.noted, self._noted = self._noted, {}
        connection = answer.noted.get(b"connection")
        if connection is not None:
            answer.lines = without_named(answer.lines, connection)
        if status < 200:
            if status != 101:
                self.interim.append(answer)
                return
            answer.has_body = False
        self._frame(answer)
        self.answer = answer

    def on_body(self, body: bytes) -> None:
        answer = self.answer
        if answer is not None and not answer.is_complete:
            answer.parts.append(body)
        else:
            self.is_reusable = False  # a body behind HEAD's answer

    def on_message_complete(self) -> None:
        if self.answer is not None:
            self.answer.is_complete = True

    def _frame(self, answer: Answer) -> None:
        noted = answer.noted
        length = noted.get(b"content-length")
        coding = noted.get(b"transfer-encoding")
        if length is not None:
            answer.length = int(length)  # llhttp let only digits through
        if coding is not None:
            if coding.strip().lower() != b"chunked":
                raise _Malformed
            answer.is_chunked = True
        if self._is_head or answer.status in _BODILESS or answer.status < 200:
            answer.has_body = False
            # llhttp would wait for the body that HEAD's answer announces.
            answer.is_complete = self._is_head
        elif length is None and coding is None:
            answer.ends_with_connection = True
        if not self._parser.should_keep_alive() and not (self._is_head and b"connection" not in noted):
            self.is_reusable = False


class _Malformed(Exception):  # noqa: N818  never leaves this file
    pass

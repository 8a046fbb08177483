"""Answers as they arrive from an upstream: bytes in, heads and parts of bodies out. No sockets, no time.

As with requests there are two ways through (see request_reader.py): the head of an answer that comes in one piece, with
a length, is looked up; everything else goes to an llhttp that calls us for each field.

What is not one well-formed answer to the request that was sent makes the connection useless, and says so: a second way
of framing, another transfer coding than chunked, bytes behind the end. An answer without either framing ends where the
connection does (RFC 9112 section 6.3).
"""

from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from watchtower.http1.fields import is_length, sort_field
from watchtower.http1.heads import AnswerTable
from watchtower.http1.response import BODILESS, Answer, AnswerHead

# Of an answer's head, or its trailers: nginx takes 4 or 8 KiB, Envoy 60.
MAX_HEAD: Final = 64 * 1024


class ResponseReader:
    """Reads the answers on one connection, one for each call of `expect`."""

    __slots__ = (
        "_fed",
        "_is_begun",
        "_is_head",
        "_left",
        "_lines",
        "_noted",
        "_parser",
        "_reason",
        "_table",
        "answer",
        "interim",
        "is_broken",
        "is_reusable",
        "rest",
    )

    def __init__(self, table: AnswerTable) -> None:
        self._table = table
        self._parser: HttpResponseParser | None = None
        self._is_begun = False  # the long way is taken
        self._is_head = False
        self._left = 0  # bytes of the body, on the short way
        self._fed = 0  # bytes since a head was whole or a part of a body came: of a head, or of trailers
        self._lines: list[bytes] = []
        self._noted: dict[bytes, bytes] = {}
        self._reason = b""
        self.answer: Answer | None = None  # the final one
        self.interim: list[Answer] = []  # 1xx, until they are taken
        self.is_broken = False  # what came is not an answer
        self.is_reusable = True  # another request may follow on this connection
        self.rest = b""  # behind a 101: bytes of the other protocol

    def expect(self, is_head: bool) -> None:
        """The next answer belongs to a new request; one to HEAD has no body, whatever its head says."""
        self.answer = None
        self._is_begun = False
        self._fed = 0
        self._parser = None  # nothing that it may hold belongs to this answer
        self._is_head = is_head

    def feed(self, data: bytes) -> None:
        if self._left:
            self._feed_body(data)
        elif self._is_begun or not self._feed_answer(data):
            self._is_begun = True
            self._parse(data)

    def feed_eof(self) -> None:
        """The upstream closed: the end of an answer that has no other, or a broken one."""
        self.is_reusable = False
        answer = self.answer
        if answer is not None and answer.ends_with_connection:
            answer.is_complete = True

    # The short way.

    def _feed_answer(self, data: bytes) -> bool:
        """Whether the data began with an answer that could be read so."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 5 or self._is_head or self.answer is not None:
            return False
        raw = data[:end]
        head = self._table.known.get(raw) or self._table.read(raw)
        if head is None or head.length is None:
            return False
        answer = self.answer = Answer(head)
        size = head.length
        if len(data) == end + size:
            answer.is_complete = True
            if size:
                answer.parts.append(data[end:])
        elif size:
            self._left = size
            if len(data) > end:
                self._feed_body(data[end:])
        else:
            answer.is_complete = True
            self.is_reusable = False  # bytes that belong to no request
        return True

    def _feed_body(self, data: bytes) -> None:
        if len(data) > self._left:
            data = data[: self._left]
            self.is_reusable = False
        self._left -= len(data)
        answer = self.answer
        if answer is not None:
            answer.parts.append(data)
            answer.is_complete = not self._left

    # The long way.

    def _parse(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            if self._parser is None:
                self._parser = HttpResponseParser(self)
            self._parser.feed_data(data)
        except HttpParserUpgrade as pause:
            self.rest = data[pause.args[0] :]
        except HttpParserCallbackError as error:
            if not isinstance(error.__context__, _Malformed):
                raise  # a defect of ours, not the upstream's
            self._break()
        except HttpParserError:
            self._break()
        if self._fed > MAX_HEAD:
            self._break()

    def _break(self) -> None:
        self.is_reusable = False
        answer = self.answer
        if answer is None or not answer.is_complete:
            self.is_broken = True

    # llhttp calls these.

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.answer is not None:
            self.answer.add_trailer(name, value)
        else:
            sort_field(self._table.rules, name, value, self._lines, self._noted)

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self.answer is not None or parser is None:
            raise _Malformed  # a second answer that nobody asked for
        self._fed = 0
        if not is_length(self._noted.get(b"content-length", b"0")):
            raise _Malformed
        status = parser.get_status_code()
        answer = Answer(AnswerHead(status, b"HTTP/1.1 %d %b" % (status, self._reason), self._lines, self._noted))
        self._reason, self._lines, self._noted = b"", [], {}
        if answer.status < 200:
            if answer.status != 101:
                self.interim.append(answer)
                return
            answer.has_body = False
        self._frame(answer, parser)
        self.answer = answer

    def on_body(self, body: bytes) -> None:
        self._fed = 0
        answer = self.answer
        if answer is not None and not answer.is_complete:
            answer.parts.append(body)
        else:
            self.is_reusable = False  # a body behind HEAD's answer

    def on_message_complete(self) -> None:
        if self.answer is not None:
            self.answer.is_complete = True

    def on_message_begin(self) -> None:
        if self.answer is not None:
            self.is_reusable = False  # bytes behind the answer, though they may not show yet what they are

    def _frame(self, answer: Answer, parser: HttpResponseParser) -> None:
        head = answer.head
        if head.is_chunked and head.noted[b"transfer-encoding"].lower() != b"chunked":
            raise _Malformed
        if self._is_head or answer.status in BODILESS or answer.status < 200:
            answer.has_body = False
            # llhttp would wait for the body that HEAD's answer announces.
            answer.is_complete = self._is_head
        elif head.length is None and not head.is_chunked:
            answer.ends_with_connection = True
        if not parser.should_keep_alive() and not (self._is_head and b"connection" not in head.noted):
            self.is_reusable = False


class _Malformed(Exception):  # noqa: N818  never leaves this file
    pass

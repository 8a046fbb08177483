"""Heads and what they mean, remembered: a client repeats its head, or most of its lines, with every request.

A head that came before is one look-up; in one that did not, each line that came before is (measured: 3 µs to read a
head anew, 0.2 µs to know it again). What is remembered was read by llhttp for its grammar, so knowing it again is as
strict as reading it again. Only heads that stand for themselves are remembered: with a length or without a body, and no
wish about the connection.
"""

from typing import Final, Generic, TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from watchtower.http1.fields import Rule, Rules, add_noted, is_length
from watchtower.http1.request import RequestHead
from watchtower.http1.response import BODILESS, AnswerHead

# Clients that never repeat themselves cost us the memory of these and no more.
HEADS: Final = 512
LINES: Final = 1024
LONGEST_HEAD: Final = 2048
LONGEST_LINE: Final = 256

# Different with nearly every message: to remember them would only drive out the others.
_VARYING: Final = frozenset((b"x-request-id", b"traceparent", b"date"))
_KEEPS: Final = frozenset((None, b"keep-alive", b"Keep-Alive"))
_NEEDS_MORE: Final = frozenset((b"expect", b"transfer-encoding", b"upgrade"))

_H = TypeVar("_H", RequestHead, AnswerHead)
_Meaning = tuple[bytes, bytes, bool]  # key, value, whether the line passes
_PASSES: Final[_Meaning] = (b"", b"", True)


class LineTable:
    """Header lines of heads whose grammar somebody answers for."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._known: dict[bytes, _Meaning] = {}

    def sort(self, lines: list[bytes]) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The lines that pass, and the values that are noted."""
        known = self._known
        passing: list[bytes] = []
        noted: dict[bytes, bytes] = {}
        for line in lines:
            meaning = known.get(line)
            if meaning is None:
                meaning = self._learn(line)
            key, value, passes = meaning
            if key:
                add_noted(noted, key, value)
            if passes:
                passing.append(line)
        return passing, noted

    def _learn(self, line: bytes) -> _Meaning:
        name, _, value = line.partition(b":")
        key = name.lower()
        rule = self.rules.get(key)
        meaning = _PASSES if rule is None else (key, value.strip(b" \t"), rule is Rule.NOTE)
        if len(line) <= LONGEST_LINE and key not in _VARYING:
            if len(self._known) >= LINES:
                self._known.clear()
            self._known[line] = meaning
        return meaning


class HeadTable(Generic[_H]):
    """Heads by their bytes; what one means is told by `_read`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.known: dict[bytes, _H] = {}
        self._lines = LineTable(rules)

    def read(self, head: bytes) -> _H | None:
        """A whole head that is not known, its blank line included; None when it takes more to read it, or to refuse it."""
        read = self._read(head)
        if read is not None and len(head) <= LONGEST_HEAD:
            if len(self.known) >= HEADS:
                self.known.clear()
            self.known[head] = read
        return read

    def _read(self, head: bytes) -> _H | None:
        raise NotImplementedError


class RequestTable(HeadTable[RequestHead]):
    def _read(self, head: bytes) -> RequestHead | None:
        first, *lines = head[:-4].split(b"\r\n")
        words = first.split(b" ")
        if len(words) != 3 or words[2] != b"HTTP/1.1" or not words[0].isalpha():
            return None  # llhttp passes over any line breaks before the method
        passing, noted = self._lines.sort(lines)
        if noted.get(b"connection") not in _KEEPS or not _NEEDS_MORE.isdisjoint(noted):
            return None
        read = RequestHead(words[0], words[1], passing, noted)
        return read if read.judge() is None and _is_request(head) else None


class AnswerTable(HeadTable[AnswerHead]):
    """Of final answers with a body and its length."""

    def _read(self, head: bytes) -> AnswerHead | None:
        first, *lines = head[:-4].split(b"\r\n")
        version, _, rest = first.partition(b" ")
        status = int(rest[:3]) if rest[:3].isdigit() else 0
        if version != b"HTTP/1.1" or status < 200 or status in BODILESS:
            return None
        passing, noted = self._lines.sort(lines)
        if noted.get(b"connection") not in _KEEPS or b"transfer-encoding" in noted:
            return None
        if not is_length(noted.get(b"content-length", b"")) or not _is_answer(head):
            return None
        return AnswerHead(status, first, passing, noted)


def _is_request(head: bytes) -> bool:
    try:
        HttpRequestParser(None).feed_data(head)
    except (HttpParserError, HttpParserUpgrade):
        return False
    return True


def _is_answer(head: bytes) -> bool:
    try:
        HttpResponseParser(None).feed_data(head)
    except (HttpParserError, HttpParserUpgrade):
        return False
    return True

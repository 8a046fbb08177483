"""The journal's format, version 1. This text is its specification.

A segment is a file of frames: one that says what the segment is, then one for each record. Integers are big-endian.

    frame      = marker (3 bytes)  version (1)  length (4)  complement (4)  crc (4)  payload (length bytes)
    marker     = C1 57 53 for the segment's head, C1 57 52 for a record
    version    = of the payload's layout; the framing itself never changes, a new one would get a new marker
    length     = of the payload, at most 32 MiB
    complement = the length with every bit turned: a length that lies is found out at once, and hides nothing behind it
    crc        = CRC-32 (zlib's, ISO 3309) of the frame's first 12 bytes and then of the payload

    head, version 1    = MessagePack array: stream (str), sequence (int), created (int, wall clock, ns since 1970)
    record, version 1  = MessagePack array: the fields of `record.Exchange` in its order

Laws, for whoever writes and whoever reads:

- New fields go at the end of the array. A reader fills those that it misses with their defaults and passes over those
  that it does not know, an outcome that it does not know stays text; none of this needs a new version.
- A reader steps over a record of a newer version, or one that it cannot decode, by its length, and counts it.
- A writer only appends, and cuts away what it could not append whole. So bytes at the end that begin a frame are a torn
  tail: a writer was killed there. Everything else that is no frame is damage: a reader looks for the next frame whose
  CRC holds, and counts the bytes between. The marker begins with C1, which neither UTF-8 nor MessagePack's own syntax
  has; only a binary body can contain it, and only a body that itself holds journal frames can, when its own record is
  damaged, be mistaken for records.
"""

from collections.abc import Iterator
from enum import StrEnum
from struct import Struct
from typing import Final, NamedTuple

import msgspec
from isal.isal_zlib import crc32  # zlib's function, five times as fast: 0.2 µs instead of 1.5 for 9 kB
from msgspec import structs

from watchtower.journal.stored import SegmentHead, StoredExchange
from watchtower.record import Exchange

VERSION: Final = 1
MAX_PAYLOAD: Final = 32 * 1024**2  # two bodies of 16 MiB; Kafka and gRPC refuse over 1 and 4 MiB by default

_HEAD: Final = b"\xc1WS"
_RECORD: Final = b"\xc1WR"
_FRAME: Final = Struct(">3sBIII")
_CHECKED: Final = Struct(">3sBII")
_CRC: Final = Struct(">I")
_ALL_BITS: Final = 0xFFFFFFFF
COPIED: Final = 2048  # bytes of bodies up to which a copy is cheaper than parts
_NO_BODIES: Final = b"\xc4\x00\xc4\x00"  # two empty bodies, as they end a record


class Fault(StrEnum):
    """Why bytes of a segment are not a record."""

    TORN = "torn"  # the segment ends within a frame
    BAD_MARKER = "bad_marker"
    BAD_LENGTH = "bad_length"
    BAD_CRC = "bad_crc"
    NEWER = "newer"  # whole, and written by a later version
    UNDECODABLE = "undecodable"  # whole, and not what its version says


class Record(NamedTuple):
    exchange: Exchange
    end: int  # the offset behind it


class Damage(NamedTuple):
    start: int
    end: int
    fault: Fault

    @property
    def size(self) -> int:
        return self.end - self.start


class TooLargeError(ValueError):
    """The caller's: a record is over the format's limit."""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_head: Final = msgspec.msgpack.Decoder(SegmentHead).decode
_decode_record: Final = msgspec.msgpack.Decoder(StoredExchange).decode


def encode(exchange: Exchange) -> bytes:
    return b"".join(encode_parts(exchange))


def encode_parts(exchange: Exchange) -> list[bytes]:
    """The record's frame, in parts of which the last are the bodies themselves where they are large.

    A body of 4 kB would be copied three times on its way into a file (measured: 5 µs of the loop for a pair); `writev`
    takes it from where it is.
    """
    if len(exchange.request_body) + len(exchange.response_body) < COPIED:
        payload = _encode(exchange)
        return [_frame(_RECORD, payload)]
    bodiless = _encode(structs.replace(exchange, request_body=b"", response_body=b""))[: -len(_NO_BODIES)]
    request, response = exchange.request_body, exchange.response_body
    # A shadow's record has no request: its first part reaches to the answer. Every part costs a little in each step on
    # its way (measured: 1 µs a pair for four parts more).
    if request:
        first, rest = bodiless + _bin_head(request), [request, _bin_head(response), response]
    else:
        first, rest = bodiless + _bin_head(b"") + _bin_head(response), [response]
    return [_frame_head(_RECORD, first, rest) + first, *rest]


def encode_head(head: SegmentHead) -> bytes:
    return _frame(_HEAD, _encode(head))


def _frame(marker: bytes, payload: bytes) -> bytes:
    length = len(payload)
    checked = _CHECKED.pack(marker, VERSION, length, length ^ _ALL_BITS)
    return checked + _CRC.pack(crc32(payload, crc32(checked))) + payload


def _frame_head(marker: bytes, first: bytes, rest: list[bytes]) -> bytes:
    length = len(first) + sum(map(len, rest))
    if length > MAX_PAYLOAD:
        raise TooLargeError(f"a record of {length} bytes is over the journal's limit of {MAX_PAYLOAD}")
    checked = _CHECKED.pack(marker, VERSION, length, length ^ _ALL_BITS)
    crc = crc32(first, crc32(checked))
    for part in rest:
        crc = crc32(part, crc)
    return checked + _CRC.pack(crc)


def _bin_head(body: bytes) -> bytes:
    """How MessagePack begins bytes of this length."""
    length = len(body)
    if length < 2**8:
        return b"\xc4" + length.to_bytes(1, "big")
    if length < 2**16:
        return b"\xc5" + length.to_bytes(2, "big")
    return b"\xc6" + length.to_bytes(4, "big")


def whole_frames(data: bytes | bytearray) -> tuple[int, int]:
    """How many frames that we wrote ourselves lie whole in `data`, and where the last of them ends."""
    count, at = 0, 0
    while len(data) - at >= _FRAME.size:
        end = at + _FRAME.size + _FRAME.unpack_from(data, at)[2]
        if end > len(data):
            break
        count, at = count + 1, end
    return count, at


class Scanner:
    """Finds the records in a segment's bytes, however they are cut: feed some, take what is found, feed more."""

    def __init__(self, offset: int = 0) -> None:
        self._data = b""
        self._base = offset  # of the data's first byte
        self._at = 0
        self._lost: tuple[int, Fault] | None = None  # where the damage began that we are in

    @property
    def offset(self) -> int:
        """Everything before it has been told; a scanner that begins here tells the rest."""
        return self._base + self._at if self._lost is None else self._lost[0]

    def feed(self, data: bytes) -> None:
        self._base += self._at
        self._data = self._data[self._at :] + data
        self._at = 0

    def found(self) -> Iterator[Record | Damage | SegmentHead]:
        while True:
            if self._lost is None:
                verdict = _judge(self._data, self._at)
                if isinstance(verdict, Fault):
                    self._lost = (self.offset, verdict)
                    self._at += 1
                    continue
            else:
                verdict = self._search()
                if verdict:
                    start, fault = self._lost
                    self._lost = None
                    yield Damage(start, self.offset, fault)
            if not verdict:
                return
            yield self._take(verdict)

    def finish(self) -> Damage | None:
        """How the segment ends when no more bytes will come: `None` is a clean end."""
        end = self._base + len(self._data)
        if self.offset == end:
            return None
        start, fault = self._lost or (self.offset, Fault.TORN)
        return Damage(start, end, fault)

    def _take(self, size: int) -> Record | Damage | SegmentHead:
        start = self.offset
        marker, version, *_ = _FRAME.unpack_from(self._data, self._at)
        payload = self._data[self._at + _FRAME.size : self._at + size]
        self._at += size
        if version > VERSION:
            return Damage(start, self.offset, Fault.NEWER)
        try:
            if marker == _HEAD:
                return _decode_head(payload)
            stored = _decode_record(payload)
        except msgspec.DecodeError:
            return Damage(start, self.offset, Fault.UNDECODABLE)
        return Record(Exchange(*msgspec.structs.astuple(stored)), self.offset)

    def _search(self) -> int:
        """The size of the next whole frame, having moved to it; 0 while there is none."""
        unsure = len(self._data)
        at = self._at
        while (at := self._data.find(_RECORD[:1], at)) >= 0:
            verdict = _judge(self._data, at)
            if isinstance(verdict, int):
                if verdict:
                    self._at = at
                    return verdict
                # It may be whole once more bytes come, or it may be damage that claims a length. Frames behind it decide.
                unsure = min(unsure, at)
            at += 1
        self._at = unsure
        return 0


def _judge(data: bytes, at: int) -> int | Fault:
    """The size of the frame at `at`, 0 when it takes more bytes to tell, or what is wrong with it."""
    room = len(data) - at
    if room < _FRAME.size:
        begun = data[at : at + len(_RECORD)]
        return 0 if _RECORD.startswith(begun) or _HEAD.startswith(begun) else Fault.BAD_MARKER
    marker, _, length, complement, crc = _FRAME.unpack_from(data, at)
    if marker not in (_RECORD, _HEAD):
        return Fault.BAD_MARKER
    if length ^ complement != _ALL_BITS or length > MAX_PAYLOAD:
        return Fault.BAD_LENGTH
    size = _FRAME.size + int(length)
    if room < size:
        return 0
    payload = memoryview(data)[at + _FRAME.size : at + size]
    return size if crc32(payload, crc32(data[at : at + _CHECKED.size])) == crc else Fault.BAD_CRC

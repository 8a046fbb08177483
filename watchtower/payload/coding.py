"""Takes content codings off a body: gzip, deflate, br and zstd (RFC 9110 section 8.4, RFC 7932, RFC 8878).

However little is sent, no more than the limit is ever made, so a bomb costs the memory and the time of one large body.
A body that ends within its coding is refused: what it decodes to is not what was sent.
"""

import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]
import zstandard

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_BODY

# curl undoes five at most, since 2022 when a chain of thousands made it a bomb (CVE-2022-32206).
MAX_CODINGS: Final = 5
# Members and frames that follow one another are legal, and nobody sends more than a few; each costs a copy of the rest.
MAX_MEMBERS: Final = 64
# RFC 9659: who sends zstd over HTTP keeps to this window, so a reader may refuse more.
_ZSTD_WINDOW: Final = 8 * 1024 * 1024
_STEP: Final = 256 * 1024

# One member: what it holds, and what follows it.
_Member = Callable[[bytes, int], tuple[bytes, bytes]]


def decoded(body: bytes, content_encoding: bytes, limit: int = MAX_BODY) -> bytes:
    """The body as it was before its codings, the last of which was put on last."""
    codings = [word.strip().lower() for word in content_encoding.split(b",")] if content_encoding else []
    if len(codings) > MAX_CODINGS:
        raise PayloadError(Fault.BAD_ENCODING, f"{len(codings)} codings, more than {MAX_CODINGS}")
    for coding in reversed(codings):
        if coding not in {b"", b"identity"}:
            body = _without(coding, body, limit)
    if len(body) > limit:
        raise PayloadError(Fault.TOO_LARGE, f"more than {limit} bytes")
    return body


def _without(coding: bytes, body: bytes, limit: int) -> bytes:
    match coding:
        case b"gzip" | b"x-gzip":
            return _members(_gzip_member, body, limit)
        case b"deflate":
            return _deflate(body, limit)
        case b"br":
            return _brotli(body, limit)
        case b"zstd":
            return _members(_zstd_frame, body, limit)
    raise PayloadError(Fault.BAD_ENCODING, "a coding that is not read")


def _members(member: _Member, body: bytes, limit: int) -> bytes:
    parts, size = [], 0
    for _ in range(MAX_MEMBERS):
        part, body = member(body, limit - size)
        parts.append(part)
        size += len(part)
        if not body:
            return b"".join(parts)
    raise PayloadError(Fault.BAD_ENCODING, f"more than {MAX_MEMBERS} members")


def _gzip_member(body: bytes, limit: int) -> tuple[bytes, bytes]:
    return _inflated(body, 16 + zlib.MAX_WBITS, limit)


def _deflate(body: bytes, limit: int) -> bytes:
    """The format of zlib, by RFC 9110 section 8.4.1.2; some send it without zlib's frame."""
    try:
        text, rest = _inflated(body, zlib.MAX_WBITS, limit)
    except PayloadError as error:
        if error.fault is Fault.TOO_LARGE:
            raise
        text, rest = _inflated(body, -zlib.MAX_WBITS, limit)
    if rest:
        raise _broken()
    return text


def _inflated(body: bytes, window: int, limit: int) -> tuple[bytes, bytes]:
    inflater = zlib.decompressobj(window)
    try:
        text = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise _broken() from None
    if len(text) > limit:
        raise _too_large()
    if not inflater.eof:
        raise _broken()
    return text, inflater.unused_data


def _brotli(body: bytes, limit: int) -> bytes:
    """The library has no end of file: what follows the end is an error of the next call, or leaves it unfinished."""
    decoder = brotli.Decompressor()
    parts, size = [], 0
    try:
        part = decoder.process(body, output_buffer_limit=min(_STEP, limit + 1))
        while part:
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _too_large()
            if decoder.is_finished():
                return b"".join(parts)
            part = decoder.process(b"", output_buffer_limit=_STEP)
        is_finished = decoder.is_finished()
    except brotli.error:
        raise _broken() from None
    if not is_finished:
        raise _broken()
    return b"".join(parts)


def _zstd_frame(body: bytes, limit: int) -> tuple[bytes, bytes]:
    """Read twice: the reader bounds what is made and does not say whether the frame was whole, the other the reverse."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        if len(decompressor.stream_reader(body).read(limit + 1)) > limit:
            raise _too_large()
        whole = decompressor.decompressobj()
        text = whole.decompress(body)
    except zstandard.ZstdError:
        raise _broken() from None
    if not whole.eof:
        raise _broken()
    return text, whole.unused_data


def _broken() -> PayloadError:
    return PayloadError(Fault.BAD_ENCODING, "broken, cut, or followed by something else")


def _too_large() -> PayloadError:
    return PayloadError(Fault.TOO_LARGE, "decompresses to more than is read")

"""How we say where a body ends (RFC 9112 section 6): always in our own words, from how it was read."""

from typing import Final

LAST_CHUNK: Final = b"0\r\n\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


def chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def chunks(parts: list[bytes]) -> list[bytes]:
    return [chunk(part) for part in parts]


def last_chunk(trailers: list[bytes]) -> bytes:
    return b"\r\n".join((b"0", *trailers, b"", b"")) if trailers else LAST_CHUNK


def length_field(method: bytes, length: int) -> bytes:
    """A length of 0 is said only where the method usually has a body (RFC 9110 section 8.6)."""
    if length or method in {b"POST", b"PUT", b"PATCH"}:
        return b"Content-Length: %d\r\n" % length
    return b""

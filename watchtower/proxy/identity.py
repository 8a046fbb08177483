"""The request id: taken from the client where it can be a header and a label, made where it cannot."""

import re
from collections.abc import Callable
from typing import Final

# What tracing systems send: UUIDs, ULIDs, base64, `1-5759e988-bd862e3fe1be46a994272793`. Nothing that would need quoting.
_TAKEN: Final = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")


def is_usable(request_id: bytes) -> bool:
    return _TAKEN.fullmatch(request_id) is not None


def make_request_id(wall_ns: int, getrandbits: Callable[[int], int]) -> bytes:
    """A UUIDv7 (RFC 9562 section 5.7): sorts by time, so that a journal's reader can find its neighbourhood."""
    bits = getrandbits(74)
    return b"%08x-%04x-7%03x-%04x-%012x" % (
        (wall_ns // 1_000_000) >> 16,
        (wall_ns // 1_000_000) & 0xFFFF,
        bits >> 62,
        0x8000 | (bits >> 48) & 0x3FFF,
        bits & 0xFFFFFFFFFFFF,
    )

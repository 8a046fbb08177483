from typing import Literal

import msgspec

from watchtower.units import Bytes, BytesOrZero, Seconds, Share


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the journal keeps, and for how long."""

    sample: Share = 1.0  # by hash of the request id, so that a pair is kept or left out together
    max_body: BytesOrZero = 64 * 1024  # of each body; what is longer is cut, and says so
    redact: tuple[str, ...] = ()  # values never to be written: $.name, $.a.b, $.items[*].name, $..name
    headers: tuple[str, ...] = ()  # names of those to keep; credentials and cookies are never kept
    retention: Seconds = 7 * 86400.0  # older segments are removed, and bodies that are shown of the worst pairs
    max_disk: Bytes = 5 * 1024**3  # of the whole journal: beyond it the oldest segments are removed
    fsync: Seconds | Literal["never"] = 1.0  # how much of the last moments a power cut may take
    segment_size: Bytes = 64 * 1024**2  # a file of this size is closed and the next one begun
    segment_age: Seconds = 300.0  # a file of this age is closed, too
    max_buffer: Bytes = 16 * 1024**2  # records waiting for the disk; beyond it they are dropped, and counted

    def headers_noted(self) -> tuple[bytes, ...]:
        return tuple(name.lower().encode() for name in self.headers)

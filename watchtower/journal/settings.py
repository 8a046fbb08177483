from typing import Literal

import msgspec

from watchtower.units import Bytes, Seconds, Share


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the journal keeps, and for how long."""

    sample: Share = 1.0  # by hash of the request id, so that a pair is kept or left out together
    max_body: Bytes = 64 * 1024
    redact: tuple[str, ...] = ()  # $.name, $.a.b, $.items[*].name, $..name
    headers: tuple[str, ...] = ()
    retention: Seconds = 7 * 86400.0
    max_disk: Bytes = 5 * 1024**3
    fsync: Seconds | Literal["never"] = 1.0
    segment_size: Bytes = 64 * 1024**2
    segment_age: Seconds = 300.0
    max_buffer: Bytes = 16 * 1024**2  # records waiting for the disk; beyond it they are dropped, and counted

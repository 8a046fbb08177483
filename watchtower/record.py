"""The records that cross a boundary between planes, and the closed lists that they and the metrics share.

An `Exchange` is one request and what became of it: one for the primary, one for each shadow that was asked, joined by
the request id. What came off the wire stays bytes; what the configuration names is text. A duration that was never
reached is `NEVER`.
"""

from enum import StrEnum

import msgspec

NEVER = -1


class Word(StrEnum):
    """A word of a closed list; it is a key wherever things are counted, and Enum's own hash is a slow one."""

    __hash__ = str.__hash__


class Role(Word):
    """On whose behalf the exchange was made."""

    PRIMARY = "primary"
    SHADOW = "shadow"


class Outcome(Word):
    """How a primary exchange ended: exactly one for each request that an endpoint took."""

    ANSWERED = "answered"  # the upstream's answer reached its end, whatever its status below 400
    ERROR_STATUS = "error_status"  # the same, with a status of 400 or more
    CONNECT_FAILED = "connect_failed"  # no connection to the upstream could be made
    RESET = "reset"  # the upstream closed before its answer was complete
    TIMED_OUT = "timed_out"  # the upstream was slower than the configured time
    BAD_ANSWER = "bad_answer"  # what the upstream sent is not HTTP
    CANCELLED = "cancelled"  # the client left first
    REFUSED = "refused"  # watchtower answered itself: too large, stalled, too many in flight, malformed body
    UPGRADED = "upgraded"  # the connection became a tunnel


class ShadowOutcome(Word):
    """How a request fared at one shadow: exactly one for each request that its endpoint took."""

    ANSWERED = "answered"  # answered whole with a status below 400
    ERROR_STATUS = "error_status"  # answered whole with a status of 400 or more
    CONNECT_FAILED = "connect_failed"
    RESET = "reset"
    TIMED_OUT = "timed_out"  # its deadline passed, in the queue or on the way
    BAD_ANSWER = "bad_answer"
    SKIPPED_BY_SAMPLE = "skipped_by_sample"
    TOO_LARGE = "too_large"  # the request or the answer is over the shadow's max_body
    STREAMING_UPGRADE = "streaming_upgrade"  # an Upgrade request has no end that could be mirrored
    QUEUE_FULL = "queue_full"
    BREAKER_OPEN = "breaker_open"
    SHUTTING_DOWN = "shutting_down"
    INCOMPLETE = "incomplete"  # the client's request never arrived whole, or was refused: there was nothing to mirror


class BodyNote(Word):
    """Why a kept body is, or is not, the body that was sent."""

    WHOLE = "whole"  # kept as it was sent
    NONE = "none"  # there was none
    CUT = "cut"  # longer than capture.max_body: the beginning is kept
    REDACTED = "redacted"  # kept with the configured paths replaced
    UNREADABLE = "unreadable"  # should be redacted and could not be parsed: not kept
    NOT_KEPT = "not_kept"  # not asked for: not sampled, or already with the primary's record


class Exchange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request and what became of it. New fields go at the end, with a default: old records stay readable."""

    request_id: bytes
    role: Role
    endpoint: str
    variant: str  # of a shadow's exchange: the shadow's name
    outcome: Outcome | ShadowOutcome | str
    started_ns: int  # wall clock, nanoseconds since 1970
    # Durations begin when the request's head was read; a shadow's when it left the shadow's queue.
    queue_ns: int  # until a connection was free or begun; a shadow's time in the queue before
    connect_ns: int  # of that, connecting (0 on a kept connection)
    first_byte_ns: int  # until the first byte of the answer
    total_ns: int  # until the end, whichever way it ended
    parts: int  # of the answer's body, as they arrived
    first_part_ns: int
    last_part_ns: int
    method: bytes
    target: bytes
    status: int  # 0 when no answer came
    request_type: bytes
    request_encoding: bytes
    response_type: bytes
    response_encoding: bytes
    request_size: int  # bytes of the body as sent
    response_size: int
    request_note: BodyNote
    response_note: BodyNote
    request_headers: tuple[tuple[bytes, bytes], ...]  # those chosen by capture.headers
    response_headers: tuple[tuple[bytes, bytes], ...]
    test_run: bytes = b""  # x-watchtower-test, when this is test traffic
    traceparent: bytes = b""
    reason: str = ""  # why, when watchtower answered in the upstream's place
    # How long the model itself took: from the request's last byte sent until the answer's last byte came, or until the
    # end when it did not. One clock for a primary and a shadow: without the client's upload and its slow reading, without
    # queue and connecting. NEVER when the request was neither sent whole nor answered.
    service_ns: int = NEVER
    # The worker's monotonic clock when the request's head was read; a shadow's has the primary's. It tells requests apart
    # to which their client gave the same id: who passes its caller's on may send a hundred with it at once.
    read_ns: int = NEVER
    unsampled: tuple[str, ...] = ()  # a primary's: the shadows whose sample leaves it out, who have no record of it
    request_body: bytes = b""
    response_body: bytes = b""


class KeptRequest(msgspec.Struct, frozen=True):
    """A client's request as the proxy hands it to the mirror, once for each request that an endpoint took."""

    request_id: bytes
    method: bytes
    target: bytes
    host: bytes
    fields: bytes  # header lines that pass a hop, each with its end
    own_fields: bytes  # what the proxy added: X-Forwarded-*, the request id
    noted: dict[bytes, bytes]  # values by lower-case name
    content_type: bytes
    content_encoding: bytes
    parts: list[bytes] | None  # the body, None when it is longer than anybody keeps
    size: int
    read_ns: int  # monotonic, when its head was read
    is_whole: bool  # False: it never arrived whole, or was refused
    is_upgrade: bool
    is_captured: bool  # the primary's record is in the journal: so is the shadow's

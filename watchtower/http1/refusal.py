"""What watchtower answers itself, in the upstream's place: a closed list of reasons, each with its status and sentence.

The reason is the metric's label, the journal's `reason` and the `reason` of the body (application/problem+json,
RFC 9457), so that the client's log, the dashboard and the record name a refusal alike.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

import msgspec


class Refusal(StrEnum):
    # The client's request cannot be read as one request.
    MALFORMED_HEAD = "malformed_head"
    AMBIGUOUS_FRAMING = "ambiguous_framing"
    UNKNOWN_CODING = "unknown_coding"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_METHOD = "unknown_method"
    UNKNOWN_EXPECTATION = "unknown_expectation"
    BAD_HOST = "bad_host"
    BAD_BODY = "bad_body"
    # It is larger or slower than the configuration allows.
    HEAD_TOO_LARGE = "head_too_large"
    TARGET_TOO_LONG = "target_too_long"
    BODY_TOO_LARGE = "body_too_large"
    HEAD_TIMEOUT = "head_timeout"
    BODY_TIMEOUT = "body_timeout"
    # It can be read, and there is nowhere to send it.
    NO_ENDPOINT = "no_endpoint"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_IN_FLIGHT = "too_many_in_flight"
    TOO_MANY_WAITING = "too_many_waiting"
    # The upstream's fault.
    UPSTREAM_CONNECT_FAILED = "upstream_connect_failed"
    UPSTREAM_RESET = "upstream_reset"
    UPSTREAM_BAD_ANSWER = "upstream_bad_answer"
    UPSTREAM_TIMED_OUT = "upstream_timed_out"


ANSWERS: Final[dict[Refusal, tuple[int, str]]] = {
    Refusal.MALFORMED_HEAD: (400, "The request line or a header is malformed."),
    Refusal.AMBIGUOUS_FRAMING: (400, "Content-Length and Transfer-Encoding do not say where the body ends."),
    Refusal.UNKNOWN_CODING: (501, "The only transfer coding understood here is chunked."),
    Refusal.UNKNOWN_VERSION: (505, "Only HTTP/1.1 and HTTP/1.0 are spoken here."),
    Refusal.UNKNOWN_METHOD: (501, "The method is not one that can be forwarded."),
    Refusal.UNKNOWN_EXPECTATION: (417, "The only expectation understood here is 100-continue."),
    Refusal.BAD_HOST: (400, "A request carries exactly one Host header, with a host and a port."),
    Refusal.BAD_BODY: (400, "The body's chunks are malformed."),
    Refusal.HEAD_TOO_LARGE: (431, "The request line and headers are larger than the configured limit."),
    Refusal.TARGET_TOO_LONG: (414, "The request target is longer than the configured limit."),
    Refusal.BODY_TOO_LARGE: (413, "The body is larger than the configured limit."),
    Refusal.HEAD_TIMEOUT: (408, "The request line and headers were not complete in time."),
    Refusal.BODY_TIMEOUT: (408, "The body stopped arriving."),
    Refusal.NO_ENDPOINT: (404, "No endpoint is configured for this host and path."),
    Refusal.TOO_MANY_CONNECTIONS: (503, "This worker has as many connections of clients as it may."),
    Refusal.TOO_MANY_IN_FLIGHT: (503, "The endpoint has as many requests in flight as it may."),
    Refusal.TOO_MANY_WAITING: (503, "Every connection to the upstream is busy, and as many requests wait as may."),
    Refusal.UPSTREAM_CONNECT_FAILED: (502, "No connection to the upstream could be made."),
    Refusal.UPSTREAM_RESET: (502, "The upstream closed the connection before it answered."),
    Refusal.UPSTREAM_BAD_ANSWER: (502, "The upstream's answer is not well-formed HTTP."),
    Refusal.UPSTREAM_TIMED_OUT: (504, "The upstream did not answer in time."),
}

RETRY_AFTER_S: Final = 1


def problem(refusal: Refusal, request_id: bytes, *, close: bool, bodiless: bool = False) -> bytes:
    """The whole answer, head and body; to a HEAD request without the body."""
    status, detail = ANSWERS[refusal]
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "reason": refusal.value,
            "request_id": request_id.decode("latin-1"),
        }
    )
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"x-request-id: {request_id.decode('latin-1')}\r\n"
    )
    if status == 503:
        head += f"Retry-After: {RETRY_AFTER_S}\r\n"
    if close:
        head += "Connection: close\r\n"
    return (head + "\r\n").encode("latin-1") + (b"" if bodiless else body)

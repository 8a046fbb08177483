"""Heads as they go on from here: what passes, and what this hop writes itself."""

from watchtower.http1.request import RequestHead
from watchtower.http1.response import Answer, AnswerHead


def forwarded_fields(head: RequestHead, peer: bytes, scheme: bytes) -> bytes:
    """`X-Forwarded-*` with this hop added; what an earlier hop said of the scheme and the host stays."""
    noted = head.noted
    before = noted.get(b"x-forwarded-for")
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (
        peer if before is None else before + b", " + peer,
        noted.get(b"x-forwarded-proto", scheme),
        noted.get(b"x-forwarded-host", head.host),
    )


def request_head(head: RequestHead, prefix: bytes, host: bytes, own_fields: bytes) -> bytes:
    """To an upstream whose paths begin with the prefix."""
    fields = head.fields
    if head.upgrade is not None:
        fields = b"%bConnection: Upgrade\r\nUpgrade: %b\r\n" % (fields, head.upgrade)
    return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b\r\n" % (
        head.method,
        prefix,
        head.target,
        host,
        fields,
        own_fields,
        head.framing,
    )


def answer_head(answer: Answer, request_id: bytes, own_fields: bytes, *, to_http11: bool, keep_alive: bool) -> bytes:
    return b"%bx-request-id: %b\r\n%b%b\r\n" % (
        answer.head.first,
        request_id,
        own_fields,
        answer.framing(to_http11=to_http11, keep_alive=keep_alive),
    )


def switching_head(head: AnswerHead, request_id: bytes, own_fields: bytes) -> bytes:
    """A 101; two of its fields belong to one hop, and are written again."""
    return b"%bx-request-id: %b\r\n%bConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (
        head.first,
        request_id,
        own_fields,
        head.noted.get(b"upgrade", b"websocket"),
    )

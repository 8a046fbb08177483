"""What a request is told of the hops before, and an upgrade of this one."""

from watchtower.http1.request import RequestHead
from watchtower.http1.response import AnswerHead


def forwarded_fields(head: RequestHead, peer: bytes, scheme: bytes) -> bytes:
    """`X-Forwarded-*` with this hop added; what an earlier hop said of the scheme and the host stays."""
    noted = head.noted
    before = noted.get(b"x-forwarded-for")
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n" % (
        peer if before is None else before + b", " + peer,
        noted.get(b"x-forwarded-proto", scheme),
        noted.get(b"x-forwarded-host", head.host),
    )


def switching_fields(head: AnswerHead) -> bytes:
    """The two fields of a 101 that belong to this hop, written again."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.noted.get(b"upgrade", b"websocket")

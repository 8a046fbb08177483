"""Which header fields end at this hop, which are ours to write, and which pass.

RFC 9110 section 7.6.1: an intermediary removes Connection and what it names, and the fields that older clients send
without naming them. RFC 9112 section 6: framing is a matter of one hop, so Content-Length and Transfer-Encoding are
always written anew, from how the message was read. A field that is not in a table passes as it came.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final


class Rule(Enum):
    NOTE = 1  # passes, and its value is noted for routing, the journal or the mirror
    HOLD = 2  # ends here; its value is noted, and what goes on is ours


_HOP_BY_HOP: Final = (
    b"connection",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"upgrade",
)
_REQUEST_HOLDS: Final = (
    b"content-length",
    b"host",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
)
_REQUEST_NOTES: Final = (
    b"content-encoding",
    b"content-type",
    b"expect",
    b"traceparent",
    b"x-watchtower-shadow",
    b"x-watchtower-test",
)
_RESPONSE_HOLDS: Final = (b"content-length", b"x-request-id", b"x-watchtower-variant")
_RESPONSE_NOTES: Final = (b"content-encoding", b"content-type")

# RFC 9110 section 6.5.1: a trailer must not change framing, routing, or what the head already said.
_NOT_IN_TRAILERS: Final = frozenset((*_HOP_BY_HOP, *_REQUEST_HOLDS, *_RESPONSE_HOLDS, *_REQUEST_NOTES, b"trailer"))

Rules = Mapping[bytes, Rule]


def request_rules(noted: Iterable[bytes] = ()) -> Rules:
    """The rules for requests; `noted` are further names whose values somebody configured an interest in."""
    return _rules((*_HOP_BY_HOP, *_REQUEST_HOLDS), (*_REQUEST_NOTES, *noted))


def response_rules(noted: Iterable[bytes] = ()) -> Rules:
    return _rules((*_HOP_BY_HOP, *_RESPONSE_HOLDS), (*_RESPONSE_NOTES, *noted))


def _rules(holds: Iterable[bytes], notes: Iterable[bytes]) -> Rules:
    rules = {name.lower(): Rule.NOTE for name in notes}
    rules.update((name, Rule.HOLD) for name in holds)
    return rules


def add_noted(noted: dict[bytes, bytes], key: bytes, value: bytes) -> None:
    """Repeated fields become one list (RFC 9110 section 5.3); cookies have a separator of their own."""
    if key in noted:
        value = noted[key] + (b"; " if key == b"cookie" else b", ") + value
    noted[key] = value


def sort_field(rules: Rules, name: bytes, value: bytes, lines: list[bytes], noted: dict[bytes, bytes]) -> None:
    """A field of a head goes to the lines that pass, to the values that are noted, or to both."""
    key = name.lower()
    rule = rules.get(key)
    if rule is not None:
        add_noted(noted, key, value.rstrip(b" \t"))
        if rule is Rule.HOLD:
            return
    lines.append(name + b": " + value)


def without_named(fields: bytes, connection: bytes) -> bytes:
    """The fields without those that a Connection header names."""
    return without(fields, (token.strip().lower() for token in connection.split(b",") if token.strip()))


def without(fields: bytes, names: Iterable[bytes]) -> bytes:
    """Lines that each have their end, without those of some names in lower case."""
    unwanted = tuple(name + b":" for name in names)
    if not any(name in fields.lower() for name in unwanted):
        return fields
    return b"".join(line for line in fields.splitlines(keepends=True) if not line.lower().startswith(unwanted))


def may_trail(key: bytes) -> bool:
    return key not in _NOT_IN_TRAILERS


def has_token(value: bytes, token: bytes) -> bool:
    return token in (part.strip() for part in value.lower().split(b","))


def cookie(header: bytes, name: bytes) -> bytes | None:
    """The value of one cookie; the first, where a client sends it twice (RFC 6265 section 5.4 puts the longest path first)."""
    for pair in header.split(b";"):
        key, equals, value = pair.strip().partition(b"=")
        if equals and key == name:
            return value
    return None


def is_length(value: bytes) -> bool:
    """RFC 9110 section 8.6, up to 19 digits: 9 EB; Python would not read more than 4,300, and h11 takes 20."""
    return value.isdigit() and len(value) < 20

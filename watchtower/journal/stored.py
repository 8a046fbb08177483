"""What frames hold, as msgspec reads and writes it.

Not compiled, as format.py is: mypyc passes over the options of a class.
"""

import msgspec

from watchtower.record import Exchange


class SegmentHead(msgspec.Struct, frozen=True, array_like=True):
    """What a segment says of itself, in its first frame."""

    stream: str  # one for each run of a writer
    sequence: int
    created_ns: int


class StoredExchange(Exchange, frozen=True, array_like=True, gc=False):
    """An exchange as it is read: msgspec cannot tell two enumerations and a text apart, and need not."""

    outcome: str

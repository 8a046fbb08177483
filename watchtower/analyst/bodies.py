import msgspec

from watchtower.payload.fault import Fault
from watchtower.payload.message import Decoded


class FaultNote(msgspec.Struct, frozen=True):
    """The last body that could not be read for one reason, as the journal keeps it: redacted."""

    request_id: str
    detail: str
    beginning: str
    at_ns: int = 0  # when its exchange began


class Bodies(msgspec.Struct, frozen=True, gc=False):
    asked: Decoded | Fault
    answered: Decoded | Fault
    # Bytes without their coding: what they take in memory follows from these, and not from what was sent. Rows that share
    # no columns count as a body that holds all their cells.
    asked_size: int = 0
    answered_size: int = 0

import msgspec

from watchtower.journal.offsets import Position
from watchtower.payload.fault import Fault
from watchtower.record import Exchange


class Read(msgspec.Struct, frozen=True, gc=False):
    """An exchange, and what its bodies told."""

    exchange: Exchange
    stream: str
    position: Position
    rows: int
    request_fault: Fault | None
    response_fault: Fault | None
    size: int = 0  # bytes of both bodies, without their coding, or of their cells where these are more

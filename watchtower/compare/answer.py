import msgspec

from watchtower.table import EMPTY, Table


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What either side brings to a comparison."""

    outcome: str
    status: int
    service_ns: int
    table: Table = EMPTY  # the output columns
    document: object = None  # the parsed JSON; None where there is none
    body: bytes = b""  # as it was kept
    is_decoded: bool = True  # False: not understood, so that table and document tell nothing
    is_whole: bool = True  # False: cut or not kept, so that the body does not tell either what was answered
    is_beyond_us: bool = False  # not understood because of what we read, and how much: no fault of who answered
    is_redacted: bool = False  # values were taken out before it was kept: all of them look alike

from typing import NamedTuple

from watchtower.record import NEVER
from watchtower.table import Table


class Message(NamedTuple):
    """What an adapter may know of a body beside its bytes, which are decompressed already."""

    target: bytes  # path and query
    content_type: bytes = b""
    status: int = 0  # of an answer; 0 when it is not known
    first_part_ns: int = NEVER  # of an answer, since the request was read
    last_part_ns: int = NEVER
    parts: int = 0

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def media_type(self) -> bytes:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(b";")[0].strip().lower()

    @property
    def is_failure(self) -> bool:
        """An answer that tells of an error: it may be JSON, and holds no rows."""
        return self.status >= 400


class Decoded(NamedTuple):
    table: Table  # EMPTY where the body holds no rows
    document: object = None  # the parsed JSON, or None: what a comparison of structures walks

from functools import lru_cache

import msgspec

from watchtower.record import NEVER
from watchtower.table import Table


@lru_cache(maxsize=256)  # of each exchange it is asked several times, and an endpoint has a few
def media_type(content_type: bytes) -> bytes:
    """Without the parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower()


class Message(msgspec.Struct, frozen=True, gc=False):
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
        return media_type(self.content_type)

    @property
    def is_failure(self) -> bool:
        """An answer that tells of an error: it may be JSON, and holds no rows."""
        return self.status >= 400


class Decoded(msgspec.Struct, frozen=True, gc=False):
    table: Table  # EMPTY where the body holds no rows
    document: object = None  # the parsed JSON, or None: what a comparison of structures walks

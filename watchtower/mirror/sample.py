"""Which requests a shadow sees: a share of all, or of a key's values, so that the same key is always in or always out."""

import random
from collections.abc import Callable
from hashlib import blake2b

from watchtower.http1.fields import cookie
from watchtower.mirror.settings import SampleBySettings
from watchtower.record import KeptRequest

IsSampled = Callable[[KeptRequest], bool]


def sampler(
    share: float, by: str | SampleBySettings, salt: str, chance: Callable[[], float] = random.random
) -> IsSampled | None:
    """The test for one shadow, None where it sees every request; the salt keeps two shadows' samples independent of each other."""
    if share >= 1:
        return None
    if share <= 0:
        return lambda _: False
    if by == "random":
        return lambda _: chance() < share
    key = salt.encode()[:64]
    limit = round(share * 2**64)

    def is_in(value: bytes) -> bool:
        return int.from_bytes(blake2b(value, digest_size=8, key=key).digest(), "big") < limit

    if isinstance(by, str):
        return lambda request: is_in(request.request_id)
    header = by.header.lower().encode() if by.header is not None else None
    name = by.cookie.encode() if by.cookie is not None else b""

    def by_key(request: KeptRequest) -> bool:
        value = request.noted.get(header) if header is not None else cookie(request.noted.get(b"cookie", b""), name)
        return is_in(request.request_id if value is None else value)

    return by_key

"""Which endpoint takes a request, and which of its variants answers. Decisions only: same input, same answer."""

import math
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar

from watchtower.http1.fields import cookie
from watchtower.proxy.settings import KeySettings, MatchSettings


class Matched(Protocol):
    @property
    def match(self) -> MatchSettings: ...


E = TypeVar("E", bound=Matched)


class Router(Generic[E]):
    """The first endpoint that matches wins, as they stand in the configuration."""

    def __init__(self, endpoints: Iterable[E]) -> None:
        self._routes = [(_host_test(e.match.host), e.match.path.rstrip("/").encode(), e) for e in endpoints]

    def find(self, host: bytes, target: bytes) -> E | None:
        for takes_host, path, endpoint in self._routes:
            if (not path or _is_below(target, path)) and (takes_host is None or takes_host(host)):
                return endpoint
        return None


def _is_below(target: bytes, path: bytes) -> bool:
    """By whole segments: /v1 takes /v1, /v1/x and /v1?x, not /v10."""
    return target.startswith(path) and target[len(path) : len(path) + 1] in {b"", b"/", b"?"}


def _host_test(pattern: str) -> Callable[[bytes], bool] | None:
    if pattern == "*":
        return None
    wanted = pattern.lower().encode()
    if wanted.startswith(b"*."):
        return lambda host: _name(host).endswith(wanted[1:])
    return lambda host: _name(host) == wanted or host.lower() == wanted


def _name(host: bytes) -> bytes:
    """Without the port; an IPv6 address keeps its brackets."""
    name, colon, port = host.lower().rpartition(b":")
    return name if colon and port.isdigit() else host.lower()


class Weighted(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> float: ...


V = TypeVar("V", bound=Weighted)


def choose_by_share(variants: Sequence[V], point: float) -> V:
    """The variant at a point between 0 and 1, each taking its weight's share."""
    point *= sum(variant.weight for variant in variants)
    chosen = None
    for variant in variants:
        if variant.weight > 0:
            chosen = variant
            point -= variant.weight
            if point < 0:
                break
    if chosen is None:
        raise ValueError("some weight is above 0")
    return chosen


def choose_by_key(variants: Sequence[V], key: bytes) -> V:
    """Weighted rendezvous hashing: each variant draws a score from the key, and the best wins.

    A variant's score depends on its own name and weight alone, so that a changed weight moves keys only to it or from
    it; and on nothing of the process, so that every worker agrees. Wang and Ravishankar, "Hash-based virtual hierarchies
    for scalable location service" (score -w / ln u).
    """
    return max(variants, key=lambda variant: _score(variant, key))


def _score(variant: Weighted, key: bytes) -> float:
    if variant.weight <= 0:
        return -1.0
    return -variant.weight / math.log(unit_hash(key, variant.name.encode()))


def unit_hash(key: bytes, salt: bytes) -> float:
    """A number strictly between 0 and 1 that belongs to the key and the salt."""
    digest = blake2b(key, digest_size=8, key=salt[:64]).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**64


def key_of(settings: KeySettings, noted: dict[bytes, bytes]) -> bytes | None:
    """The value that a request should stick by; None when it carries none."""
    if settings.header is not None:
        return noted.get(settings.header.lower().encode())
    if settings.cookie is not None and b"cookie" in noted:
        return cookie(noted[b"cookie"], settings.cookie.encode())
    return None

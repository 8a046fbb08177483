from typing import Literal

import msgspec

from watchtower.units import Bytes, Seconds
from watchtower.upstream.settings import PoolSettings, TlsClientSettings


class TlsServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cert: str
    key: str | None = None
    client_ca: str | None = None  # when given, clients must show a certificate that it signed


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    address: str  # host:port
    tls: TlsServerSettings | None = None


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one client may ask of a worker."""

    max_head: Bytes = 32 * 1024  # nginx 4 × 8 KiB, Apache 8 KiB a line, Envoy 60 KiB
    max_target: Bytes = 8 * 1024  # RFC 9112 asks for 8,000 octets at least
    head_timeout: Seconds = 10.0  # from the first byte of a head to its last
    body_timeout: Seconds = 60.0  # between two parts of a request's body; nginx 60 s
    keep_alive: Seconds = 75.0  # longer than the balancers in front of us: AWS ALB 60 s; nginx 75 s
    max_connections: int = 16384


class MatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests an endpoint takes: a host (`*`, `*.example.com` or whole) and a path's beginning, by segments."""

    host: str = "*"
    path: str = "/"


class KeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a request's key is found: one of the two."""

    header: str | None = None
    cookie: str | None = None


class VariantSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    url: str  # http://host:port, https://host:port, unix:/path; a path is put before the request's
    weight: float = 1.0
    tls: TlsClientSettings = TlsClientSettings()


class EndpointSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint as the proxy needs it."""

    name: str
    variants: tuple[VariantSettings, ...]
    match: MatchSettings = MatchSettings()
    sticky: KeySettings | None = None
    pool: PoolSettings = PoolSettings()
    retry: Literal["safe", "always", "never"] = "safe"
    rewrite_host: bool = False
    max_body: Bytes | None = None
    max_in_flight: int = 1024  # for each worker


class DrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    deadline: Seconds = 25.0  # under Kubernetes' grace period of 30 s

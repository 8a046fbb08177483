from typing import Literal

import msgspec

from watchtower.units import Bytes, Count, Seconds, SecondsOrZero, Weight
from watchtower.upstream.settings import PoolSettings, TlsClientSettings


class TlsServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who we are to clients that speak TLS; the files are read again on a reload."""

    cert: str  # a PEM file with the whole chain
    key: str | None = None  # its key, when it is not in the same file
    client_ca: str | None = None  # when given, clients must show a certificate that it signed


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where clients connect."""

    address: str  # host:port
    tls: TlsServerSettings | None = None  # without it, clients speak plain HTTP


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one client may ask of a worker."""

    max_head: Bytes = 32 * 1024  # request line and headers; nginx 4 × 8 KiB, Apache 8 KiB a line, Envoy 60 KiB
    max_target: Bytes = 8 * 1024  # of the request line's URL; RFC 9112 asks for 8,000 octets at least
    head_timeout: Seconds = 10.0  # from the first byte of a head to its last
    body_timeout: Seconds = 60.0  # between two parts of a request's body; nginx 60 s
    keep_alive: Seconds = 75.0  # of an idle connection; longer than the balancers' in front: AWS ALB 60 s; nginx 75 s
    max_connections: Count = 16384  # of clients, for each worker; the next one is answered 503


class MatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests an endpoint takes: a host (`*`, `*.example.com` or whole) and a path's beginning, by segments."""

    host: str = "*"  # without a port
    path: str = "/"  # /v1 takes /v1 and /v1/models, not /v10


class KeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a request's key is found: one of the two."""

    header: str | None = None  # its value is the key
    cookie: str | None = None  # or this cookie's


class VariantSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the models that answer for an endpoint."""

    name: str  # its label in the metrics, and what x-watchtower-variant says
    url: str  # http://host:port, https://host:port or unix:/path; a path is put before the request's
    weight: Weight = 1.0  # its part of the sum of all weights
    tls: TlsClientSettings = TlsClientSettings()  # for an https URL


class EndpointSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint as the proxy needs it."""

    name: str  # its label in the metrics and in the journal
    variants: tuple[VariantSettings, ...]  # each request goes to one of them, by weight
    match: MatchSettings = MatchSettings()  # the first endpoint that matches takes the request
    sticky: KeySettings | None = None  # the same key meets the same variant
    pool: PoolSettings = PoolSettings()  # connections to each variant
    # Only of a request that met a connection closed under it, before a byte of the answer came.
    retry: Literal["safe", "always", "never"] = "safe"  # safe: where RFC 9110 calls the method idempotent
    rewrite_host: bool = False  # send the upstream's own host instead of the client's
    max_body: Bytes | None = None  # of a request; without it, any size streams through
    max_in_flight: Count = 1024  # for each worker; beyond it clients get 503 and Retry-After


class DrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a worker stops."""

    deadline: SecondsOrZero = 25.0  # for what is in flight; under Kubernetes' grace period of 30 s

import msgspec

from watchtower.units import Bytes, Seconds, Share
from watchtower.upstream.settings import TlsClientSettings


class SampleBySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key whose hash decides: the same key is always in or always out."""

    header: str | None = None
    cookie: str | None = None


class HeaderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to the mirrored request's headers; `replace` also adds, `add` keeps what is there."""

    add: dict[str, str] = {}
    replace: dict[str, str] = {}
    drop: tuple[str, ...] = ()


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    failures: int = 5  # in a row; Envoy's outlier detection takes five, too
    pause: Seconds = 1.0  # before the first probe, doubled after each that fails
    max_pause: Seconds = 30.0


class ShadowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shadow of an endpoint. Every budget is for each worker."""

    name: str
    url: str
    sample: Share = 1.0
    sample_by: str | SampleBySettings = "request_id"  # random, request_id, {header: …} or {cookie: …}
    timeout: Seconds = 2.0  # from the end of the client's request to the end of the shadow's answer
    max_in_flight: int = 64
    max_queue: Bytes = 8 * 1024 * 1024
    max_body: Bytes = 1024 * 1024
    headers: HeaderSettings = HeaderSettings()
    path: str | None = None  # `/new`, or `/old=/new` to replace a beginning
    host: str | None = None
    breaker: BreakerSettings = BreakerSettings()
    tls: TlsClientSettings = TlsClientSettings()

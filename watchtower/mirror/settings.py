from typing import Literal

import msgspec

from watchtower.units import Bytes, Count, Seconds, Share
from watchtower.upstream.settings import TlsClientSettings


class SampleBySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key whose hash decides: the same key is always in or always out."""

    header: str | None = None  # its value is the key
    cookie: str | None = None  # or this cookie's


class HeaderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to the mirrored request's headers; `replace` also adds, `add` keeps what is there."""

    add: dict[str, str] = {}  # beside what the client sent
    replace: dict[str, str] = {}  # in its place
    drop: tuple[str, ...] = ()  # names


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a shadow that fails is left alone, and when it is asked again."""

    failures: Count = 5  # in a row; Envoy's outlier detection takes five, too
    pause: Seconds = 1.0  # before the first probe, doubled after each that fails
    max_pause: Seconds = 30.0  # the doubling ends here


class ShadowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shadow of an endpoint. Every budget is for each worker."""

    name: str  # its label in the metrics and its mark on every request
    url: str  # http://host:port, https://host:port or unix:/path; a path is put before the request's
    sample: Share = 1.0  # of the endpoint's requests
    sample_by: Literal["random", "request_id"] | SampleBySettings = "request_id"  # what decides who is in the sample
    timeout: Seconds = 2.0  # from the end of the client's request to the end of the shadow's answer
    max_in_flight: Count = 64  # requests at the shadow at once; the others wait in the queue
    max_queue: Bytes = 8 * 1024 * 1024  # of waiting requests; beyond it they are dropped, and counted
    max_body: Bytes = 1024 * 1024  # of a request or an answer; longer ones are given up, and counted
    headers: HeaderSettings = HeaderSettings()  # changes to the mirrored request's headers
    path: str | None = None  # `/new`, or `/old=/new` to replace a beginning
    host: str | None = None  # the Host header, in place of the client's
    breaker: BreakerSettings = BreakerSettings()  # when to leave a failing shadow alone
    tls: TlsClientSettings = TlsClientSettings()  # for an https URL
    twin: bool = False  # a second instance of the primary: what it disagrees is noise, and taken off the others'

import msgspec

from watchtower.units import Count, CountOrZero, Seconds, SecondsOrZero


class TlsClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an https upstream is trusted, and how we show who we are."""

    verify: bool = True  # false trusts anyone: for a test, on loopback
    ca: str | None = None  # a PEM file that replaces the system's authorities
    cert: str | None = None  # a client certificate, with its key here or in `key`
    key: str | None = None  # a PEM file
    server_name: str | None = None  # what the certificate must say, when it is not the URL's host


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connections to one upstream, for each worker, and how long each step may take."""

    max_connections: Count = 256  # open at once
    max_waiting: CountOrZero = 1024  # requests without a connection; beyond it clients get 503
    connect_timeout: Seconds = 2.0  # TCP and TLS together
    first_byte_timeout: Seconds = 60.0  # from the sent request to the first byte of the answer
    idle_timeout: Seconds = 60.0  # between two parts of an answer
    total_timeout: Seconds | None = None  # of the whole exchange; without it, a stream may last
    # Shorter than the shortest keep-alive among common model servers, so that we close first and no request meets a
    # connection that is being closed: gunicorn 2 s, uvicorn 5 s, nginx 75 s.
    keep_alive: SecondsOrZero = 1.5  # how long an idle connection is kept

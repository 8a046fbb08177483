import msgspec

from watchtower.units import Seconds


class TlsClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an https upstream is trusted, and how we show who we are."""

    verify: bool = True
    ca: str | None = None  # a PEM file that replaces the system's authorities
    cert: str | None = None  # a client certificate, with its key here or in `key`
    key: str | None = None
    server_name: str | None = None  # what the certificate must say, when it is not the URL's host


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connections to one upstream, for each worker, and how long each step may take."""

    max_connections: int = 256
    max_waiting: int = 1024
    connect_timeout: Seconds = 2.0
    first_byte_timeout: Seconds = 60.0
    idle_timeout: Seconds = 60.0  # between two parts of an answer
    total_timeout: Seconds | None = None
    # Shorter than the shortest keep-alive among common model servers, so that we close first and no request meets a
    # connection that is being closed: gunicorn 2 s, uvicorn 5 s, nginx 75 s.
    keep_alive: Seconds = 1.5

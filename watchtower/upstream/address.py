"""Where a model server listens, read from its URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from watchtower.address import is_host, is_v6

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    scheme: str  # http, https or unix
    host: str
    port: int
    socket: str  # the path of a unix socket
    prefix: bytes  # put before the path of every request
    authority: bytes  # what Host says, when it is rewritten

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix:{self.socket}"
        return f"{self.scheme}://{self.authority.decode()}{self.prefix.decode()}"


def parse_url(url: str) -> Address:
    """The address of `http://host:port/prefix`, `https://…` or `unix:/path`; a ValueError says what would be right."""
    if url.startswith("unix:"):
        path = url.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/") or len(path.encode()) > 107:
            raise ValueError("a unix socket's URL is unix:/absolute/path, of at most 107 bytes")
        return Address("unix", "", 0, path, b"", b"localhost")
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError("a URL is ASCII without spaces")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("a URL begins with http://, https:// or unix:")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL carries no credentials; add an authorization header where one is needed")
    if parts.query or parts.fragment:
        raise ValueError("a URL has a host, a port and at most a path; no query and no fragment")
    if not parts.hostname or not (is_host(parts.hostname) or is_v6(parts.hostname)):
        raise ValueError("a URL names a host, like http://127.0.0.1:8000")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ValueError("a port is a number up to 65535") from None
    return Address(
        parts.scheme,
        parts.hostname,
        port,
        "",
        parts.path.rstrip("/").encode(),
        parts.netloc.encode(),
    )

"""Addresses to listen on, as people write them: `127.0.0.1:8080`, `[::1]:80`, `localhost:0`."""

import ipaddress
import re
from typing import Final, NamedTuple

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^\[\]:]+)):(?P<port>\d{1,9})", re.ASCII)
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_DOTTED: Final = re.compile(r"[0-9.]+")


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """The host and the port; port 0 leaves the choice to the kernel. A ValueError says what would be right."""
    match = _ADDRESS.fullmatch(text)
    if not match or not (is_v6(match["v6"]) if match["v6"] else is_host(match["name"])):
        raise ValueError("an address, like 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:0")
    if int(match["port"]) > 65535:
        raise ValueError("a port up to 65535")
    return Address(match["v6"] or match["name"], int(match["port"]))


def is_host(text: str) -> bool:
    """A DNS name or an IPv4 address; four numbers are never taken for a name."""
    if _DOTTED.fullmatch(text):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            return False
        return True
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.removesuffix(".").split("."))


def is_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Only this machine can reach it. A name other than localhost could mean anything tomorrow."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False

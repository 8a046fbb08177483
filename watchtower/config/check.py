"""What types cannot say: names that collide, upstreams that are ourselves, endpoints that nothing reaches.

Each finding has the path at fault and what would be right. The loader adds where that was written and what was found
there, so that nothing here has to know which values may be shown.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from watchtower.address import Address, is_host, is_loopback, is_v6, is_wildcard, parse_address
from watchtower.config.model import Config, EndpointConfig
from watchtower.journal.redact import compile_paths, is_secret_header
from watchtower.mirror.settings import SampleBySettings, ShadowSettings
from watchtower.proxy.settings import KeySettings, MatchSettings, VariantSettings
from watchtower.upstream import address as upstream
from watchtower.upstream.settings import TlsClientSettings

# They become labels of metrics and parts of file names.
_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5
_BEARER: Final = re.compile(r"[\x21-\x7e]+")
_PATH: Final = re.compile(r"/[\x21\x22\x24-\x3e\x40-\x7e]*")  # neither a query nor a fragment

# What a mirrored request's headers may not touch: framing and hop are the connection's, the marks keep a shadow harmless.
_UNTOUCHABLE: Final = frozenset(
    (
        *("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "x-request-id", "x-watchtower-shadow", "x-watchtower-test"),
    )
)


class Finding(NamedTuple):
    path: str
    problem: str
    shows: bool = True  # what was found there may stand in the message
    other: str = ""  # a path that the problem speaks of, as {other}


Peer = VariantSettings | ShadowSettings


def peers(path: str, endpoint: EndpointConfig) -> Iterator[tuple[str, Peer]]:
    """Whoever gets this endpoint's requests, each with its path."""
    yield from ((f"{path}.variants[{i}]", variant) for i, variant in enumerate(endpoint.variants))
    yield from ((f"{path}.shadows[{i}]", shadow) for i, shadow in enumerate(endpoint.shadows))


def check(config: Config) -> Iterator[Finding]:
    yield from _check_addresses(config)
    yield from _check_capture(config)
    if not config.data_dir:
        yield Finding("data_dir", "expected a folder")
    if not config.endpoints:
        yield Finding("endpoints", "expected at least one")
    yield from _check_names((f"endpoints[{i}]", endpoint) for i, endpoint in enumerate(config.endpoints))
    for index, endpoint in enumerate(config.endpoints):
        path = f"endpoints[{index}]"
        yield from _check_endpoint(path, endpoint)
        yield from _check_loops(path, endpoint, config)
        for earlier, other in enumerate(config.endpoints[:index]):
            if _covers(other.match, endpoint.match):
                problem = f"never met: endpoints[{earlier}] takes all of its requests, for the first that matches wins"
                yield Finding(f"{path}.match", problem, shows=False)
                break


def _check_addresses(config: Config) -> Iterator[Finding]:
    for path, text in (("listen.address", config.listen.address), ("admin.listen", config.admin.listen)):
        try:
            parse_address(text)
        except ValueError as error:
            yield Finding(path, f"expected {error}")
    listen, admin = _address(config.listen.address), _address(config.admin.listen)
    if listen and listen == admin and listen.port:
        yield Finding("admin.listen", "expected another address than clients have")
    if admin and not is_loopback(admin.host) and config.admin.token is None:
        yield Finding("admin.listen", "expected a loopback address, or an admin.token to keep strangers out")
    if config.admin.token is not None and not _BEARER.fullmatch(config.admin.token.reveal()):
        yield Finding("admin.token", "expected a text in ASCII without spaces", shows=False)
    if config.admin.probe is not None and not config.admin.probe.startswith("/"):
        yield Finding("admin.probe", "expected a path, like /v2/health/ready")


def _check_capture(config: Config) -> Iterator[Finding]:
    for index, path in enumerate(config.capture.redact):
        try:
            compile_paths([path])
        except ValueError:
            forms = "$.name, $.a.b, $.items[*].name, $.items[0].x, $..name or $['odd name'], with at most one `..`"
            yield Finding(f"capture.redact[{index}]", f"expected a path, like {forms}")
    for index, name in enumerate(config.capture.headers):
        if not HEADER_NAME.fullmatch(name):
            yield Finding(f"capture.headers[{index}]", "expected a header's name")
        elif is_secret_header(name.encode()):
            yield Finding(
                f"capture.headers[{index}]", "expected another header, credentials and cookies are never kept"
            )
    if config.capture.segment_size > config.capture.max_disk:
        yield Finding("capture.segment_size", "expected at most max_disk, the size of the whole journal")


def _check_endpoint(path: str, endpoint: EndpointConfig) -> Iterator[Finding]:
    if not _is_host_pattern(endpoint.match.host):
        yield Finding(f"{path}.match.host", "expected a host, like api.example.com, *.example.com or *")
    if not _PATH.fullmatch(endpoint.match.path):
        yield Finding(f"{path}.match.path", "expected the beginning of a path, like /v1")
    if not endpoint.variants:
        yield Finding(f"{path}.variants", "expected at least one")
    elif not sum(variant.weight for variant in endpoint.variants):
        yield Finding(f"{path}.variants", "expected a weight above zero for one of them at least")
    if endpoint.sticky is not None:
        yield from _check_key(f"{path}.sticky", endpoint.sticky)
    yield from _check_names(peers(path, endpoint))
    for place, peer in peers(path, endpoint):
        yield from _check_peer(place, peer)
        if isinstance(peer, ShadowSettings):
            yield from _check_shadow(place, peer)


def _check_shadow(path: str, shadow: ShadowSettings) -> Iterator[Finding]:
    if isinstance(shadow.sample_by, SampleBySettings):
        yield from _check_key(f"{path}.sample_by", shadow.sample_by)
    if shadow.path is not None and not all(map(_PATH.fullmatch, shadow.path.split("=", 1))):
        yield Finding(f"{path}.path", "expected a path like /new, or /old=/new to replace a beginning")
    if shadow.host is not None and not _is_authority(shadow.host):
        yield Finding(f"{path}.host", "expected a host, like model.example.com or model.example.com:8000")
    if shadow.breaker.max_pause < shadow.breaker.pause:
        yield Finding(f"{path}.breaker.max_pause", "expected at least the first pause")
    headers = shadow.headers
    for where, fields in (("add", headers.add), ("replace", headers.replace)):
        for name, value in fields.items():
            yield from _check_header(f"{path}.headers.{where}.{name}", name)
            if not _FIELD_VALUE.fullmatch(value):
                yield Finding(f"{path}.headers.{where}.{name}", "expected one line of Latin-1", shows=False)
    for index, name in enumerate(headers.drop):
        yield from _check_header(f"{path}.headers.drop[{index}]", name, shows=True)


def _check_header(path: str, name: str, *, shows: bool = False) -> Iterator[Finding]:
    """What is found at a name's path is its value, which may be a credential."""
    if not HEADER_NAME.fullmatch(name):
        yield Finding(path, "expected a header's name: letters, digits and hyphens", shows)
    elif name.lower() == "host":
        yield Finding(path, "expected the shadow's host key in its place", shows)
    elif name.lower() in _UNTOUCHABLE:
        yield Finding(path, "expected another header, watchtower writes this one itself", shows)


def _check_key(path: str, key: KeySettings | SampleBySettings) -> Iterator[Finding]:
    if (key.header is None) == (key.cookie is None):
        yield Finding(path, "expected one of header and cookie, and not both")
    for name in ("header", "cookie"):
        value = getattr(key, name)
        if value is not None and not HEADER_NAME.fullmatch(value):
            yield Finding(f"{path}.{name}", f"expected a {name}'s name")


def _check_peer(path: str, peer: Peer) -> Iterator[Finding]:
    tls = peer.tls
    try:
        target = upstream.parse_url(peer.url)
    except ValueError as error:
        yield Finding(f"{path}.url", f"but {error}")
        return
    if not target.is_tls and tls != TlsClientSettings():
        yield Finding(f"{path}.tls", "expected an https URL beside it, nothing is encrypted without")
    if tls.key is not None and tls.cert is None:
        yield Finding(f"{path}.tls.key", "expected a cert beside it")


def _check_loops(path: str, endpoint: EndpointConfig, config: Config) -> Iterator[Finding]:
    ours = [address for text in (config.listen.address, config.admin.listen) if (address := _address(text))]
    for place, peer in peers(path, endpoint):
        target = _target(peer.url)
        if target and any(_reaches(target, address) for address in ours):
            yield Finding(f"{place}.url", "expected another server, this is where watchtower listens")


def _check_names(named: Iterable[tuple[str, EndpointConfig | Peer]]) -> Iterator[Finding]:
    """Of two that differ in their case alone, SQL would show the rows of one for the other's."""
    first: dict[str, tuple[str, str]] = {}
    for path, item in named:
        if not _NAME.fullmatch(item.name):
            yield Finding(f"{path}.name", "expected 1 to 64 letters, digits and any of _ . -")
            continue
        other, name = first.setdefault(item.name.lower(), (path, item.name))
        if other != path:
            nearly = "" if name == item.name else ", but for upper and lower case"
            yield Finding(f"{path}.name", f"expected a name of its own, {{other}} has this one{nearly}", other=other)


def _address(text: str) -> Address | None:
    try:
        return parse_address(text)
    except ValueError:
        return None


def _target(url: str) -> Address | None:
    try:
        target = upstream.parse_url(url)
    except ValueError:
        return None
    return None if target.scheme == "unix" else Address(target.host, target.port)


def _reaches(target: Address, listening: Address) -> bool:
    if target.port != listening.port:
        return False
    if is_wildcard(listening.host):
        return is_loopback(target.host) or is_wildcard(target.host)
    if "localhost" in {target.host, listening.host}:
        return is_loopback(target.host) and is_loopback(listening.host)
    return target.host == listening.host


def _covers(earlier: MatchSettings, later: MatchSettings) -> bool:
    """Every request that matches the later one matches the earlier one, too."""
    path = earlier.path.rstrip("/")
    if later.path != path and not later.path.startswith(f"{path}/"):
        return False
    wide, narrow = earlier.host.lower(), later.host.lower()
    return wide in {"*", narrow} or (wide.startswith("*.") and narrow.endswith(wide[1:]))


def _is_host_pattern(text: str) -> bool:
    return text == "*" or _is_authority(text.removeprefix("*."))


def _is_authority(text: str) -> bool:
    """A host as the Host header has it, with or without a port."""
    return is_host(text) or (text[:1] == "[" and text[-1:] == "]" and is_v6(text[1:-1])) or _address(text) is not None

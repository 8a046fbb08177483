"""That the configured certificates and keys are there, can be read and belong together, before anything needs them."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from watchtower.config.check import Finding, peers
from watchtower.config.model import Config
from watchtower.proxy.settings import TlsServerSettings
from watchtower.upstream.settings import TlsClientSettings


def check_files(config: Config) -> Iterator[Finding]:
    if config.listen.tls is not None:
        yield from _check_server("listen.tls", config.listen.tls)
    for index, endpoint in enumerate(config.endpoints):
        for path, peer in peers(f"endpoints[{index}]", endpoint):
            yield from _check_client(f"{path}.tls", peer.tls)


def _check_server(path: str, tls: TlsServerSettings) -> Iterator[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yield from _check_chain(path, tls.cert, tls.key, context)
    yield from _check_authorities(f"{path}.client_ca", tls.client_ca, context)


def _check_client(path: str, tls: TlsClientSettings) -> Iterator[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.cert is not None:
        yield from _check_chain(path, tls.cert, tls.key, context)
    yield from _check_authorities(f"{path}.ca", tls.ca, context)


def _check_chain(path: str, cert: str, key: str | None, context: ssl.SSLContext) -> Iterator[Finding]:
    unreadable = [*_check_readable(f"{path}.cert", cert), *_check_readable(f"{path}.key", key)]
    yield from unreadable
    if not unreadable:
        problem = "expected a certificate in PEM and its key, without a passphrase"
        yield from _check_loads(f"{path}.cert", problem, lambda: context.load_cert_chain(cert, key, _no_passphrase))


def _check_authorities(path: str, file: str | None, context: ssl.SSLContext) -> Iterator[Finding]:
    unreadable = list(_check_readable(path, file))
    yield from unreadable
    if file is not None and not unreadable:
        problem = "expected certificates of authorities in PEM"
        yield from _check_loads(path, problem, lambda: context.load_verify_locations(file))


def _check_readable(path: str, file: str | None) -> Iterator[Finding]:
    if file is not None:
        try:
            Path(file).read_bytes()
        except OSError as error:
            yield Finding(path, f"expected a file that can be read: {error.strerror}")


def _check_loads(path: str, problem: str, load: Callable[[], None]) -> Iterator[Finding]:
    try:
        load()
    except (OSError, ValueError):
        yield Finding(path, problem)


def _no_passphrase() -> str:
    """In place of OpenSSL's own question, which a reload would wait for on somebody's terminal."""
    return ""

"""A worker's listening sockets and everybody who came through them."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from watchtower.proxy.account import Ledger
from watchtower.proxy.client import ClientConnection
from watchtower.proxy.hub import Hub
from watchtower.proxy.settings import TlsServerSettings

BACKLOG: Final = 4096  # the kernel takes the smaller of this and net.core.somaxconn
HANDSHAKE_S: Final = 10.0
# Who was accepted last becomes one of our clients a round of the loop later, and says what it wants a little after that.
SETTLE_S: Final = 0.1
LOOK_S: Final = 0.02  # between two looks for those who have become idle


class ProxyServer:
    def __init__(self, hub: Hub, ledger: Ledger) -> None:
        self._hub = hub
        self._ledger = ledger
        self._clients: set[ClientConnection] = set()
        self._servers: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        return len(self._clients)

    async def start(self, listeners: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
        scheme = b"http" if tls is None else b"https"

        def client() -> ClientConnection:
            return ClientConnection(self._hub, self._ledger, self._clients, scheme)

        for listener in listeners:
            server = await asyncio.get_running_loop().create_server(
                client,
                sock=listener,
                ssl=tls,
                backlog=BACKLOG,
                ssl_handshake_timeout=HANDSHAKE_S if tls is not None else None,
            )
            self._servers.append(server)

    async def _accept_queued(self) -> None:
        """Take who has connected already: uvloop accepts one in each round of the loop, so until a round brings nobody."""
        give_up_at = asyncio.get_running_loop().time() + SETTLE_S
        opened = -1.0
        while opened != self._hub.connections_opened.value and asyncio.get_running_loop().time() < give_up_at:
            opened = self._hub.connections_opened.value
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def drain(self, deadline: float, *, spare_idle: bool) -> None:
        """Accept no more, let everybody finish, and close what is left at the deadline.

        `spare_idle` is for a worker that makes room for its replacement: a client that is just sending its next request
        on an idle connection is answered, and told to close. At a shutdown, idle connections are closed at once.
        """
        loop = asyncio.get_running_loop()
        await self._accept_queued()
        # Everybody who was accepted, also those who are none of our clients yet: their TLS handshake goes on.
        gone = asyncio.gather(*(server.wait_closed() for server in self._servers))
        await asyncio.sleep(0)  # a server that is closed already is not waited for
        for server in self._servers:
            server.close()
        self._hub.is_draining = True
        give_up_at = loop.time() + deadline
        seen_at: dict[ClientConnection, float] = {}
        while not gone.done() and (now := loop.time()) < give_up_at:
            if not spare_idle:
                for client in list(self._clients):
                    if now - seen_at.setdefault(client, now) >= SETTLE_S:
                        client.close_if_idle()
            await asyncio.wait([gone], timeout=LOOK_S)
        for client in list(self._clients):
            client.abort()
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


def server_context(settings: TlsServerSettings) -> ssl.SSLContext:
    """Raises OSError where a file cannot be read or is no certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.cert, settings.key)
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context

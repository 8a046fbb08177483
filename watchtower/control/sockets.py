"""The sockets that clients connect to, made and kept by the supervisor: at least one for each worker's place.

Because the supervisor keeps them, the accept queue of a worker that died waits for its replacement, and no connection is
reset. They are bound here and begin to listen when their worker does, so that none fills before anybody can serve it.

The kernel spreads new connections over all sockets of an address (SO_REUSEPORT), and resets what it has given to one that
is closed before its worker accepts. So none is closed while the address stays: fewer workers listen at several each.
"""

import socket
from dataclasses import dataclass

from watchtower.address import Address
from watchtower.errors import StartError


@dataclass(frozen=True, slots=True)
class Listeners:
    wanted: Address  # as configured
    sockets: tuple[socket.socket, ...]

    @property
    def bound(self) -> Address:
        """In fact: with port 0, the port that the kernel chose."""
        return Address(*self.sockets[0].getsockname()[:2])

    def at_least(self, count: int) -> "Listeners":
        """As many on the same address, or more; the first are the same sockets."""
        missing = max(0, count - len(self.sockets))
        return Listeners(self.wanted, (*self.sockets, *_bound(self.bound, missing)))

    def of_place(self, place: int, places: int) -> tuple[socket.socket, ...]:
        """Every socket belongs to one of the places, which count from 1."""
        return self.sockets[place - 1 :: places]

    def close_all_but(self, kept: "Listeners | None" = None) -> None:
        for listener in self.sockets:
            if kept is None or listener not in kept.sockets:
                listener.close()


def listen_at(address: Address, count: int) -> Listeners:
    """A fresh set. An address that another program listens at is refused, though SO_REUSEPORT would share it."""
    if address.port:
        _open(address, share=False).close()
    return Listeners(address, tuple(_bound(address, 1))).at_least(count)


def _bound(address: Address, count: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(_open(address, share=True))  # noqa: PERF401  those before a failure must be closed
    except StartError:
        for listener in opened:
            listener.close()
        raise
    return opened


def _open(address: Address, *, share: bool) -> socket.socket:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, target = found[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _refused(address, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(share))
        listener.bind(target)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    return listener


def _refused(address: Address, error: OSError) -> StartError:
    return StartError(f"cannot listen at {address}: {error.strerror or error}")

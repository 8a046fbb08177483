"""The sockets that clients connect to, made and kept by the supervisor: at least one for each worker's place.

Because the supervisor keeps them, the accept queue of a worker that died waits for its replacement, and no connection is
reset. They are bound here and begin to listen when their worker does, so that none fills before anybody can serve it.

The kernel spreads new connections over all sockets of an address (SO_REUSEPORT), and resets what it has given to one that
is closed before its worker accepts. So none is closed while the address stays: fewer workers listen at several each.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from watchtower.address import Address
from watchtower.errors import StartError

_Found = tuple[socket.AddressFamily, tuple[Any, ...]]  # a family, and an address of it


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
        with _all_or_none(address):
            _open(_resolved(address)[0], share=False).close()
    return Listeners(address, tuple(_bound(address, 1))).at_least(count)


def listen_alone_at(address: Address) -> list[socket.socket]:
    """For a server of one process: its sockets listen at once, at every address that a name stands for."""
    with _all_or_none(address) as opened:
        for found in _resolved(address):
            opened.append(_open(found, share=False))
        for listener in opened:
            listener.listen()
    return opened


def _bound(address: Address, count: int) -> list[socket.socket]:
    with _all_or_none(address) as opened:
        for _ in range(count):
            opened.append(_open(_resolved(address)[0], share=True))
    return opened


@contextmanager
def _all_or_none(address: Address) -> Iterator[list[socket.socket]]:
    """Those before a failure are closed, and the failure is the operator's."""
    opened: list[socket.socket] = []
    try:
        yield opened
    except OSError as error:
        for listener in opened:
            listener.close()
        raise StartError(f"cannot listen at {address}: {error.strerror or error}") from error


def _resolved(address: Address) -> list[_Found]:
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, target) for family, _, _, _, target in found]


def _open(found: _Found, *, share: bool) -> socket.socket:
    family, target = found
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(share))
        listener.bind(target)
    except OSError:
        listener.close()
        raise
    return listener

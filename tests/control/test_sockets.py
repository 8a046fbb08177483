import socket

import pytest

from watchtower.address import Address
from watchtower.control.sockets import listen_at
from watchtower.errors import StartError

ANY_PORT = Address("127.0.0.1", 0)


def test_all_sockets_share_the_port_that_the_kernel_chose() -> None:
    listeners = listen_at(ANY_PORT, 3)

    ports = [listener.getsockname()[1] for listener in listeners.sockets]
    listeners.close_all_but()

    assert ports[0] > 0
    assert ports == [ports[0]] * 3


def test_nothing_is_accepted_before_a_worker_listens() -> None:
    listeners = listen_at(ANY_PORT, 1)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(listeners.bound, timeout=5.0)

    listeners.close_all_but()


def test_growing_keeps_the_sockets_that_are_there() -> None:
    few = listen_at(ANY_PORT, 1)

    many = few.at_least(3)

    assert many.sockets[:1] == few.sockets
    assert {listener.getsockname() for listener in many.sockets} == {few.bound}
    many.close_all_but()


def test_shrinking_closes_none_as_the_kernel_may_have_given_it_a_connection() -> None:
    many = listen_at(ANY_PORT, 3)
    few = many.at_least(1)

    many.close_all_but(few)

    assert [listener.fileno() >= 0 for listener in few.sockets] == [True, True, True]
    few.close_all_but()


def test_those_that_are_left_over_are_closed() -> None:
    few = listen_at(ANY_PORT, 1)
    many = few.at_least(3)

    many.close_all_but(few)

    assert [listener.fileno() >= 0 for listener in many.sockets] == [True, False, False]
    few.close_all_but()


@pytest.mark.parametrize("places", [1, 2, 3, 5])
def test_every_socket_belongs_to_one_place(places: int) -> None:
    listeners = listen_at(ANY_PORT, 5)

    taken = [listener for place in range(1, places + 1) for listener in listeners.of_place(place, places)]

    assert sorted(listener.fileno() for listener in taken) == [listener.fileno() for listener in listeners.sockets]
    listeners.close_all_but()


def test_an_address_that_another_listens_at_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        taken = Address(*other.getsockname())

        with pytest.raises(StartError, match=f"cannot listen at {taken}: Address already in use"):
            listen_at(taken, 1)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StartError, match=r"cannot listen at 192\.0\.2\.1:8080: Cannot assign requested address"):
        listen_at(Address("192.0.2.1", 8080), 1)


def test_ipv6_is_listened_at() -> None:
    listeners = listen_at(Address("::1", 0), 2)

    assert listeners.bound.host == "::1"
    listeners.close_all_but()

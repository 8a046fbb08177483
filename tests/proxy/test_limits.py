"""What one client may ask of a worker, and what it is told when it asks for more."""

import json

import pytest

from dataplane import Plane, endpoint
from wire import OK, Message, answer, request


def reason(problem: Message) -> str:
    found: str = json.loads(problem.body)["reason"]
    return found


async def test_a_path_that_no_endpoint_takes_is_404_and_keeps_the_connection(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, match={"path": "/v1"})

    first = await client.send(request("GET /v2")).message()
    second = await client.send(request("GET /v1")).message()

    assert (first.status, reason(first), second.status) == (404, "no_endpoint", 200)
    assert (plane.refusals(), plane.outcomes()) == ({"no_endpoint": 1}, {"answered": 1})


async def test_a_request_without_an_endpoint_whose_body_is_on_its_way_ends_the_connection(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, match={"path": "/v1"})

    found = await client.send(request("POST /v2", "Content-Length: 10") + b"half").message()

    assert (found.status, found.value("connection"), await client.rest()) == (404, "close", b"")


async def test_a_problem_to_head_has_no_body(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, match={"path": "/v1"})

    first = await client.send(request("HEAD /v2")).head()
    second = await client.send(request("GET /v1")).message()

    assert (first.status, second.body) == (404, b"ok")


async def test_a_body_that_announces_too_much_is_413_and_reaches_nobody(plane: Plane) -> None:
    client, model = await plane.conversation(OK, max_body=4)

    found = await client.send(request("POST /", body=b"12345")).message()

    assert (found.status, reason(found), model.lines) == (413, "body_too_large", [])
    assert (plane.refusals(), plane.outcomes()) == ({"body_too_large": 1}, {"refused": 1})


async def test_a_body_that_announces_the_limit_passes(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, max_body=4)

    assert (await client.send(request("POST /", body=b"1234")).message()).status == 200


async def test_chunks_that_become_too_much_are_413_and_never_whole_upstream(plane: Plane) -> None:
    client, model = await plane.conversation(max_body=4)

    client.send(request("POST /", "Transfer-Encoding: chunked") + b"4\r\n1234\r\n")
    upstream = await model.line()
    await upstream.read_to(b"1234\r\n")
    found = await client.send(b"1\r\n5\r\n0\r\n\r\n").message()

    assert (found.status, reason(found), await upstream.rest()) == (413, "body_too_large", b"")


async def test_a_client_that_still_sends_can_read_why_it_was_refused(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, max_body=4)

    client.send(request("POST /", "Content-Length: 1000000"))
    found = await client.message()
    client.send(bytes(1_000_000))

    assert (found.status, await client.rest(), client.error) == (413, b"", None)


async def test_too_many_in_flight_is_503_with_the_time_to_come_back(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model, max_in_flight=1))
    first, second = await plane.client(), await plane.client()

    first.send(request("GET /1"))
    upstream = await model.line()
    await upstream.head()
    found = await second.send(request("GET /2")).message()
    upstream.send(OK)
    await first.message()

    assert (found.status, reason(found), found.value("retry-after")) == (503, "too_many_in_flight", "1")
    assert plane.outcomes() == {"answered": 1, "refused": 1}


async def test_a_refused_request_makes_room_for_the_next(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, max_in_flight=1)

    found = [(await client.send(request("GET /")).message()).status for _ in range(3)]

    assert found == [200, 200, 200]


async def test_too_many_waiting_for_a_connection_is_503(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model, pool={"max_connections": 1, "max_waiting": 1}))
    clients = [await plane.client() for _ in range(3)]

    clients[0].send(request("GET /0"))
    upstream = await model.line()
    await upstream.head()
    clients[1].send(request("GET /1"))
    clients[2].send(request("GET /2"))
    found = await clients[2].message()

    assert (found.status, reason(found), found.value("retry-after")) == (503, "too_many_waiting", "1")


async def test_who_waits_too_long_for_a_connection_is_503(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model, pool={"max_connections": 1, "first_byte_timeout": "150ms"}))
    first, second = await plane.client(), await plane.client()

    first.send(request("POST /0", "Content-Length: 2") + b"a")
    await (await model.line()).head()
    found = await second.send(request("GET /1")).message()

    assert (found.status, reason(found)) == (503, "too_many_waiting")


async def test_a_body_that_stalls_is_408_and_closes_both_sides(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), limits={"body_timeout": "1ms"})
    client = await plane.client()

    client.send(request("POST /", "Content-Length: 10") + b"half")
    upstream = await model.line()
    found = await client.message()
    await upstream.until(lambda: upstream.is_ended)

    assert (found.status, reason(found), await client.rest()) == (408, "body_timeout", b"")
    assert (plane.refusals(), plane.outcomes()) == ({"body_timeout": 1}, {"refused": 1})


@pytest.mark.slow
async def test_a_head_that_stalls_is_408(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), limits={"head_timeout": "1ms"})
    client = await plane.client()

    found = await client.send(b"GET / HTTP/1.1\r\nHost:").message()

    assert (found.status, reason(found), await client.rest(), model.lines) == (408, "head_timeout", b"", [])
    assert (plane.refusals(), plane.outcomes()) == ({"head_timeout": 1}, {})


@pytest.mark.slow
async def test_a_head_that_comes_byte_by_byte_has_no_more_time_than_another(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), limits={"head_timeout": "1ms"})
    client = await plane.client()

    for byte in b"GET / HTTP/1.1\r\nHost:":
        client.send(bytes([byte]))
    found = await client.message()

    assert found.status == 408


@pytest.mark.slow
async def test_an_idle_connection_is_closed_without_a_word(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model), limits={"keep_alive": "1ms"})
    client = await plane.client()
    await client.send(request("GET /")).message()

    assert (await client.rest(), plane.refusals(), plane.outcomes()) == (b"", {}, {"answered": 1})


@pytest.mark.slow
async def test_a_connection_that_never_says_anything_is_closed(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model), limits={"keep_alive": "1ms"})
    client = await plane.client()

    assert (await client.rest(), plane.refusals()) == (b"", {})


@pytest.mark.slow
async def test_a_request_under_way_outlives_the_time_of_an_idle_connection(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), limits={"keep_alive": "1ms", "head_timeout": "1ms"})
    client, idle = await plane.client(), await plane.client()

    client.send(request("GET /"))
    upstream = await model.line()
    await idle.rest()
    upstream.send(OK)

    assert (await client.message()).status == 200


async def test_a_client_that_reads_too_slowly_for_too_long_is_given_up(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), limits={"body_timeout": "1ms"})
    client = await plane.client(receive_buffer=64 * 1024)

    client.send(request("GET /big"))
    upstream = await model.line()
    client.transport.pause_reading()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + bytes(50_000_000))
    await upstream.until(lambda: upstream.is_ended)
    await plane.counted(lambda: plane.outcomes() != {})

    assert plane.outcomes() == {"cancelled": 1}


async def another_time_has_passed(plane: Plane) -> None:
    """As a client that came later, and says nothing, is told of it."""
    await (await plane.client()).rest()


@pytest.mark.slow
async def test_a_client_that_never_reads_its_last_answer_is_given_up(plane: Plane) -> None:
    size = 60_000  # beyond what the kernel holds here, within what does not stop the model
    model = await plane.model(answer(bytes(size)))
    plane.send_buffer = 4096
    await plane.serve(endpoint(model), limits={"body_timeout": "1ms", "keep_alive": "1ms"})
    client = await plane.client(receive_buffer=4096)

    client.transport.pause_reading()
    client.send(request("GET /", "Connection: close"))
    await plane.counted(lambda: plane.outcomes() == {"answered": 1})
    await another_time_has_passed(plane)
    client.transport.resume_reading()

    assert len(await client.rest()) < size


@pytest.mark.slow
async def test_an_idle_client_that_never_reads_its_answer_is_given_up(plane: Plane) -> None:
    size = 60_000
    model = await plane.model(answer(bytes(size)))
    plane.send_buffer = 4096
    await plane.serve(endpoint(model), limits={"keep_alive": "1ms"})
    client = await plane.client(receive_buffer=4096)

    client.transport.pause_reading()
    client.send(request("GET /"))
    await plane.counted(lambda: plane.outcomes() == {"answered": 1})
    await another_time_has_passed(plane)  # closed, behind what was written
    await another_time_has_passed(plane)
    client.transport.resume_reading()

    assert len(await client.rest()) < size


async def test_a_connection_beyond_the_limit_is_503_and_closed(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model), limits={"max_connections": 1})
    first = await plane.client()
    await first.send(request("GET /")).message()
    second = await plane.client()

    found = await second.message()

    assert (found.status, reason(found), found.value("retry-after")) == (503, "too_many_connections", "1")
    assert (await second.rest(), (await first.send(request("GET /")).message()).status) == (b"", 200)
    assert (plane.refusals(), plane.outcomes()) == ({"too_many_connections": 1}, {"answered": 2})

"""Parts pass as they come, and who reads slowly slows down only the one that sends."""

import pytest

from dataplane import KERNEL, Plane, endpoint
from wire import OK, request

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = 48 * 1024 * 1024


async def test_a_part_of_an_answer_arrives_before_the_next_is_sent(plane: Plane) -> None:
    client, upstream = await plane.asked(request("GET /stream"))

    upstream.send(EVENTS + b"9\r\ndata: 1\n\n\r\n")
    await client.head()
    first = await client.read_to(b"data: 1\n\n")
    upstream.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
    rest = await client.read_to(b"0\r\n\r\n")

    assert (first, rest) == (b"9\r\ndata: 1\n\n", b"\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n")


async def test_a_head_arrives_before_its_body_is_sent(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /stream"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    head = await client.head()
    upstream.send(b"ok")

    assert (head.value("content-length"), await client.read(2)) == ("2", b"ok")


async def test_a_part_of_a_request_arrives_before_the_next_is_sent(plane: Plane) -> None:
    client, upstream = await plane.asked(request("POST /", "Transfer-Encoding: chunked") + b"1\r\na\r\n")

    first = await upstream.read(6)
    client.send(b"1\r\nb\r\n0\r\n\r\n")

    assert (first, await upstream.read(11)) == (b"1\r\na\r\n", b"1\r\nb\r\n0\r\n\r\n")


async def test_a_part_of_a_request_with_a_length_arrives_before_the_next_is_sent(plane: Plane) -> None:
    client, upstream = await plane.asked(request("POST /", "Content-Length: 2") + b"a")

    first = await upstream.read(1)
    client.send(b"b")

    assert (first, await upstream.read(1)) == (b"a", b"b")


async def test_both_directions_may_stream_at_once(plane: Plane) -> None:
    client, upstream = await plane.asked(request("POST /", "Transfer-Encoding: chunked"))

    upstream.send(EVENTS)
    await client.head()
    for _ in range(3):
        client.send(b"1\r\na\r\n")
        await upstream.read(6)
        upstream.send(b"1\r\nb\r\n")
        await client.read(6)
    client.send(b"0\r\n\r\n")
    await upstream.read_to(b"0\r\n\r\n")
    upstream.send(b"0\r\n\r\n")
    await client.read_to(b"0\r\n\r\n")
    await plane.counted(lambda: plane.outcomes() != {})

    assert plane.outcomes() == {"answered": 1}


async def test_a_chunk_of_any_size_passes_in_the_pieces_that_come(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nonly half")
    await client.head()

    assert await client.read_to(b"only half") == b"9\r\nonly half"


@pytest.mark.slow
async def test_a_client_that_does_not_read_stops_the_model(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), endpoint(model))
    client = await plane.client(receive_buffer=64 * 1024)

    client.send(request("GET /big"))
    upstream = await model.line()
    client.transport.pause_reading()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG + bytes(BIG))
    await plane.others_were_served()
    held_back = upstream.left_to_send
    client.transport.resume_reading()
    await client.head()
    received = len(await client.read(BIG))

    assert held_back > BIG - KERNEL
    assert received == BIG


@pytest.mark.slow
async def test_a_client_that_does_not_read_chunks_stops_the_model(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), endpoint(model))
    client = await plane.client(receive_buffer=64 * 1024)

    client.send(request("GET /big"))
    upstream = await model.line()
    client.transport.pause_reading()
    upstream.send(EVENTS + b"%x\r\n" % BIG + bytes(BIG) + b"\r\n0\r\n\r\n")
    await plane.others_were_served()
    held_back = upstream.left_to_send
    client.transport.resume_reading()
    received = len((await client.message()).body)

    assert held_back > BIG - KERNEL
    assert received == BIG


@pytest.mark.slow
async def test_a_model_that_does_not_read_stops_the_client(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), endpoint(model))
    client = await plane.client()

    client.send(request("POST /big", f"Content-Length: {BIG}"))
    upstream = await model.line()
    await upstream.head()
    upstream.transport.pause_reading()
    client.send(bytes(BIG))
    await plane.others_were_served()
    held_back = client.left_to_send
    upstream.transport.resume_reading()
    received = len(await upstream.read(BIG))

    assert held_back > BIG - KERNEL
    assert received == BIG


@pytest.mark.slow
async def test_a_body_waits_with_the_client_until_there_is_a_connection(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    narrow = endpoint(model, pool={"max_connections": 1})
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), narrow)
    first, second = await plane.client(), await plane.client()

    first.send(request("GET /1"))
    upstream = await model.line()
    await upstream.head()
    second.send(request("POST /2", f"Content-Length: {BIG}") + bytes(BIG))
    await plane.others_were_served()
    held_back = second.left_to_send
    upstream.send(OK)
    await upstream.head()
    received = len(await upstream.read(BIG))

    assert held_back > BIG - KERNEL
    assert received == BIG


async def test_a_slow_client_does_not_keep_the_models_connection_from_others(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model, pool={"max_connections": 1}))
    slow, other = await plane.client(), await plane.client()

    slow.transport.pause_reading()
    slow.send(request("GET /1"))
    found = await other.send(request("GET /2")).message()

    assert found.status == 200

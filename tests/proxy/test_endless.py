"""Nothing that has no end is kept: heads and trailers are bounded on both sides."""

import pytest

from dataplane import Plane
from wire import OK, request

MANY = b"X-A: 1\r\n" * 130_000  # a megabyte
LONG = b"X-A: " + b"1" * 1_000_000 + b"\r\n"
CHUNKS = b"1\r\na\r\n0\r\n"
FIELDS = pytest.mark.parametrize("fields", [MANY, LONG], ids=["many", "long"])


@FIELDS
async def test_the_head_of_an_answer_is_bounded(plane: Plane, fields: bytes) -> None:
    client, _ = await plane.conversation(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok")

    found = await client.send(request("GET /")).head()

    assert (found.status, plane.outcomes()) == (502, {"bad_answer": 1})


@FIELDS
async def test_the_trailers_of_an_answer_are_bounded(plane: Plane, fields: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    client, _ = await plane.conversation(head + CHUNKS + fields + b"\r\n")

    await client.send(request("GET /")).head()
    await plane.counted(lambda: plane.outcomes() != {})

    assert plane.outcomes() == {"bad_answer": 1}


@FIELDS
async def test_the_trailers_of_a_request_are_bounded(plane: Plane, fields: bytes) -> None:
    client, _ = await plane.conversation(OK)

    found = await client.send(request("POST /", "Transfer-Encoding: chunked") + CHUNKS + fields + b"\r\n").message()

    assert (found.status, plane.refusals()) == (431, {"head_too_large": 1})


async def test_a_chunks_extension_is_thrown_away(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    sent = request("POST /", "Transfer-Encoding: chunked") + b"1;" + b"a" * 1000 + b"\r\na\r\n0\r\n\r\n"
    await client.send(sent).message()

    assert (model.requests[0].body, len(model.received) < 1000) == (b"a", True)


async def test_a_chunks_extension_is_bounded(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    sent = request("POST /", "Transfer-Encoding: chunked") + b"1;" + b"a" * 1_000_000 + b"\r\na\r\n0\r\n\r\n"
    found = await client.send(sent).message()

    assert (found.status, plane.refusals()) == (431, {"head_too_large": 1})

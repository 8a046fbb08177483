"""Of what is refused nothing reaches the upstream; of what passes, exactly what was meant."""

import json

import pytest

from dataplane import Plane
from smuggling import PASSED, REFUSED, Passed, Refused
from watchtower.http1.refusal import ANSWERS
from wire import OK, request


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
async def test_it_is_refused_with_its_reason_and_reaches_nobody(plane: Plane, row: Refused) -> None:
    client, model = await plane.conversation(OK)

    found = await client.send(row.data).message()
    behind = await client.rest()

    problem = json.loads(found.body)
    expected = ANSWERS[row.refusal][0], row.refusal, "application/problem+json", "close"
    seen = found.status, problem["reason"], found.value("content-type"), found.value("connection")
    assert (expected, found.value("x-request-id"), b"", []) == (seen, problem["request_id"], behind, model.lines)
    assert ({row.refusal: 1}, {}) == (plane.refusals(), plane.outcomes())


@pytest.mark.parametrize("row", PASSED, ids=lambda row: row.name)
async def test_it_passes_in_words_of_our_own(plane: Plane, row: Passed) -> None:
    client, model = await plane.conversation(OK)

    found = await client.send(row.data).message()

    assert (200, row.upstream) == (found.status, model.received)
    assert (plane.refusals(), plane.outcomes()) == ({}, {"answered": 1})


@pytest.mark.parametrize("line", ["GET /a RTSP/1.0", "POST /a RTSP/1.0", "OPTIONS * RTSP/1.0", "SOURCE /a ICE/1.0"])
async def test_another_protocols_request_is_refused(plane: Plane, line: str) -> None:
    client, model = await plane.conversation(OK)

    found = await client.send(f"{line}\r\nHost: a\r\n\r\n".encode()).head()

    assert (found.status, model.lines) == (400, [])


async def test_behind_a_refused_request_nothing_is_read(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(b"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n" + request("GET /b")).message()

    assert (await client.rest(), model.received) == (b"", b"")


async def test_before_a_refused_request_everything_is_answered(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    client.send(request("GET /1") + request("GET /2") + b"GET /3 HTTP/1.1\r\n\r\n")
    found = [(await client.message()).status for _ in range(3)]

    assert found == [200, 200, 400]
    assert [each.start for each in model.requests] == ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1"]


async def test_a_body_that_turns_out_malformed_never_becomes_whole_upstream(plane: Plane) -> None:
    client, model = await plane.conversation()
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    upstream = await model.line()
    await upstream.read_to(b"5\r\nhello\r\n")

    found = await client.send(b"5\nworld\r\n0\r\n\r\n").message()
    behind = await upstream.rest()

    assert (found.status, json.loads(found.body)["reason"], behind) == (400, "bad_body", b"")
    assert (plane.refusals(), plane.outcomes()) == ({"bad_body": 1}, {"refused": 1})


@pytest.mark.parametrize("first", [b"\n", b"\r"], ids=["lf", "cr"])
async def test_a_line_feed_before_a_request_is_no_part_of_its_method(plane: Plane, first: bytes) -> None:
    client, model = await plane.conversation(OK)

    await client.send(first + request("GET /a")).message()

    assert model.received.startswith(b"GET /a HTTP/1.1\r\n")

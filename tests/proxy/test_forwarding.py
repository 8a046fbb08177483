"""One request and its answer: how messages are framed on either side, and when a connection is kept."""

import pytest

from dataplane import Plane, endpoint
from watchtower.metrics.catalogue import CLIENT_CONNECTIONS_OPENED, REQUEST_BODY_BYTES, REQUESTS, RESPONSE_BODY_BYTES
from wire import OK, Line, Model, answer, request


async def served(plane: Plane, *answers: bytes) -> tuple[Line, Model]:
    """A client's connection to a worker in front of a model."""
    model = await plane.model(*answers)
    await plane.serve(endpoint(model))
    return await plane.client(), model


async def test_a_request_reaches_the_model_and_its_answer_the_client(plane: Plane) -> None:
    client, model = await served(plane, answer(b"0.9", "X-Model: m"))

    found = await client.send(request("POST /predict", body=b"[1]")).message()

    assert (found.start, found.value("x-model"), found.body) == ("HTTP/1.1 200 OK", "m", b"0.9")
    assert (model.requests[0].start, model.requests[0].body) == ("POST /predict HTTP/1.1", b"[1]")


async def test_a_request_is_counted_once_with_its_bytes(plane: Plane) -> None:
    client, _ = await served(plane, answer(b"0.95"))

    await client.send(request("POST /", body=b"[1]")).message()

    assert plane.outcomes() == {"answered": 1}
    assert (plane.count(REQUESTS, code="200"), plane.count(REQUESTS)) == (1, 1)
    assert (plane.count(REQUEST_BODY_BYTES), plane.count(RESPONSE_BODY_BYTES)) == (3, 4)


async def test_before_the_first_request_nothing_is_counted(plane: Plane) -> None:
    await served(plane, OK)

    assert (plane.outcomes(), plane.refusals(), plane.count(REQUESTS)) == ({}, {}, 0)


async def test_a_status_of_400_or_more_is_an_outcome_of_its_own(plane: Plane) -> None:
    client, _ = await served(plane, answer(b"", status="400 Bad Request"))

    await client.send(request("GET /")).message()

    assert (plane.outcomes(), plane.count(REQUESTS, code="400")) == ({"error_status": 1}, 1)


async def test_a_connection_serves_one_request_after_another(plane: Plane) -> None:
    client, model = await served(plane, answer(b"1"), answer(b"2"))

    first = await client.send(request("GET /1")).message()
    second = await client.send(request("GET /2")).message()

    assert (first.body, second.body) == (b"1", b"2")
    assert (plane.count(CLIENT_CONNECTIONS_OPENED), len(model.lines)) == (1, 1)


async def test_pipelined_requests_are_answered_in_their_order(plane: Plane) -> None:
    client, model = await served(plane, answer(b"1"), answer(b"2"), answer(b"3"))

    client.send(request("GET /1") + request("POST /2", body=b"two") + request("GET /3"))
    found = [(await client.message()).body for _ in range(3)]

    assert found == [b"1", b"2", b"3"]
    assert [each.start.split()[1] for each in model.requests] == ["/1", "/2", "/3"]


async def test_a_pipelined_request_is_not_sent_before_the_one_ahead_is_answered(plane: Plane) -> None:
    client, model = await served(plane)

    client.send(request("GET /1") + request("GET /2"))
    upstream = await model.line()
    await upstream.head()
    before = upstream.unread
    upstream.send(OK)
    await client.message()

    assert (before, (await upstream.head()).start, len(model.lines)) == (b"", "GET /2 HTTP/1.1", 1)


async def test_a_request_may_arrive_byte_by_byte(plane: Plane) -> None:
    client, model = await served(plane, OK)

    for byte in request("POST /", body=b"ab"):
        client.send(bytes([byte]))
    found = await client.message()

    assert (found.status, model.requests[0].body) == (200, b"ab")


async def test_a_client_that_asks_to_close_is_closed_behind_its_answer(plane: Plane) -> None:
    client, _ = await served(plane, OK)

    found = await client.send(request("GET /", "Connection: close")).message()

    assert (found.value("connection"), await client.rest()) == ("close", b"")


async def test_a_kept_connection_says_nothing_of_it(plane: Plane) -> None:
    client, _ = await served(plane, OK)

    found = await client.send(request("GET /")).message()

    assert found.values("connection") == []


async def test_a_model_that_closes_costs_the_client_nothing(plane: Plane) -> None:
    client, model = await served(plane, answer(b"1", "Connection: close"))

    for _ in range(2):
        found = await client.send(request("GET /")).message()

    assert (found.status, found.values("connection"), len(model.lines)) == (200, [], 2)


async def test_an_http10_client_is_closed_behind_its_answer(plane: Plane) -> None:
    client, _ = await served(plane, OK)

    found = await client.send(b"GET / HTTP/1.0\r\n\r\n").message()

    assert (found.body, found.value("connection"), await client.rest()) == (b"ok", "close", b"")


async def test_an_http10_client_may_ask_to_be_kept(plane: Plane) -> None:
    client, _ = await served(plane, OK)

    for _ in range(2):
        found = await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").message()

    assert (found.body, found.value("connection")) == (b"ok", "keep-alive")


async def test_an_http10_client_without_a_host_reaches_the_model_under_the_models_own(plane: Plane) -> None:
    client, model = await served(plane, OK)

    await client.send(b"GET / HTTP/1.0\r\n\r\n").message()

    assert model.requests[0].value("host") == f"127.0.0.1:{model.port}"


async def test_an_http10_client_gets_chunks_as_a_body_that_ends_with_the_connection(plane: Plane) -> None:
    client, _ = await served(
        plane, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )

    found = await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head()

    assert (found.values("transfer-encoding"), found.value("connection"), await client.rest()) == ([], "close", b"abc")


async def test_an_http10_model_is_understood(plane: Plane) -> None:
    client, model = await served(plane)

    client.send(request("GET /"))
    (await model.line()).send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    found = await client.message()

    assert (found.start, found.body, plane.outcomes()) == ("HTTP/1.1 200 OK", b"ok", {"answered": 1})


async def test_an_answer_that_ends_with_the_connection_is_passed_on_in_chunks(plane: Plane) -> None:
    client, model = await served(plane)

    client.send(request("GET /"))
    upstream = await model.line()
    await upstream.head()
    upstream.send(b"HTTP/1.1 200 OK\r\n\r\nabc").close()
    found = await client.message()

    assert (found.value("transfer-encoding"), found.body, plane.outcomes()) == ("chunked", b"abc", {"answered": 1})


async def test_an_answer_in_chunks_is_passed_on_in_chunks(plane: Plane) -> None:
    client, _ = await served(
        plane, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n"
    )

    found = await client.send(request("GET /")).message()

    assert (found.value("transfer-encoding"), found.values("content-length"), found.body) == ("chunked", [], b"abc")


async def test_an_answers_trailers_reach_the_client(plane: Plane) -> None:
    client, _ = await served(
        plane, b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"
    )

    found = await client.send(request("GET /")).message()

    assert (found.value("trailer"), found.trailers) == ("X-Sum", (("x-sum", "7"),))


async def test_an_answers_trailers_cannot_change_what_its_head_said(plane: Plane) -> None:
    client, _ = await served(
        plane,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-request-id: z\r\nX-Sum: 7\r\n\r\n",
    )

    found = await client.send(request("GET /")).message()

    assert found.trailers == (("x-sum", "7"),)


async def test_a_requests_trailers_reach_the_model(plane: Plane) -> None:
    client, model = await served(plane, OK)

    chunks = b"1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"
    await client.send(request("POST /", "Transfer-Encoding: chunked") + chunks).message()

    assert (model.requests[0].body, model.requests[0].trailers) == (b"a", (("x-sum", "7"),))


async def test_an_answer_to_head_keeps_the_length_that_it_announces(plane: Plane) -> None:
    client, _ = await served(plane, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", OK)

    first = await client.send(request("HEAD /")).head()
    second = await client.send(request("GET /")).message()

    assert (first.value("content-length"), second.body) == ("1000", b"ok")


async def test_an_answer_to_head_in_chunks_has_none(plane: Plane) -> None:
    client, _ = await served(plane, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", OK)

    first = await client.send(request("HEAD /")).head()
    second = await client.send(request("GET /")).message()

    assert (first.values("transfer-encoding"), second.body) == ([], b"ok")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_followed_by_the_next(plane: Plane, status: str) -> None:
    client, model = await served(plane, f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode(), OK)

    first = await client.send(request("GET /")).head()
    second = await client.send(request("GET /")).message()

    assert (first.start, first.value("etag"), second.body, len(model.lines)) == (f"HTTP/1.1 {status}", "x", b"ok", 1)


async def test_a_304_keeps_the_length_of_what_it_leaves_out(plane: Plane) -> None:
    client, _ = await served(plane, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", OK)

    first = await client.send(request("GET /")).head()
    second = await client.send(request("GET /")).message()

    assert (first.value("content-length"), second.body) == ("9", b"ok")


async def test_a_204_never_has_a_length(plane: Plane) -> None:
    client, _ = await served(plane, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")

    found = await client.send(request("GET /")).head()

    assert found.values("content-length") == []


async def test_an_empty_body_is_said_to_be_empty(plane: Plane) -> None:
    client, model = await served(plane, answer(b""))

    found = await client.send(request("POST /", body=b"")).message()

    assert (model.requests[0].value("content-length"), found.value("content-length")) == ("0", "0")


async def test_a_reason_phrase_of_the_models_own_is_kept(plane: Plane) -> None:
    client, _ = await served(plane, b"HTTP/1.1 299 Quite Fine\r\nContent-Length: 0\r\n\r\n")

    found = await client.send(request("GET /")).head()

    assert found.start == "HTTP/1.1 299 Quite Fine"


async def test_repeated_answer_fields_stay_apart_and_in_order(plane: Plane) -> None:
    client, _ = await served(plane, answer(b"", "Set-Cookie: a=1", "X-A: 1", "Set-Cookie: b=2"))

    found = await client.send(request("GET /")).message()

    assert found.values("set-cookie") == ["a=1", "b=2"]


async def test_an_answer_before_the_request_is_whole_reaches_the_client_and_ends_both_connections(plane: Plane) -> None:
    client, model = await served(plane)

    client.send(request("POST /", "Content-Length: 100") + b"begun")
    upstream = await model.line()
    await upstream.read_to(b"begun")
    upstream.send(answer(b"no", status="401 Unauthorized"))
    found = await client.message()

    assert (found.status, found.body) == (401, b"no")
    assert (await client.rest(), await upstream.rest(), plane.outcomes()) == (b"", b"", {"error_status": 1})

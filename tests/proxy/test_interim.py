"""1xx answers: asked for, passed on, and kept from those who would not understand them."""

from dataplane import Plane
from wire import OK, request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"


async def test_a_client_that_waits_is_told_to_go_on_by_the_model(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("POST /", "Expect: 100-continue", "Content-Length: 2"))
    upstream = await model.line()
    expectation = (await upstream.head()).value("expect")
    upstream.send(CONTINUE)
    interim = await client.head()
    client.send(b"ab")
    await upstream.read_to(b"ab")
    upstream.send(OK)
    final = await client.message()

    assert (expectation, interim.start, final.status) == ("100-continue", "HTTP/1.1 100 Continue", 200)


async def test_a_model_that_refuses_is_heard_before_the_body_is_sent(plane: Plane) -> None:
    client, upstream = await plane.asked(request("POST /", "Expect: 100-continue", "Content-Length: 2"))

    upstream.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")

    assert (await client.message()).status == 417


async def test_a_client_that_did_not_wait_is_not_told_to_go_on(plane: Plane) -> None:
    client, _ = await plane.conversation(CONTINUE + OK)

    found = await client.send(request("POST /", body=b"ab")).message()

    assert found.status == 200


async def test_early_hints_arrive_before_the_answer(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(HINTS)
    hints = await client.head()
    upstream.send(OK)
    final = await client.message()

    assert (hints.status, hints.value("link"), final.status) == (103, "</a>; rel=preload", 200)


async def test_several_interim_answers_and_the_final_one_may_come_at_once(plane: Plane) -> None:
    client, _ = await plane.conversation(HINTS + HINTS + OK)

    client.send(request("GET /"))
    found = [(await client.head()).status for _ in range(3)]

    assert (found, plane.outcomes()) == ([103, 103, 200], {"answered": 1})


async def test_an_http10_client_gets_no_interim_answer(plane: Plane) -> None:
    client, _ = await plane.conversation(HINTS + OK)

    found = await client.send(b"GET / HTTP/1.0\r\n\r\n").message()

    assert found.status == 200


async def test_the_connection_to_the_model_is_used_again_behind_an_interim_answer(plane: Plane) -> None:
    client, model = await plane.conversation(HINTS + OK)

    for _ in range(2):
        await client.send(request("GET /")).head()
        await client.message()

    assert len(model.lines) == 1

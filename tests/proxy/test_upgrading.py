"""A connection that changes its protocol is a tunnel from then on; one that does not goes on as HTTP."""

import pytest

from dataplane import KERNEL, Plane, endpoint, shadow
from watchtower.metrics.catalogue import TUNNELS_OPEN, UPGRADES
from watchtower.proxy.flow import READ_AHEAD
from watchtower.record import BodyNote
from wire import OK, Line, request

WISH = request("GET /chat", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
CLOSING_WISH = request("GET /chat", "Connection: close, Upgrade", "Upgrade: websocket")
BIG = 48 * 1024 * 1024
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n"
)


async def tunnel(plane: Plane) -> tuple[Line, Line]:
    """Both ends of one that stands."""
    client, upstream = await plane.asked(WISH)

    upstream.send(SWITCHING)
    await client.head()
    return client, upstream


async def test_the_wish_and_the_consent_pass_with_their_fields(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(WISH)
    upstream = await model.line()
    wish = await upstream.head()
    upstream.send(SWITCHING)
    consent = await client.head()

    asked = [wish.value(name) for name in ("connection", "upgrade", "sec-websocket-key")]
    assert asked == ["Upgrade", "websocket", "k"]
    assert (consent.status, consent.value("upgrade"), consent.value("sec-websocket-accept")) == (101, "websocket", "a")


async def test_bytes_pass_both_ways_untouched(plane: Plane) -> None:
    client, upstream = await tunnel(plane)

    client.send(b"\x81\x85GET / HTTP/1.1\r\n\r\n")
    there = await upstream.read(20)
    upstream.send(b"\0\xff")
    back = await client.read(2)

    assert (there, back) == (b"\x81\x85GET / HTTP/1.1\r\n\r\n", b"\0\xff")


async def test_what_came_with_the_heads_is_not_lost(plane: Plane) -> None:
    client, upstream = await plane.asked(WISH + b"early")

    upstream.send(SWITCHING + b"prompt")
    await client.head()

    assert (await upstream.read(5), await client.read(6)) == (b"early", b"prompt")


async def test_nothing_of_the_other_protocol_is_sent_before_the_consent(plane: Plane) -> None:
    client, upstream = await plane.asked(WISH + b"early")

    upstream.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    await client.head()

    assert upstream.unread == b""


async def test_the_end_of_one_direction_leaves_the_other(plane: Plane) -> None:
    client, upstream = await tunnel(plane)

    client.send(b"bye").end()
    heard = await upstream.rest()
    upstream.send(b"bye yourself").end()

    assert (heard, await client.rest()) == (b"bye", b"bye yourself")


@pytest.mark.slow
async def test_who_does_not_read_stops_who_sends(plane: Plane) -> None:
    client, upstream = await tunnel(plane)
    size = 48 * 1024 * 1024

    client.transport.pause_reading()
    upstream.send(bytes(size))
    for _ in range(20):
        client.send(b"x")
        await upstream.read(1)
    held_back = upstream.transport.get_write_buffer_size()
    client.transport.resume_reading()
    received = len(await client.read(size))

    assert (held_back > size // 2, received) == (True, size)


async def test_an_open_tunnel_is_counted_and_a_closed_one_recorded(plane: Plane) -> None:
    client, upstream = await tunnel(plane)

    opened = plane.count(TUNNELS_OPEN)
    client.close()
    await upstream.rest()
    upstream.close()
    await plane.counted(lambda: plane.outcomes() != {})
    [record] = await plane.records()

    assert (opened, plane.count(UPGRADES), plane.outcomes()) == (1, 1, {"upgraded": 1})
    assert (record.outcome, record.status, record.request_note, record.response_note) == (
        "upgraded",
        101,
        BodyNote.NONE,
        BodyNote.NONE,
    )


async def test_a_client_that_is_lost_ends_the_models_side(plane: Plane) -> None:
    client, upstream = await tunnel(plane)

    client.reset()
    await upstream.until(lambda: upstream.is_ended)
    await plane.counted(lambda: plane.outcomes() != {})

    assert (plane.outcomes(), plane.count(TUNNELS_OPEN)) == ({"upgraded": 1}, 0)


async def test_a_model_that_is_lost_ends_the_clients_side(plane: Plane) -> None:
    client, upstream = await tunnel(plane)

    upstream.reset()

    assert await client.rest() == b""


async def test_a_wish_that_is_not_granted_is_an_ordinary_request(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    first = await client.send(WISH).message()
    second = await client.send(request("GET /next")).message()

    assert (first.status, second.status, plane.outcomes()) == (200, 200, {"answered": 2})


async def test_what_was_pipelined_behind_a_wish_that_is_not_granted_is_answered(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    client.send(WISH + request("GET /next"))
    found = [(await client.message()).status for _ in range(2)]

    assert (found, [each.start for each in model.requests][1]) == ([200, 200], "GET /next HTTP/1.1")


@pytest.mark.slow
async def test_who_sends_on_without_a_consent_waits_with_what_it_sends(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), endpoint(model))
    client = await plane.client()

    client.send(WISH + bytes(BIG))
    upstream = await model.line()
    await upstream.head()
    await plane.others_were_served()
    held_back = client.left_to_send
    upstream.send(SWITCHING)
    received = len(await upstream.read(BIG))

    assert (held_back > BIG - KERNEL, received) == (True, BIG)


@pytest.mark.slow
async def test_who_waited_for_a_consent_that_does_not_come_is_read_again(plane: Plane) -> None:
    client, model = await plane.conversation(OK)
    size = 2 * READ_AHEAD // len(request("GET /next"))

    client.send(WISH + request("GET /next") * size)
    found = [(await client.message()).status for _ in range(1 + size)]
    last = await client.send(request("GET /last")).message()

    assert (set(found), last.status, model.requests[-1].start) == ({200}, 200, "GET /last HTTP/1.1")


async def test_what_is_not_http_behind_a_wish_that_is_not_granted_is_400(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    client.send(WISH + b"\x81\x85rubbish\r\n\r\n")
    found = [(await client.message()).status for _ in range(2)]

    assert (found, await client.rest(), len(model.requests)) == ([200, 400], b"", 1)


async def test_a_wish_that_also_says_close_loses_nothing_of_what_follows(plane: Plane) -> None:
    model, quick = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), endpoint(model))
    client = await plane.client()

    client.send(CLOSING_WISH + b"ea")
    upstream = await model.line()
    await upstream.head()
    client.send(b"rly")
    await plane.others_were_served()
    upstream.send(SWITCHING)

    assert await upstream.read(5) == b"early"


async def test_who_sent_on_before_a_refusal_that_closes_can_read_it(plane: Plane) -> None:
    client, _ = await plane.conversation(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    client.send(CLOSING_WISH + bytes(1_000_000))
    found = await client.message()

    assert (found.status, await client.rest(), client.error) == (403, b"", None)


async def test_a_consent_that_nobody_asked_for_is_a_bad_answer(plane: Plane) -> None:
    client, _ = await plane.conversation(SWITCHING)

    found = await client.send(request("GET /")).message()

    assert (found.status, plane.outcomes()) == (502, {"bad_answer": 1})


async def test_a_wish_without_connection_upgrade_is_not_passed_on(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(request("GET /", "Upgrade: websocket")).message()

    assert model.requests[0].values("upgrade") == []


async def test_an_upgrade_is_not_mirrored_and_counted_so(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()

    await client.send(WISH).message()

    assert (plane.shadow_outcomes(), dark.lines) == ({"streaming_upgrade": 1}, [])


async def test_stopping_closes_a_tunnel_and_still_records_it(plane: Plane) -> None:
    await tunnel(plane)

    [record] = await plane.records()

    assert (record.outcome, plane.outcomes()) == ("upgraded", {"upgraded": 1})

"""A worker that stops finishes what is under way, and takes nothing more."""

import asyncio

from dataplane import Plane, endpoint, shadow
from wire import OK, request

PATIENT = {"deadline": "10s"}


async def test_a_request_under_way_is_answered_and_its_client_told_to_close(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), drain=PATIENT)
    client, idle = await plane.client(), await plane.client()
    client.send(request("GET /"))
    upstream = await model.line()
    await upstream.head()

    stopping = asyncio.get_running_loop().create_task(plane.stop())
    await idle.rest()
    upstream.send(OK)
    found = await client.message()
    await stopping

    assert (found.status, found.value("connection"), await client.rest()) == (200, "close", b"")
    assert plane.outcomes() == {"answered": 1}


async def test_a_body_that_still_arrives_is_taken_to_its_end(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model), drain=PATIENT)
    client, idle = await plane.client(), await plane.client()
    client.send(request("POST /", "Content-Length: 2") + b"a")
    upstream = await model.line()
    await upstream.read_to(b"\r\n\r\na")

    stopping = asyncio.get_running_loop().create_task(plane.stop())
    await idle.rest()
    client.send(b"b")
    await upstream.read(1)
    upstream.send(OK)
    found = await client.message()
    await stopping

    assert (found.status, plane.outcomes()) == (200, {"answered": 1})


async def test_what_a_shadow_is_answering_is_waited_for(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model()
    await plane.serve(endpoint(model, shadows=[shadow(dark)]), drain=PATIENT)
    client = await plane.client()
    await client.send(request("GET /")).message()
    line = await dark.line()
    await line.head()

    stopping = asyncio.get_running_loop().create_task(plane.stop())
    await client.rest()
    line.send(OK)
    await stopping

    assert plane.shadow_outcomes() == {"answered": 1}


async def test_without_anything_under_way_it_stops_at_once(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model), drain=PATIENT)
    client = await plane.client()
    await client.send(request("GET /")).message()

    await plane.stop()

    assert await client.rest() == b""

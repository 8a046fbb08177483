"""A request that met a connection closed under it, before a byte of the answer came, is sent once more where it may be."""

from typing import Any

import pytest

from dataplane import Plane, shadow
from watchtower.metrics.catalogue import UPSTREAM_RETRIES
from wire import OK, Line, Message, Model, request


async def on_a_kept_connection(plane: Plane, data: bytes, **settings: Any) -> tuple[Line, Model, Line]:
    """A client, a model, and the model's end of a connection that it has used once, with the head of a second request."""
    client, model = await plane.conversation(**settings)
    client.send(request("GET /first"))
    kept = await model.line()
    await kept.head()
    kept.send(OK)
    await client.message()
    client.send(data)
    await kept.head()
    return client, model, kept


async def meets_a_closing_connection(
    plane: Plane, data: bytes, *, retry: str = "safe", begun: bytes = b"", resets: bool = False
) -> tuple[Message, Model]:
    """What becomes of a request on a kept connection that the model closes behind it."""
    client, model, kept = await on_a_kept_connection(plane, data, retry=retry)
    kept.send(begun)
    kept.reset() if resets else kept.close()
    await plane.counted(lambda: len(model.lines) == 2 or bool(client.unread))
    for fresh in model.lines[1:]:
        await fresh.message()
        fresh.send(OK)
    return await client.message(), model


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE", "TRACE"])
async def test_what_may_be_repeated_is_sent_once_more(plane: Plane, method: str) -> None:
    found, model = await meets_a_closing_connection(plane, request(f"{method} /again"))

    assert (found.status, model.lines[1].received.split()[0].decode()) == (200, method)
    assert (plane.count(UPSTREAM_RETRIES), plane.outcomes()) == (1, {"answered": 2})


async def test_a_reset_is_as_good_as_a_close(plane: Plane) -> None:
    found, _ = await meets_a_closing_connection(plane, request("GET /again"), resets=True)

    assert (found.status, plane.count(UPSTREAM_RETRIES)) == (200, 1)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_not_be_repeated_is_502(plane: Plane, method: str) -> None:
    found, model = await meets_a_closing_connection(plane, request(f"{method} /again", body=b"a"))

    assert (found.status, len(model.lines)) == (502, 1)
    assert (plane.count(UPSTREAM_RETRIES), plane.outcomes()) == (0, {"answered": 1, "reset": 1})


async def test_always_repeats_a_post_with_its_body(plane: Plane) -> None:
    found, model = await meets_a_closing_connection(plane, request("POST /again", body=b"abc"), retry="always")

    assert (found.status, bytes(model.lines[1].received).endswith(b"Content-Length: 3\r\n\r\nabc")) == (200, True)


async def test_always_repeats_chunks(plane: Plane) -> None:
    data = request("POST /again", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    found, model = await meets_a_closing_connection(plane, data, retry="always")

    assert (found.status, bytes(model.lines[1].received).endswith(b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")) == (200, True)


async def test_never_repeats_nothing(plane: Plane) -> None:
    found, model = await meets_a_closing_connection(plane, request("GET /again"), retry="never")

    assert (found.status, len(model.lines), plane.count(UPSTREAM_RETRIES)) == (502, 1, 0)


async def test_behind_a_byte_of_the_answer_nothing_is_repeated(plane: Plane) -> None:
    found, model = await meets_a_closing_connection(plane, request("GET /again"), begun=b"H")

    assert (found.status, len(model.lines), plane.count(UPSTREAM_RETRIES)) == (502, 1, 0)


async def test_on_a_fresh_connection_nothing_is_repeated(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    await upstream.head()
    upstream.close()
    found = await client.message()

    assert (found.status, len(model.lines), plane.count(UPSTREAM_RETRIES)) == (502, 1, 0)


async def test_a_body_beyond_what_is_kept_is_not_repeated(plane: Plane) -> None:
    size = 1_000_000
    found, model = await meets_a_closing_connection(plane, request("PUT /again", body=bytes(size)))

    assert (found.status, len(model.lines)) == (502, 1)


async def test_a_request_is_repeated_once_and_no_more(plane: Plane) -> None:
    client, model, kept = await on_a_kept_connection(plane, request("GET /again"))

    kept.close()
    fresh = await model.line()
    await fresh.head()
    fresh.close()
    found = await client.message()

    assert (found.status, len(model.lines), plane.count(UPSTREAM_RETRIES)) == (502, 2, 1)


async def test_what_is_sent_again_is_mirrored_once(plane: Plane) -> None:
    dark = await plane.model(OK)
    client, model, kept = await on_a_kept_connection(plane, request("GET /again"), shadows=[shadow(dark)])

    await plane.counted(lambda: len(dark.requests) == 2)
    kept.close()
    fresh = await model.line()
    await fresh.head()
    fresh.send(OK)
    await client.message()
    await plane.records()

    assert [each.start for each in dark.requests] == ["GET /first HTTP/1.1", "GET /again HTTP/1.1"]
    assert sum(plane.shadow_outcomes().values()) == 2


async def test_an_idle_connection_that_the_model_closed_is_not_used(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(request("POST /1", body=b"a")).message()
    kept = model.lines[0]
    kept.close()
    await kept.lost()
    found = await client.send(request("POST /2", body=b"a")).message()

    assert (found.status, plane.count(UPSTREAM_RETRIES)) == (200, 0)

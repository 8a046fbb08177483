"""Which fields end at this hop, which are ours, and which pass as they came."""

from typing import Any

import pytest

from dataplane import Plane, endpoint
from wire import OK, Message, answer, request


async def forwarded(plane: Plane, *lines: str, **settings: Any) -> Message:
    """A request as the model gets it."""
    client, model = await plane.conversation(OK, **settings)
    await client.send(request("GET /a", *lines)).message()
    return model.requests[0]


async def answered(plane: Plane, *lines: str, asked: tuple[str, ...] = ()) -> Message:
    """An answer as the client gets it."""
    client, _ = await plane.conversation(answer(b"", *lines))
    return await client.send(request("GET /a", *asked)).message()


HOP_BY_HOP = (
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic eDp5",
    "Proxy-Authenticate: Basic",
    "TE: trailers",
    "Upgrade: websocket",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
)


@pytest.mark.parametrize("line", HOP_BY_HOP)
async def test_a_field_of_the_clients_hop_ends_here(plane: Plane, line: str) -> None:
    found = await forwarded(plane, line)

    assert found.values(line.partition(":")[0].lower()) == []


@pytest.mark.parametrize("line", HOP_BY_HOP)
async def test_a_field_of_the_models_hop_ends_here(plane: Plane, line: str) -> None:
    found = await answered(plane, line)

    assert found.values(line.partition(":")[0].lower()) == []


async def test_what_connection_names_ends_here(plane: Plane) -> None:
    found = await forwarded(plane, "Connection: X-Hop,  x-other ", "X-Hop: 1", "X-OTHER: 2", "X-Hopped: 3")

    names = [name for name, _ in found.fields if name.startswith("x-") and "forwarded" not in name]
    assert names == ["x-hopped", "x-request-id"]


async def test_what_the_models_connection_names_ends_here(plane: Plane) -> None:
    found = await answered(plane, "Connection: X-Hop", "X-Hop: 1", "X-Hopped: 3")

    assert (found.values("x-hop"), found.value("x-hopped"), found.values("connection")) == ([], "3", [])


async def test_other_fields_pass_in_their_order_and_as_they_were_written(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(request("GET /", "X-B: 1, 2", "x-a: Ä", "X-B: 3", "Authorization: Bearer t")).message()

    assert b"\r\nX-B: 1, 2\r\nx-a: \xc4\r\nX-B: 3\r\nAuthorization: Bearer t\r\n" in model.received


async def test_the_host_is_kept(plane: Plane) -> None:
    assert (await forwarded(plane)).value("host") == "model.test"


async def test_the_host_is_rewritten_where_that_is_configured(plane: Plane) -> None:
    found = await forwarded(plane, rewrite_host=True)

    assert (found.value("host").partition(":")[0], found.value("x-forwarded-host")) == ("127.0.0.1", "model.test")


async def test_the_first_hop_says_whom_it_forwards_for(plane: Plane) -> None:
    found = await forwarded(plane)

    told = [found.value(f"x-forwarded-{name}") for name in ("for", "proto", "host")]
    assert told == ["127.0.0.1", "http", "model.test"]


async def test_a_later_hop_adds_itself_and_keeps_what_the_first_said(plane: Plane) -> None:
    found = await forwarded(
        plane, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: api.example.com"
    )

    told = [found.value(f"x-forwarded-{name}") for name in ("for", "proto", "host")]
    assert told == ["10.0.0.1, 127.0.0.1", "https", "api.example.com"]


async def test_hops_in_two_fields_become_one_list(plane: Plane) -> None:
    found = await forwarded(plane, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2")

    assert found.value("x-forwarded-for") == "10.0.0.1, 10.0.0.2, 127.0.0.1"


async def test_a_traceparent_passes_untouched(plane: Plane) -> None:
    found = await forwarded(plane, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    assert found.value("traceparent") == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_variants_path_is_put_before_the_requests(plane: Plane) -> None:
    model = await plane.model(OK)
    variant = {"name": "blue", "url": f"{model.url}/models/v1/"}
    await plane.serve({"name": "churn", "variants": [variant]})
    client = await plane.client()

    await client.send(request("GET /a?b=c")).message()

    assert model.requests[0].start == "GET /models/v1/a?b=c HTTP/1.1"


# The request id.


async def test_the_clients_request_id_is_taken_and_returned(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    found = await client.send(request("GET /", "X-Request-ID: 1-5759e988-bd862e3fe1be46a994272793")).message()

    ids = model.requests[0].value("x-request-id"), found.value("x-request-id")
    assert set(ids) == {"1-5759e988-bd862e3fe1be46a994272793"}


async def test_without_one_the_model_and_the_client_get_the_same_new_id(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    found = await client.send(request("GET /")).message()

    assert model.requests[0].value("x-request-id") == found.value("x-request-id")


async def test_each_request_gets_an_id_of_its_own_that_sorts_behind_the_last(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    ids = [(await client.send(request("GET /")).message()).value("x-request-id") for _ in range(3)]

    assert (len(set(ids)), [each[:13] for each in ids]) == (3, sorted(each[:13] for each in ids))


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "a" * 129, "a,b", "ä", "<x>"])
async def test_an_id_that_cannot_be_a_label_is_replaced(plane: Plane, value: str) -> None:
    found = await answered(plane, asked=(f"x-request-id: {value}",))

    assert found.value("x-request-id")[14] == "7"


async def test_two_ids_are_none(plane: Plane) -> None:
    found = await answered(plane, asked=("x-request-id: a", "x-request-id: b"))

    assert found.value("x-request-id")[14] == "7"


async def test_the_models_own_request_id_does_not_reach_the_client(plane: Plane) -> None:
    found = await answered(plane, "x-request-id: its-own", asked=("x-request-id: mine",))

    assert found.value("x-request-id") == "mine"


async def test_the_client_is_told_which_variant_answered(plane: Plane) -> None:
    found = await answered(plane, "x-watchtower-variant: forged")

    assert found.value("x-watchtower-variant") == "blue"


async def test_a_refused_request_has_no_variant(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, match={"path": "/v1"})

    found = await client.send(request("GET /v2")).message()

    assert found.values("x-watchtower-variant") == []


# Heads that came before are known again: what belongs to one client must not reach another.


async def test_clients_that_send_the_same_head_are_told_apart(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model))
    one, other = await plane.client(source="127.0.0.2"), await plane.client(source="127.0.0.3")

    for client in (one, other, one, other):
        await client.send(request("GET /")).message()

    told = [each.value("x-forwarded-for") for each in model.requests]
    assert told == ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]
    assert len({each.value("x-request-id") for each in model.requests}) == 4


async def test_the_same_head_with_another_body_carries_that_body(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    for body in (b"ab", b"cd"):
        await client.send(request("POST /", body=body)).message()

    assert [each.body for each in model.requests] == [b"ab", b"cd"]


async def test_the_same_answers_head_with_another_body_carries_that_body(plane: Plane) -> None:
    client, _ = await plane.conversation(answer(b"ab"), answer(b"cd"))

    found = [(await client.send(request("GET /")).message()).body for _ in range(2)]

    assert found == [b"ab", b"cd"]


async def test_more_heads_than_are_remembered_are_all_read_right(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    client.send(b"".join(request(f"GET /{number}", f"X-N: {number}") for number in range(1200)))
    for _ in range(1200):
        await client.message()

    found = [(each.start.split()[1], each.value("x-n")) for each in model.requests]
    assert found == [(f"/{number}", str(number)) for number in range(1200)]

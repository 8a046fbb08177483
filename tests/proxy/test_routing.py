"""Endpoints, variants and weights, with everything running."""

from pathlib import Path
from typing import Any

import pytest

from dataplane import Plane, endpoint
from watchtower.control.routes_file import Overrides, with_weights, write_overrides
from watchtower.metrics.catalogue import REQUEST_OUTCOMES
from wire import Line, answer, request


async def variants_met(client: Line, count: int, *lines: str) -> list[str]:
    return [(await client.send(request("GET /", *lines)).message()).value("x-watchtower-variant") for _ in range(count)]


async def split(plane: Plane, blue: float, green: float, **settings: Any) -> Line:
    """A client of an endpoint whose two variants have these weights."""
    models = [await plane.model(answer(name)) for name in (b"blue", b"green")]
    known = endpoint(*models)
    for variant, weight in zip(known["variants"], (blue, green), strict=True):
        variant["weight"] = weight
    await plane.serve({**known, **settings})
    return await plane.client()


def change_weights(folder: Path, blue: float, green: float, *, over: dict[str, float]) -> None:
    weights = {"blue": blue, "green": green}
    write_overrides(folder / "routes.json", with_weights(Overrides(), "churn", over, weights))


async def test_a_request_goes_to_the_endpoint_of_its_host_and_path(plane: Plane) -> None:
    one, other = await plane.model(answer(b"one")), await plane.model(answer(b"other"))
    by_host = endpoint(one, name="one", match={"host": "one.test"})
    await plane.serve(by_host, endpoint(other, name="other", match={"path": "/v1"}))
    client = await plane.client()

    first = await client.send(b"GET /v1 HTTP/1.1\r\nHost: one.test\r\n\r\n").message()
    second = await client.send(b"GET /v1 HTTP/1.1\r\nHost: two.test\r\n\r\n").message()
    third = await client.send(b"GET /v2 HTTP/1.1\r\nHost: two.test\r\n\r\n").message()

    assert (first.body, second.body, third.status) == (b"one", b"other", 404)
    assert [plane.count(REQUEST_OUTCOMES, endpoint=name) for name in ("one", "other")] == [1, 1]


async def test_an_absolute_targets_host_decides(plane: Plane) -> None:
    one, other = await plane.model(answer(b"one")), await plane.model(answer(b"other"))
    await plane.serve(endpoint(one, name="one", match={"host": "one.test"}), endpoint(other, name="other"))
    client = await plane.client()

    found = await client.send(b"GET http://one.test/ HTTP/1.1\r\nHost: two.test\r\n\r\n").message()

    assert found.body == b"one"


async def test_requests_are_shared_out_and_counted_by_variant(plane: Plane) -> None:
    client = await split(plane, 1, 1)

    met = await variants_met(client, 60)

    counted = [plane.count(REQUEST_OUTCOMES, variant=name) for name in ("blue", "green")]
    assert counted == [met.count("blue"), met.count("green")]
    assert min(counted) > 5


async def test_a_variant_without_weight_is_not_asked(plane: Plane) -> None:
    client = await split(plane, 1, 0)

    assert set(await variants_met(client, 30)) == {"blue"}


@pytest.mark.parametrize("by", [{"header": "X-User"}, {"cookie": "user"}], ids=["header", "cookie"])
async def test_the_same_key_meets_the_same_variant(plane: Plane, by: dict[str, str]) -> None:
    client = await split(plane, 1, 1, sticky=by)
    line = "X-User: {}" if "header" in by else "Cookie: a=b; user={}"

    met = [set(await variants_met(client, 5, line.format(user))) for user in range(12)]

    assert [len(each) for each in met] == [1] * 12
    assert set.union(*met) == {"blue", "green"}


async def test_the_same_key_meets_the_same_variant_on_another_connection(plane: Plane) -> None:
    first = await split(plane, 1, 1, sticky={"header": "x-user"})
    second = await plane.client()

    for user in range(10):
        assert await variants_met(first, 1, f"x-user: {user}") == await variants_met(second, 1, f"x-user: {user}")


async def test_without_a_key_chance_decides(plane: Plane) -> None:
    client = await split(plane, 1, 1, sticky={"header": "x-user"})

    assert set(await variants_met(client, 60)) == {"blue", "green"}


async def test_weights_that_were_changed_before_the_start_are_in_force(plane: Plane) -> None:
    change_weights(plane.folder, 0, 1, over={"blue": 1.0, "green": 0.0})
    client = await split(plane, 1, 0)

    assert await variants_met(client, 3) == ["green"] * 3


@pytest.mark.slow
async def test_changed_weights_reach_a_running_worker_and_lose_no_request(plane: Plane) -> None:
    client = await split(plane, 1, 0)
    before = await variants_met(client, 3)
    change_weights(plane.folder, 0, 1, over={"blue": 1.0, "green": 0.0})
    met = before
    while met[-1] == "blue":
        met += await variants_met(client, 1)

    assert (before[:3], plane.outcomes()) == (["blue"] * 3, {"answered": len(met)})


async def test_weights_that_were_changed_over_others_are_forgotten(plane: Plane) -> None:
    change_weights(plane.folder, 0, 1, over={"blue": 5.0, "green": 5.0})
    client = await split(plane, 1, 0)

    assert await variants_met(client, 3) == ["blue"] * 3


async def test_a_broken_file_of_weights_changes_nothing(plane: Plane) -> None:
    (plane.folder / "routes.json").write_text("{")
    client = await split(plane, 1, 0)

    assert await variants_met(client, 3) == ["blue"] * 3

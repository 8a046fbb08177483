import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from admin_client import parts_in, serving
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from watchtower.address import Address
from watchtower.control.admin import admin_app, bind_admin, start_admin
from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.control.generation import WorkerStatus
from watchtower.control.openapi import OPERATIONS, openapi
from watchtower.control.worker_process import WorkerState
from watchtower.errors import StartError
from watchtower.metrics.catalogue import JOURNAL_BYTES, REQUEST_OUTCOMES, SHADOW_OUTCOMES
from watchtower.metrics.cells import Cells
from watchtower.units import Secret

WEIGHTS = "/api/v1/endpoints/churn/weights"


async def test_it_is_alive(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        assert await client.ask("GET", "/healthz") == (200, "application/json", {"status": "alive"})


async def test_readiness_says_what_is_not_ready(tmp_path: Path) -> None:
    starting = replace(parts_in(tmp_path), workers=lambda: [WorkerStatus(1, 1, WorkerState.STARTING, 0, 1, 9)])

    async with serving(starting) as client:
        status, _, body = await client.ask("GET", "/readyz")

    assert (status, body) == (503, {"is_ready": False, "waiting_for": ["worker 1: starting"]})


async def test_readiness_is_ready(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        status, _, body = await client.ask("GET", "/readyz")

    assert (status, body) == (200, {"is_ready": True, "waiting_for": []})


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    Cells(tmp_path, "w1").counter(JOURNAL_BYTES).inc(5)

    async with serving(parts_in(tmp_path)) as client:
        status, kind, body = await client.ask("GET", "/metrics")

    assert (status, kind) == (200, "text/plain")
    assert "\nwatchtower_journal_bytes_total 5.0\n" in body


async def test_metrics_are_openmetrics_for_those_who_ask(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        _, kind, body = await client.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert kind == "application/openmetrics-text"
    assert body.endswith("# EOF\n")


async def test_status_tells_what_was_counted(tmp_path: Path) -> None:
    cells = Cells(tmp_path, "w1")
    cells.counter(REQUEST_OUTCOMES, "churn", "blue", "answered").inc(3)
    cells.counter(REQUEST_OUTCOMES, "churn", "green", "reset").inc(1)
    cells.counter(SHADOW_OUTCOMES, "churn", "v2", "queue_full").inc(4)

    async with serving(parts_in(tmp_path)) as client:
        _, _, body = await client.ask("GET", "/api/v1/status")

    assert body["endpoints"] == [
        {"name": "churn", "requests": 4, "outcomes": {"answered": 3, "reset": 1}, "shadows": {"v2": {"queue_full": 4}}}
    ]
    assert body["last_reload"] == {"at": 12.0, "is_adopted": False, "mistakes": ["a mistake"]}
    assert [(worker["place"], worker["state"], worker["restarts"]) for worker in body["workers"]] == [(1, "ready", 2)]


async def test_weights_are_the_configurations_until_they_are_changed(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        _, _, body = await client.ask("GET", WEIGHTS)

    assert body == {"weights": {"blue": 95.0, "green": 5.0}, "is_override": False}


async def test_changed_weights_are_shown_everywhere_and_outlive_a_restart(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        changed = await client.ask("PUT", WEIGHTS, {"weights": {"green": 10}})
    async with serving(parts_in(tmp_path)) as client:
        _, _, after = await client.ask("GET", WEIGHTS)
        _, _, listed = await client.ask("GET", "/api/v1/endpoints")

    expected = {"weights": {"blue": 95.0, "green": 10.0}, "is_override": True}
    assert changed == (200, "application/json", expected)
    assert after == expected
    assert [variant["weight"] for variant in listed["endpoints"][0]["variants"]] == [95.0, 10.0]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"weights": {"red": 1}}, 400, "no variant red; there are blue, green"),
        ({"weights": {"blue": 0, "green": 0}}, 400, "the weights of all variants together must be more than 0"),
        ({"weights": {"blue": -1}}, 400, "blue: a weight is a finite number, 0 or more"),
        ({"weights": {"blue": 1, "green": "much"}}, 400, "green: a weight is a finite number, 0 or more"),
        (b'{"weights": {"blue": 1e999}}', 400, "blue: a weight is a finite number, 0 or more"),
        ({"weights": 1}, 400, "Expected `object`, got `int` - at `$.weights`"),
        ({"weights": {}}, 400, "Expected `object` of length >= 1 - at `$.weights`"),
        ({"weigths": {"blue": 1}}, 400, "Object contains unknown field `weigths`"),
        (b"{", 400, "Input data was truncated"),
        (b" " * 70_000, 413, "Maximum request body size 65536 exceeded."),
    ],
)
async def test_weights_that_cannot_be_are_refused_and_nothing_changes(
    tmp_path: Path, body: Any, status: int, detail: str
) -> None:
    async with serving(parts_in(tmp_path)) as client:
        found = await client.ask("PUT", WEIGHTS, body)

    assert (found[0], found[1], found[2]["detail"]) == (status, "application/problem+json", detail)
    assert not (tmp_path / "routes.json").exists()


async def test_an_unknown_endpoint_is_not_found(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        found = await client.ask("GET", "/api/v1/endpoints/other/weights")

    expected = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "No endpoint has this name."}
    assert found == (404, "application/problem+json", expected)


async def test_weights_that_cannot_be_kept_are_a_failure_that_says_so(tmp_path: Path) -> None:
    nowhere = replace(parts_in(tmp_path), routes_file=tmp_path / "missing" / "routes.json")

    async with serving(nowhere) as client:
        status, _, body = await client.ask("PUT", WEIGHTS, {"weights": {"blue": 1}})

    assert (status, body["detail"]) == (500, "The weights cannot be kept: No such file or directory.")


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nothing", 404, "Nothing is at this path; /openapi.json lists what there is."),
        ("POST", WEIGHTS, 405, "This path answers GET, HEAD, PUT."),
    ],
)
async def test_what_is_not_there_is_a_problem_that_says_what_is(
    tmp_path: Path, method: str, path: str, status: int, detail: str
) -> None:
    async with serving(parts_in(tmp_path)) as client:
        found = await client.ask(method, path)

    assert (found[0], found[1], found[2]["detail"]) == (status, "application/problem+json", detail)


async def test_a_failure_of_ours_tells_its_client_nothing_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> list[WorkerStatus]:
        raise KeyError("private")

    async with serving(replace(parts_in(tmp_path), workers=fail)) as client:
        status, _, body = await client.ask("GET", "/api/v1/status")

    assert (status, body["detail"]) == (500, "The log says why.")
    assert [record.message for record in caplog.records] == ["an admin request failed"]


LABELS_OR_WEIGHTS = pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/labels"), ("PUT", WEIGHTS)])


@LABELS_OR_WEIGHTS
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_body_that_is_not_in_its_encoding_is_refused_without_a_trace(
    tmp_path: Path, method: str, path: str, coding: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = replace(parts_in(tmp_path), analyst=lambda: AnalystStatus(AnalystState.RUNNING, 0, 5))
    async with serving(parts) as client:
        found = await client.ask(method, path, b"\xff\xfe\x00 plain", **{"Content-Encoding": coding})
        after = await client.ask("GET", "/healthz")

    assert (found[0], found[1], after[0]) == (400, "application/problem+json", 200)
    assert found[2]["detail"].startswith("The body cannot be decoded")
    assert caplog.records == []


@LABELS_OR_WEIGHTS
async def test_who_leaves_within_a_body_leaves_no_trace(
    tmp_path: Path, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = replace(parts_in(tmp_path), analyst=lambda: AnalystStatus(AnalystState.RUNNING, 0, 5))
    async with serving(parts) as client:
        _, writer = await asyncio.open_connection(client.address.host, client.address.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode())
        await client.ask("GET", "/healthz")
        writer.close()
        await writer.wait_closed()
        await client.ask("GET", "/healthz")

    assert caplog.records == []


NAMES = {"name": "churn", "shadow": "v2", "report": "20270115T080000Z-alarm.html"}


async def test_with_a_token_only_health_is_told_without_it(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path, Secret("sesame"))) as client:
        statuses = {
            operation.name: (await client.ask(operation.method, operation.path.format(**NAMES)))[0]
            for operation in OPERATIONS
        }

    assert statuses == {operation.name: 200 if operation.is_open else 401 for operation in OPERATIONS}


async def test_the_token_opens(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path, Secret("sesame"))) as client:
        status, _, _ = await client.ask("GET", "/api/v1/status", Authorization="Bearer sesame")

    assert status == 200


async def test_without_a_token_a_change_under_a_foreign_name_is_refused(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        status, _, _ = await client.ask("PUT", WEIGHTS, {"weights": {"blue": 1}}, Host="evil.example")

    assert status == 403


def test_an_address_that_is_taken_is_known_before_anything_is_started() -> None:
    (first,) = bind_admin(Address("127.0.0.1", 0))
    taken = Address(*first.getsockname())

    with pytest.raises(StartError, match=f"admin server: cannot listen at {taken}: Address already in use"):
        bind_admin(taken)

    first.close()


async def test_who_asks_before_the_server_is_started_is_answered_when_it_is(tmp_path: Path) -> None:
    (listener,) = bind_admin(Address("127.0.0.1", 0))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    runner = await start_admin(admin_app(parts_in(tmp_path)), [listener])
    status = await asyncio.wait_for(reader.readline(), 5.0)
    writer.close()
    await runner.cleanup()

    assert status == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.slow
def test_the_document_is_openapi() -> None:
    mistakes = [error.message for error in OpenAPIV31SpecValidator(openapi()).iter_errors()]

    assert mistakes == []


async def test_the_document_and_the_routes_agree(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        _, _, document = await client.ask("GET", "/openapi.json")

    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    routes = {(route.method, _path(route)) for route in admin_app(parts_in(tmp_path)).router.routes()}
    assert described == {(method, path) for method, path in routes if method != "HEAD"}


def _path(route: web.AbstractRoute) -> str:
    return route.resource.canonical if route.resource else ""

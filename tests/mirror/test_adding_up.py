"""Whatever the models and the shadows do, each request has one outcome at each of them, and the journal says the same."""

from collections import Counter

import pytest

from dataplane import Plane, endpoint, shadow
from watchtower.record import Role, ShadowOutcome
from wire import OK, Line, answer, request

FAULTS = (
    OK,
    answer(b"", status="500 No"),
    b"rubbish\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
    b"HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    OK + b"left over",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"",
)
REQUESTS = (
    request("GET /"),
    request("POST /", body=b"a" * 100),
    request("POST /", body=b"a" * 5000),
    request("POST /", "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n",
    request("HEAD /"),
    request("GET /", "Connection: Upgrade", "Upgrade: websocket"),
    request("POST /", "Content-Length: 9") + b"half",
    request("POST /", body=b"a" * 9000),
)
COUNT = 200


async def ask(plane: Plane, number: int) -> Line:
    client = await plane.client()
    return client.send(REQUESTS[number % len(REQUESTS)])


@pytest.mark.slow
async def test_the_outcomes_add_up_under_every_fault_at_once(plane: Plane) -> None:
    model = await plane.model(*(FAULTS[number % len(FAULTS)] for number in range(COUNT)))
    dark = await plane.model(*(FAULTS[number * 7 % len(FAULTS)] for number in range(COUNT)))
    pool = {"first_byte_timeout": "100ms", "idle_timeout": "100ms", "max_connections": 64}
    breaker = {"failures": 10, "pause": "10ms"}
    shadows = [
        shadow(dark, "dark", timeout="100ms", max_body=4096, max_in_flight=2, max_queue="16KiB", breaker=breaker),
        shadow(dark, "half", timeout="100ms", sample=0.5),
    ]
    known = endpoint(model, pool=pool, shadows=shadows, max_body=8192)
    await plane.serve(known, limits={"body_timeout": "100ms"})

    clients = [await ask(plane, number) for number in range(COUNT)]
    for client in clients[::5]:
        client.close()
    await plane.counted(lambda: sum(plane.outcomes().values()) == COUNT)
    records = await plane.records()

    primary = Counter(str(each.outcome) for each in records if each.role is Role.PRIMARY)
    assert primary == plane.outcomes()
    for name in ("dark", "half"):
        outcomes = plane.shadow_outcomes(name)
        recorded = Counter(str(each.outcome) for each in records if each.role is Role.SHADOW and each.variant == name)
        recorded[ShadowOutcome.SKIPPED_BY_SAMPLE] = outcomes.get(ShadowOutcome.SKIPPED_BY_SAMPLE, 0)
        assert +recorded == outcomes
        assert sum(outcomes.values()) == COUNT

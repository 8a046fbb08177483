"""Every request that an endpoint takes ends in one outcome at each of its shadows, and costs its client nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from dataplane import Plane, endpoint, shadow
from watchtower.metrics.catalogue import SHADOW_DURATION, SHADOW_OUTCOMES
from watchtower.record import BodyNote, Role, ShadowOutcome
from wire import OK, Line, Message, Model, answer, request


async def mirrored(plane: Plane, *answers: bytes, **settings: Any) -> tuple[Line, Model]:
    """A client of an endpoint that answers, and its shadow."""
    model, dark = await plane.model(OK), await plane.model(*answers)
    await plane.serve(endpoint(model, shadows=[shadow(dark, **settings)]))
    return await plane.client(), dark


async def outcome(plane: Plane, requests: int = 1) -> dict[str, int]:
    """The shadow's outcomes, as soon as they are as many as the requests; more would be seen here, too."""
    await plane.counted(lambda: sum(plane.shadow_outcomes().values()) >= requests)
    assert sum(plane.shadow_outcomes().values()) == sum(plane.outcomes().values()) == requests
    return plane.shadow_outcomes()


async def test_before_the_first_request_every_outcome_is_there_at_zero(plane: Plane) -> None:
    await mirrored(plane, OK)

    assert (plane.shadow_outcomes(), plane.count(SHADOW_OUTCOMES)) == ({}, 0)


async def test_the_shadow_gets_the_request_and_the_client_only_the_models_answer(plane: Plane) -> None:
    client, dark = await mirrored(plane, answer(b"shadow's"))

    found = await client.send(request("POST /predict?a=1", "Content-Type: text/plain", body=b"[1]")).message()

    assert (found.body, await outcome(plane)) == (b"ok", {"answered": 1})
    copy = dark.requests[0]
    assert (copy.start, copy.value("content-type"), copy.body) == ("POST /predict?a=1 HTTP/1.1", "text/plain", b"[1]")
    assert (copy.value("x-watchtower-shadow"), copy.value("x-request-id")) == ("dark", found.value("x-request-id"))


async def test_the_duration_is_observed_once_for_each_answer(plane: Plane) -> None:
    client, _ = await mirrored(plane, OK)
    before = plane.count(SHADOW_DURATION)

    await client.send(request("GET /")).message()
    await outcome(plane)

    assert (before, plane.count(SHADOW_DURATION)) == (0, 1)


async def test_chunks_reach_the_shadow_with_a_length(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK)

    await client.send(request("POST /", "Transfer-Encoding: chunked") + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n").message()
    await outcome(plane)

    assert (dark.requests[0].value("content-length"), dark.requests[0].body) == ("3", b"abc")


async def test_the_shadow_is_asked_only_when_the_models_request_is_on_its_way(plane: Plane) -> None:
    model, dark = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(model, pool={"max_connections": 1}, shadows=[shadow(dark)]))
    first, second = await plane.client(), await plane.client()

    first.send(request("GET /1"))
    upstream = await model.line()
    await upstream.head()
    second.send(request("GET /2"))
    await plane.counted(lambda: len(dark.requests) == 1)
    upstream.send(OK)
    await upstream.head()
    await plane.counted(lambda: len(dark.requests) == 2)

    assert [each.start for each in dark.requests] == ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1"]


async def test_the_shadow_is_asked_before_the_model_has_answered(plane: Plane) -> None:
    model, dark = await plane.model(), await plane.model(OK)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()

    client.send(request("GET /1"))
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 1})

    assert plane.outcomes() == {}


async def test_each_shadow_of_several_gets_a_copy_and_has_its_own_outcome(plane: Plane) -> None:
    model, one, other = await plane.model(OK), await plane.model(OK), await plane.model(answer(b"", status="500 No"))
    await plane.serve(endpoint(model, shadows=[shadow(one, "one"), shadow(other, "other")]))
    client = await plane.client()

    await client.send(request("GET /")).message()
    await plane.counted(lambda: plane.count(SHADOW_OUTCOMES) == 2)

    assert (plane.shadow_outcomes("one"), plane.shadow_outcomes("other")) == ({"answered": 1}, {"error_status": 1})
    marks = [each.requests[0].value("x-watchtower-shadow") for each in (one, other)]
    assert marks == ["one", "other"]


# The closed list of outcomes, each by what really brings it about.


async def test_an_answer_is_answered(plane: Plane) -> None:
    client, _ = await mirrored(plane, OK)
    await client.send(request("GET /")).message()

    assert await outcome(plane) == {ShadowOutcome.ANSWERED: 1}


@pytest.mark.parametrize("status", ["400 Bad Request", "503 Busy"])
async def test_a_status_of_400_or_more_is_an_error_status(plane: Plane, status: str) -> None:
    client, _ = await mirrored(plane, answer(b"", status=status))
    await client.send(request("GET /")).message()

    assert await outcome(plane) == {ShadowOutcome.ERROR_STATUS: 1}


async def test_a_shadow_that_is_not_there_is_connect_failed(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model()
    await dark.close()
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()
    found = await client.send(request("GET /")).message()

    assert (found.status, await outcome(plane)) == (200, {ShadowOutcome.CONNECT_FAILED: 1})


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["none", "half"])
@pytest.mark.parametrize("end", [Line.close, Line.reset], ids=["close", "reset"])
async def test_a_shadow_that_ends_its_answer_early_is_reset(
    plane: Plane, begun: bytes, end: Callable[[Line], None]
) -> None:
    client, dark = await mirrored(plane)
    await client.send(request("GET /")).message()
    line = await dark.line()
    await line.head()
    line.send(begun)
    end(line)

    assert await outcome(plane) == {ShadowOutcome.RESET: 1}


async def test_a_shadow_that_is_too_slow_is_timed_out(plane: Plane) -> None:
    client, dark = await mirrored(plane, timeout="1ms")
    await client.send(request("GET /")).message()
    line = await dark.line()
    await line.until(lambda: line.is_ended)

    assert await outcome(plane) == {ShadowOutcome.TIMED_OUT: 1}


async def test_a_shadow_that_stops_in_its_answer_is_timed_out(plane: Plane) -> None:
    client, dark = await mirrored(plane, timeout="1ms")
    await client.send(request("GET /")).message()
    (await dark.line()).send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

    assert await outcome(plane) == {ShadowOutcome.TIMED_OUT: 1}


@pytest.mark.parametrize(
    "data",
    [b"rubbish\r\n\r\n", b"HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ids=["rubbish", "101"],
)
async def test_what_is_not_an_answer_is_a_bad_answer(plane: Plane, data: bytes) -> None:
    client, dark = await mirrored(plane)
    await client.send(request("GET /")).message()
    (await dark.line()).send(data)

    assert await outcome(plane) == {ShadowOutcome.BAD_ANSWER: 1}


async def test_a_request_outside_the_sample_is_skipped(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK, sample=0)
    await client.send(request("GET /")).message()

    assert (await outcome(plane), dark.lines) == ({ShadowOutcome.SKIPPED_BY_SAMPLE: 1}, [])


async def test_a_request_that_is_too_large_is_not_sent(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK, max_body=4)
    await client.send(request("POST /", body=b"12345")).message()

    assert (await outcome(plane), dark.lines) == ({ShadowOutcome.TOO_LARGE: 1}, [])


@pytest.mark.parametrize(
    "huge",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n12345",
    ],
    ids=["announced", "chunks", "endless"],
)
async def test_an_answer_that_is_too_large_is_given_up(plane: Plane, huge: bytes) -> None:
    client, dark = await mirrored(plane, max_body=4)
    await client.send(request("GET /")).message()
    line = await dark.line()
    line.send(huge)
    await line.until(lambda: line.is_ended)

    assert await outcome(plane) == {ShadowOutcome.TOO_LARGE: 1}


async def test_a_full_queue_turns_requests_away(plane: Plane) -> None:
    client, dark = await mirrored(plane, max_in_flight=1, max_queue=1)
    for _ in range(2):
        await client.send(request("GET /")).message()
    await plane.counted(lambda: plane.shadow_outcomes() == {ShadowOutcome.QUEUE_FULL: 1})
    (await dark.line()).send(OK)

    assert await outcome(plane, 2) == {ShadowOutcome.QUEUE_FULL: 1, ShadowOutcome.ANSWERED: 1}


async def test_an_open_breaker_turns_requests_away(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model()
    await dark.close()
    await plane.serve(
        endpoint(model, shadows=[shadow(dark, breaker={"failures": 2, "pause": "1h", "max_pause": "1h"})])
    )
    client = await plane.client()
    for number in range(1, 6):
        await client.send(request("GET /")).message()
        await outcome(plane, number)

    assert plane.shadow_outcomes() == {ShadowOutcome.CONNECT_FAILED: 2, ShadowOutcome.BREAKER_OPEN: 3}


async def test_what_waits_when_the_breaker_opens_is_turned_away(plane: Plane) -> None:
    breaker = {"failures": 1, "pause": "1h", "max_pause": "1h"}
    client, dark = await mirrored(plane, max_in_flight=1, breaker=breaker)
    for _ in range(4):
        await client.send(request("GET /")).message()
    (await dark.line()).send(b"rubbish\r\n\r\n")

    assert await outcome(plane, 4) == {ShadowOutcome.BAD_ANSWER: 1, ShadowOutcome.BREAKER_OPEN: 3}


async def test_what_is_under_way_at_the_end_is_shutting_down(plane: Plane) -> None:
    client, dark = await mirrored(plane, max_in_flight=1)
    for _ in range(2):
        await client.send(request("GET /")).message()
    await (await dark.line()).head()
    await plane.stop()

    assert await outcome(plane, 2) == {ShadowOutcome.SHUTTING_DOWN: 2}


async def test_a_request_that_never_became_whole_is_incomplete(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK)
    client.send(request("POST /", "Content-Length: 10") + b"half")
    await plane.counted(lambda: plane._models[0].received.endswith(b"half"))
    client.close()

    assert (await outcome(plane), dark.lines) == ({ShadowOutcome.INCOMPLETE: 1}, [])


async def test_a_refused_request_is_incomplete(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, max_body=4, shadows=[shadow(dark)]))
    client = await plane.client()
    await client.send(request("POST /", body=b"12345")).message()

    assert (await outcome(plane), dark.lines) == ({ShadowOutcome.INCOMPLETE: 1}, [])


async def test_a_request_whose_model_is_dead_reaches_the_shadow(plane: Plane) -> None:
    model, dark = await plane.model(), await plane.model(OK)
    await model.close()
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()
    await client.send(request("GET /")).message()

    assert (plane.outcomes(), await outcome(plane)) == ({"connect_failed": 1}, {ShadowOutcome.ANSWERED: 1})


async def test_a_client_that_leaves_does_not_change_the_shadows_outcome(plane: Plane) -> None:
    model, dark = await plane.model(), await plane.model()
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()
    client.send(request("GET /"))
    line = await dark.line()
    await line.head()
    client.close()
    await plane.counted(lambda: plane.outcomes() == {"cancelled": 1})
    line.send(OK)

    assert await outcome(plane) == {ShadowOutcome.ANSWERED: 1}


# A shadow's connections.


async def test_a_shadows_connection_is_used_again(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK)
    for number in range(1, 4):
        await client.send(request("GET /")).message()
        await outcome(plane, number)

    assert len(dark.lines) == 1


async def test_a_kept_connection_that_was_closed_says_nothing_of_the_shadow(plane: Plane) -> None:
    client, dark = await mirrored(plane)
    await client.send(request("GET /1")).message()
    first = await dark.line()
    await first.head()
    first.send(OK)
    await outcome(plane)
    await client.send(request("POST /2", body=b"a")).message()
    await first.message()
    first.close()
    second = await dark.line()
    await second.message()
    second.send(OK)

    assert await outcome(plane, 2) == {ShadowOutcome.ANSWERED: 2}


async def test_what_waits_goes_on_when_one_has_ended(plane: Plane) -> None:
    client, dark = await mirrored(plane, OK, max_in_flight=1)
    for number in range(5):
        client.send(request(f"GET /{number}"))
    for _ in range(5):
        await client.message()

    assert (await outcome(plane, 5), len(dark.lines)) == ({ShadowOutcome.ANSWERED: 5}, 1)


async def test_a_stalled_shadow_does_not_stall_the_client(plane: Plane) -> None:
    client, _ = await mirrored(plane, max_in_flight=2, max_queue="16KiB")
    found = [(await client.send(request("GET /")).message()).status for _ in range(50)]

    assert found == [200] * 50


# What the shadow is sent.


async def copied(plane: Plane, *lines: str, rewrite_host: bool = False, **settings: Any) -> Message:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, rewrite_host=rewrite_host, shadows=[shadow(dark, **settings)]))
    client = await plane.client()
    await client.send(request("GET /v1/a?b=c", *lines)).message()
    await outcome(plane)
    return dark.requests[0]


async def test_the_copy_has_the_clients_host_and_the_forwarding_fields(plane: Plane) -> None:
    found = await copied(plane)

    assert (found.value("host"), found.value("x-forwarded-for")) == ("model.test", "127.0.0.1")


async def test_the_copy_may_have_another_host(plane: Plane) -> None:
    assert (await copied(plane, host="shadow.test:81")).value("host") == "shadow.test:81"


async def test_the_copy_has_the_shadows_own_host_where_the_endpoint_rewrites_it(plane: Plane) -> None:
    assert (await copied(plane, rewrite_host=True)).value("host").startswith("127.0.0.1:")


async def test_a_path_may_be_replaced(plane: Plane) -> None:
    assert (await copied(plane, path="/v2/infer")).start == "GET /v2/infer?b=c HTTP/1.1"


async def test_a_paths_beginning_may_be_replaced(plane: Plane) -> None:
    assert (await copied(plane, path="/v1=/v2")).start == "GET /v2/a?b=c HTTP/1.1"


async def test_a_path_with_another_beginning_stays(plane: Plane) -> None:
    assert (await copied(plane, path="/v3=/v2")).start == "GET /v1/a?b=c HTTP/1.1"


async def test_headers_may_be_added_replaced_and_dropped(plane: Plane) -> None:
    headers = {"add": {"x-team": "b"}, "replace": {"authorization": "none"}, "drop": ["Cookie"]}
    found = await copied(plane, "X-Team: a", "Authorization: secret", "COOKIE: c", "X-Cookie: d", headers=headers)

    got = [found.values(name) for name in ("x-team", "authorization", "cookie", "x-cookie")]
    assert got == [["a", "b"], ["none"], [], ["d"]]


async def test_a_mark_that_came_with_the_request_is_replaced(plane: Plane) -> None:
    assert (await copied(plane, "x-watchtower-shadow: other")).value("x-watchtower-shadow") == "dark"


async def test_the_copy_expects_nothing(plane: Plane) -> None:
    assert (await copied(plane, "Expect: 100-continue")).values("expect") == []


async def test_the_mark_of_test_traffic_reaches_the_shadow(plane: Plane) -> None:
    assert (await copied(plane, "x-watchtower-test: run-7")).value("x-watchtower-test") == "run-7"


# What the journal keeps of it.


async def test_both_answers_are_recorded_under_one_id(plane: Plane) -> None:
    model, dark = await plane.model(answer(b"0.1")), await plane.model(answer(b"0.2", "Content-Type: text/plain"))
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()
    found = await client.send(request("POST /p", "x-watchtower-test: run-7", body=b"[1]")).message()
    await outcome(plane)
    primary, other = await plane.records()

    assert {primary.request_id, other.request_id} == {found.value("x-request-id").encode()}
    assert (primary.role, primary.variant, primary.response_body) == (Role.PRIMARY, "blue", b"0.1")
    assert (other.role, other.variant, other.response_body) == (Role.SHADOW, "dark", b"0.2")
    assert (other.response_type, other.status, other.outcome) == (b"text/plain", 200, "answered")
    assert (primary.test_run, other.test_run) == (b"run-7", b"run-7")


async def test_the_requests_body_is_kept_once(plane: Plane) -> None:
    client, _ = await mirrored(plane, OK)
    await client.send(request("POST /p", body=b"[1]")).message()
    await outcome(plane)
    primary, other = await plane.records()

    assert (primary.request_body, primary.request_note) == (b"[1]", BodyNote.WHOLE)
    assert (other.request_body, other.request_note, other.request_size) == (b"", BodyNote.NOT_KEPT, 3)


async def test_a_shadow_that_did_not_answer_has_a_record_too(plane: Plane) -> None:
    client, dark = await mirrored(plane)
    await client.send(request("GET /")).message()
    (await dark.line()).send(b"rubbish\r\n\r\n")
    await outcome(plane)
    [found] = await plane.records(Role.SHADOW)

    assert (found.outcome, found.status, found.response_note) == ("bad_answer", 0, BodyNote.NONE)


async def test_a_shadow_that_was_turned_away_has_a_record_too(plane: Plane) -> None:
    client, _ = await mirrored(plane, OK, max_body=4)
    await client.send(request("POST /", body=b"12345")).message()
    [found] = await plane.records(Role.SHADOW)

    assert (found.outcome, found.total_ns) == ("too_large", 0)


async def test_a_request_outside_the_sample_has_none(plane: Plane) -> None:
    client, _ = await mirrored(plane, OK, sample=0)
    await client.send(request("GET /")).message()

    assert await plane.records(Role.SHADOW) == []

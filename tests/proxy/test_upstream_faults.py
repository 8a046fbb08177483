"""What a model does wrong, and what the client, the counters and the journal are told of it."""

import json

import pytest

from dataplane import Plane, endpoint
from watchtower.metrics.catalogue import REQUESTS, UPSTREAM_CONNECTS
from wire import OK, Message, request


def reason(problem: Message) -> str:
    found: str = json.loads(problem.body)["reason"]
    return found


async def test_a_model_that_is_not_there_is_502(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    await plane.serve(endpoint(model))
    client = await plane.client()

    found = await client.send(request("GET /")).message()

    assert (found.status, reason(found), plane.outcomes()) == (502, "upstream_connect_failed", {"connect_failed": 1})
    assert (plane.count(REQUESTS, code="502"), plane.count(UPSTREAM_CONNECTS, result="failed")) == (1, 1)


async def test_a_request_that_met_no_model_is_recorded_with_the_reason(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    await plane.serve(endpoint(model))
    client = await plane.client()

    found = await client.send(request("POST /x", body=b"[1]")).message()
    [record] = await plane.records()

    assert (record.outcome, record.status, record.reason) == ("connect_failed", 502, "upstream_connect_failed")
    assert (record.request_id.decode(), record.variant) == (found.value("x-request-id"), "blue")


async def test_the_connection_of_a_client_survives_a_dead_model(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    await plane.serve(endpoint(model))
    client = await plane.client()

    found = [(await client.send(request("GET /")).message()).status for _ in range(3)]

    assert (found, plane.outcomes()) == ([502, 502, 502], {"connect_failed": 3})


async def test_a_model_that_closes_without_an_answer_is_502(plane: Plane) -> None:
    client, upstream = await plane.asked(request("GET /"))

    upstream.close()
    found = await client.message()

    assert (found.status, reason(found), plane.outcomes()) == (502, "upstream_reset", {"reset": 1})


async def test_a_model_that_resets_is_502(plane: Plane) -> None:
    client, upstream = await plane.asked(request("GET /"))

    upstream.reset()
    found = await client.message()

    assert (found.status, reason(found), plane.outcomes()) == (502, "upstream_reset", {"reset": 1})


async def test_a_model_that_closes_in_the_middle_of_a_head_is_502(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    (await model.line()).send(b"HTTP/1.1 200 OK\r\nContent-").close()
    found = await client.message()

    assert (found.status, plane.outcomes()) == (502, {"reset": 1})


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
    ],
    ids=["length", "between_chunks", "in_a_chunk"],
)
async def test_an_answer_that_is_cut_off_is_cut_off_for_the_client_too(plane: Plane, begun: bytes) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(begun)
    await client.head()
    await client.read_to(b"half")
    upstream.close()
    behind = await client.rest()

    assert (b"0\r\n\r\n" in behind, plane.outcomes()) == (False, {"reset": 1})


async def test_an_answer_that_was_cut_off_is_recorded_as_far_as_it_came(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    (await model.line()).send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").close()
    await client.head()
    await client.rest()
    [record] = await plane.records()

    assert (record.outcome, record.status, record.response_body, record.response_size) == ("reset", 200, b"half", 4)


MALFORMED = {
    "rubbish": b"rubbish\r\n\r\n",
    "no_http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "two_framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two_lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length_with_sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length_of_letters": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "unknown_coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding_behind_chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "line_feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "folded": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
    "space_before_colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "nul": b"HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nok",
    "cr_in_reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok",
    "http09": b"<html>hello</html>",
    "status_of_two_digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status_of_four_digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status_of_letters": b"HTTP/1.1 OK OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_answer_is_502_and_its_connection_closed(plane: Plane, data: bytes) -> None:
    client, upstream = await plane.asked(request("GET /"))

    upstream.send(data)
    found = await client.message()
    await upstream.until(lambda: upstream.is_ended)

    assert (found.status, reason(found), plane.outcomes()) == (502, "upstream_bad_answer", {"bad_answer": 1})


async def test_a_length_of_thousands_of_digits_is_a_bad_answer(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    (await model.line()).send(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"0" * 5000 + b"2\r\n\r\nok")
    found = await client.message()

    assert (found.status, plane.outcomes()) == (502, {"bad_answer": 1})


async def test_an_answer_whose_chunks_turn_out_malformed_is_cut_off(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    await client.head()
    await client.read_to(b"good\r\n")
    upstream.send(b"zz\r\n")
    behind = await client.rest()

    assert (behind, plane.outcomes()) == (b"", {"bad_answer": 1})


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
BEHIND_THE_END = {
    "another_answer": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "a_byte": OK + b"H",
    "half_a_head": OK + b"HTTP/1.1 200 OK\r\nContent-Le",
    "an_answer_behind_chunks": CHUNKS + OK,
    "an_answer_behind_204": b"HTTP/1.1 204 No Content\r\n\r\n" + OK,
    "the_body_of_a_304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("data", BEHIND_THE_END.values(), ids=BEHIND_THE_END)
async def test_bytes_behind_the_end_of_an_answer_reach_nobody(plane: Plane, data: bytes) -> None:
    model = await plane.model(data, OK)
    await plane.serve(endpoint(model))
    first, second = await plane.client(), await plane.client()

    await first.send(request("GET /1")).head()
    await plane.counted(lambda: plane.outcomes() == {"answered": 1})
    found = await second.send(request("GET /2")).message()

    assert (found.start, found.body, len(model.lines)) == ("HTTP/1.1 200 OK", b"ok", 2)


HALF_A_HEAD_BEHIND = {
    "chunks": CHUNKS + b"HTTP/1.1 200 OK\r\nX-Evil: ",
    "204": b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: ",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: ",
}


@pytest.mark.parametrize("data", HALF_A_HEAD_BEHIND.values(), ids=HALF_A_HEAD_BEHIND)
async def test_half_a_head_behind_an_answer_does_not_become_part_of_the_next(plane: Plane, data: bytes) -> None:
    model = await plane.model(data, CHUNKS)
    await plane.serve(endpoint(model))
    first, second = await plane.client(), await plane.client()

    await first.send(request("GET /1")).head()
    await plane.counted(lambda: plane.outcomes() == {"answered": 1})
    found = await second.send(request("GET /2")).message()

    assert (found.status, found.values("x-evil"), len(model.lines)) == (200, [], 2)


async def test_bytes_that_nobody_asked_for_close_a_kept_connection(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(request("GET /1")).message()
    model.lines[0].send(OK)
    await model.lines[0].until(lambda: model.lines[0].is_ended)
    second = await client.send(request("GET /2")).message()

    assert (second.status, len(model.lines)) == (200, 2)


# Too slow.


async def test_a_model_that_does_not_begin_to_answer_in_time_is_504(plane: Plane) -> None:
    client, model = await plane.conversation(pool={"first_byte_timeout": "1ms"})

    client.send(request("GET /"))
    upstream = await model.line()
    found = await client.message()
    await upstream.until(lambda: upstream.is_ended)

    assert (found.status, reason(found), plane.outcomes()) == (504, "upstream_timed_out", {"timed_out": 1})


async def test_a_model_that_stalls_in_its_answer_is_cut_off(plane: Plane) -> None:
    client, model = await plane.conversation(pool={"idle_timeout": "1ms"})

    client.send(request("GET /"))
    (await model.line()).send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
    await client.head()
    behind = await client.rest()

    assert (behind, plane.outcomes()) == (b"ok", {"timed_out": 1})


async def test_an_exchange_ends_at_its_total_time_whatever_still_comes(plane: Plane) -> None:
    client, model = await plane.conversation(pool={"total_timeout": "150ms"})

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.head()
    while not client.is_ended:
        upstream.send(b"1\r\na\r\n")
        await client.until(lambda: bool(client.unread) or client.is_ended)
        await client.read(len(client.unread))

    assert plane.outcomes() == {"timed_out": 1}


async def test_a_timed_out_request_keeps_the_clients_connection(plane: Plane) -> None:
    client, _ = await plane.conversation(pool={"first_byte_timeout": "1ms"})

    await client.send(request("GET /")).message()
    second = await client.send(request("GET /")).message()

    assert (second.status, plane.outcomes()) == (504, {"timed_out": 2})


# The client leaves.


async def test_a_client_that_leaves_stops_the_models_request(plane: Plane) -> None:
    client, upstream = await plane.asked(request("GET /"))

    client.close()
    await upstream.until(lambda: upstream.is_ended)
    await plane.counted(lambda: plane.outcomes() != {})
    [record] = await plane.records()

    assert (plane.outcomes(), plane.count(REQUESTS, code="499")) == ({"cancelled": 1}, 1)
    assert (record.outcome, record.status) == ("cancelled", 0)


async def test_a_client_that_will_send_no_more_is_taken_as_leaving(plane: Plane) -> None:
    client, upstream = await plane.asked(request("GET /"))

    client.end()
    await upstream.until(lambda: upstream.is_ended)
    await client.rest()
    await plane.counted(lambda: plane.outcomes() != {})

    assert plane.outcomes() == {"cancelled": 1}


async def test_a_client_that_leaves_during_the_answer_is_recorded_with_what_it_got(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await client.head()
    await client.read(4)
    client.reset()
    await upstream.until(lambda: upstream.is_ended)
    await plane.counted(lambda: plane.outcomes() != {})
    [record] = await plane.records()

    assert (record.outcome, record.status, record.response_body) == ("cancelled", 200, b"half")


async def test_a_client_that_leaves_in_its_body_stops_the_models_request(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("POST /", "Content-Length: 10") + b"half")
    upstream = await model.line()
    await upstream.read_to(b"half")
    client.close()
    await upstream.until(lambda: upstream.is_ended)
    await plane.counted(lambda: plane.outcomes() != {})

    assert plane.outcomes() == {"cancelled": 1}


async def test_a_client_that_leaves_before_there_is_a_connection_asks_nothing(plane: Plane) -> None:
    model = await plane.model()
    await plane.serve(endpoint(model, pool={"max_connections": 1}))
    first, second = await plane.client(), await plane.client()

    first.send(request("GET /1"))
    upstream = await model.line()
    await upstream.head()
    second.send(request("GET /2"))
    third = await plane.client()
    third.send(request("GET /3"))
    await plane.counted(lambda: plane._worker is not None and plane._worker._pools[0].waiting == 2)
    second.close()
    await plane.counted(lambda: plane.outcomes() == {"cancelled": 1})
    upstream.send(OK)

    assert (await upstream.head()).start == "GET /3 HTTP/1.1"


async def test_a_request_that_is_under_way_when_the_worker_gives_up_is_recorded(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    await (await model.line()).head()
    [record] = await plane.records()

    assert (record.outcome, plane.outcomes()) == ("cancelled", {"cancelled": 1})

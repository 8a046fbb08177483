"""A record says how long the model itself took, by the same clock for a primary and its shadow."""

from time import monotonic_ns

from dataplane import Plane, endpoint, shadow
from watchtower.record import NEVER, Exchange
from wire import OK, Line, Model, answer, request

BIG = 2 * 1024 * 1024  # what the buffers below do not hold
BUFFER = 64 * 1024


async def served(plane: Plane, *shadows: Model) -> Model:
    """A model for which the test speaks, with shadows, and beside it one that answers others."""
    model, quick = await plane.model(), await plane.model(OK)
    asked = endpoint(model, shadows=[shadow(dark) for dark in shadows])
    await plane.serve(endpoint(quick, name="quick", match={"path": "/other"}), asked)
    return model


async def a_while(plane: Plane) -> int:
    """Let time pass, and say how much."""
    began_ns = monotonic_ns()
    await plane.others_were_served()
    return monotonic_ns() - began_ns


async def recorded(plane: Plane) -> list[Exchange]:
    return [each for each in await plane.records() if each.endpoint == "churn"]


async def client_and_model(plane: Plane, sent: bytes) -> tuple[Line, Line]:
    """Both ends of a conversation in which the request's head has arrived; the client reads nothing yet."""
    plane.send_buffer = BUFFER
    model = await served(plane)
    client = await plane.client(receive_buffer=BUFFER)
    client.transport.pause_reading()
    client.send(sent)
    upstream = await model.line()
    await upstream.head()
    return client, upstream


async def test_the_clients_upload_is_not_the_models_time(plane: Plane) -> None:
    dark = await plane.model(OK)
    model, client = await served(plane, dark), await plane.client()

    client.send(request("POST /", "Content-Length: 2") + b"a")
    upstream = await model.line()
    await upstream.read_to(b"\r\n\r\na")
    uploading_ns = await a_while(plane)
    client.send(b"b")
    await upstream.read_to(b"b")
    upstream.send(OK)
    await client.message()
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 1})
    primary, other = await recorded(plane)

    assert 0 < primary.service_ns <= primary.total_ns - uploading_ns
    assert 0 < other.service_ns <= other.total_ns - other.connect_ns


async def test_what_a_model_thinks_is_its_time_whoever_it_is(plane: Plane) -> None:
    dark = await plane.model()
    model, client = await served(plane, dark), await plane.client()

    client.send(request("GET /"))
    upstreams = [await each.line() for each in (model, dark)]
    for upstream in upstreams:
        await upstream.head()
    thinking_ns = await a_while(plane)
    for upstream in upstreams:
        upstream.send(OK)
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 1})
    primary, other = await recorded(plane)

    assert (primary.service_ns >= thinking_ns, other.service_ns >= thinking_ns) == (True, True)


async def test_the_clients_slow_reading_is_not_the_models_time(plane: Plane) -> None:
    client, upstream = await client_and_model(plane, request("GET /big"))

    upstream.send(answer(bytes(BIG)))
    await plane.others_were_served()  # so that the model's answer is held back by now
    waiting_ns = await a_while(plane)
    client.transport.resume_reading()
    await client.message()
    [found] = await recorded(plane)

    assert 0 < found.service_ns <= found.total_ns - waiting_ns


async def test_an_answer_that_was_held_before_the_request_was_whole_took_no_less_than_nothing(plane: Plane) -> None:
    client, upstream = await client_and_model(plane, request("POST /", "Content-Length: 1"))

    upstream.send(answer(bytes(BIG))[:-1])
    await plane.others_were_served()
    client.transport.resume_reading()
    await client.head()
    await client.read(BIG - 1)
    client.send(b"a")
    await upstream.read_to(b"a")
    upstream.send(b"\0")
    await client.read(1)
    [found] = await recorded(plane)

    assert (found.outcome, found.service_ns) == ("answered", 0)


async def test_an_answer_to_half_a_request_counts_from_its_head(plane: Plane) -> None:
    model, client = await served(plane), await plane.client()

    client.send(request("POST /", "Content-Length: 2") + b"a")
    upstream = await model.line()
    await upstream.read_to(b"\r\n\r\na")
    thinking_ns = await a_while(plane)
    upstream.send(answer(b"", status="413 Too Large"))
    await client.message()
    [found] = await recorded(plane)

    assert thinking_ns <= found.service_ns <= found.total_ns


async def test_a_model_that_never_answers_took_until_the_end(plane: Plane) -> None:
    model, client = await served(plane), await plane.client()

    client.send(request("GET /"))
    upstream = await model.line()
    await upstream.head()
    waiting_ns = await a_while(plane)
    client.close()
    await plane.counted(lambda: plane.outcomes().get("cancelled") == 1)
    [found] = await recorded(plane)

    assert waiting_ns <= found.service_ns <= found.total_ns


async def test_a_request_that_was_never_sent_whole_nor_answered_took_no_time(plane: Plane) -> None:
    model, client = await served(plane), await plane.client()

    client.send(request("POST /", "Content-Length: 2") + b"a")
    upstream = await model.line()
    await upstream.read_to(b"\r\n\r\na")
    client.close()
    await plane.counted(lambda: plane.outcomes().get("cancelled") == 1)
    [found] = await recorded(plane)

    assert found.service_ns == NEVER

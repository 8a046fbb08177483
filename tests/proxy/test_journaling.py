"""What the journal holds of an exchange, and what it must never hold."""

from itertools import pairwise
from pathlib import Path

from dataplane import Plane, endpoint, shadow
from watchtower.metrics.catalogue import JOURNAL_BODIES, JOURNAL_RECORDS, JOURNAL_SAMPLED_OUT, JOURNAL_WRITTEN
from watchtower.record import NEVER, BodyNote, Role
from wire import OK, answer, request


def on_disk(folder: Path) -> bytes:
    """Every byte of every file that a worker left."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_record_says_what_was_asked_and_answered(plane: Plane) -> None:
    client, _ = await plane.conversation(answer(b"0.9", "Content-Type: text/csv", status="201 Created"))
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    sent = request("POST /predict?a=1", "Content-Type: application/json", f"traceparent: {trace}", body=b"[1]")
    await client.send(sent).message()
    [found] = await plane.records()

    assert (found.role, found.endpoint, found.variant, found.outcome) == (Role.PRIMARY, "churn", "blue", "answered")
    assert (found.method, found.target, found.status) == (b"POST", b"/predict?a=1", 201)
    assert (found.request_type, found.request_body, found.request_size) == (b"application/json", b"[1]", 3)
    assert (found.response_type, found.response_body, found.response_size) == (b"text/csv", b"0.9", 3)
    assert (found.request_note, found.response_note) == (BodyNote.WHOLE, BodyNote.WHOLE)
    assert (found.traceparent, found.test_run, found.reason) == (trace.encode(), b"", "")


async def test_the_times_of_a_record_stand_in_their_order(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    await client.send(request("GET /")).message()
    [found] = await plane.records()

    times = [0, found.connect_ns, found.first_byte_ns, found.first_part_ns, found.last_part_ns, found.total_ns]
    assert all(before <= after for before, after in pairwise(times))
    assert (found.queue_ns, found.connect_ns > 0) == (0, True)


async def test_on_a_kept_connection_nothing_was_spent_on_connecting(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    for _ in range(2):
        await client.send(request("GET /")).message()
    _, found = await plane.records()

    assert (found.queue_ns, found.connect_ns) == (0, 0)


async def test_the_parts_of_a_streamed_answer_are_counted_as_they_came(plane: Plane) -> None:
    client, model = await plane.conversation()

    client.send(request("GET /"))
    upstream = await model.line()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await client.head()
    await client.read_to(b"a\r\n")
    upstream.send(b"1\r\nb\r\n0\r\n\r\n")
    await client.read_to(b"0\r\n\r\n")
    [found] = await plane.records()

    assert (found.parts, found.response_body, found.first_part_ns < found.last_part_ns) == (2, b"ab", True)


async def test_what_was_never_reached_is_said_so(plane: Plane) -> None:
    model = await plane.model()
    await model.close()
    await plane.serve(endpoint(model))
    client = await plane.client()

    await client.send(request("GET /")).message()
    [found] = await plane.records()

    assert (found.first_byte_ns, found.first_part_ns, found.last_part_ns, found.parts) == (NEVER, NEVER, NEVER, 0)
    assert found.service_ns == NEVER


async def test_a_long_body_is_cut_and_says_so_but_passes_whole(plane: Plane) -> None:
    model = await plane.model(answer(b"b" * 1000))
    await plane.serve(endpoint(model), capture={"max_body": 10})
    client = await plane.client()

    got = await client.send(request("POST /", body=b"a" * 1000)).message()
    [found] = await plane.records()

    assert (model.requests[0].body, got.body) == (b"a" * 1000, b"b" * 1000)
    assert (found.request_body, found.request_size, found.request_note) == (b"a" * 10, 1000, BodyNote.CUT)
    assert (found.response_body, found.response_size, found.response_note) == (b"b" * 10, 1000, BodyNote.CUT)


async def test_a_body_of_the_limits_size_is_whole(plane: Plane) -> None:
    model = await plane.model(answer(b"b" * 10))
    await plane.serve(endpoint(model), capture={"max_body": 10})
    client = await plane.client()

    await client.send(request("POST /", body=b"a" * 10)).message()
    [found] = await plane.records()

    assert (found.request_note, found.response_note) == (BodyNote.WHOLE, BodyNote.WHOLE)


async def test_chosen_headers_are_kept_and_credentials_never(plane: Plane) -> None:
    model = await plane.model(answer(b"", "X-Model: m", "Set-Cookie: s=secret-1"))
    await plane.serve(endpoint(model), capture={"headers": ["User-Agent", "X-Model"]})
    client = await plane.client()

    lines = ("User-Agent: u", "Authorization: Bearer secret-2", "Cookie: s=secret-3", "X-Api-Key: secret-4")
    await client.send(request("GET /", *lines)).message()
    [found] = await plane.records()

    assert (found.request_headers, found.response_headers) == (((b"user-agent", b"u"),), ((b"x-model", b"m"),))
    assert b"secret-" not in on_disk(plane.folder)


async def test_headers_that_nobody_chose_are_not_kept(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)

    await client.send(request("GET /", "X-Private: hidden")).message()
    [found] = await plane.records()

    assert (found.request_headers, b"hidden" in on_disk(plane.folder)) == ((), False)


async def test_requests_of_one_id_are_told_apart_by_a_moment_that_their_shadows_have_too(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]))
    client = await plane.client()

    for _ in range(2):
        await client.send(request("POST /", "x-request-id: one", body=b"[1]")).message()
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 2})
    found = await plane.records()

    moments = [sorted(one.read_ns for one in found if one.role is role) for role in Role]
    assert (moments[0], len(set(moments[0]))) == (moments[1], 2)


async def test_a_record_names_the_shadows_whose_sample_leaves_it_out(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    shadows = [shadow(dark, "seen"), shadow(dark, "unseen", sample="0%")]
    await plane.serve(endpoint(model, shadows=shadows))
    client = await plane.client()

    await client.send(request("POST /", body=b"[1]")).message()
    await plane.counted(lambda: plane.shadow_outcomes("seen") == {"answered": 1})
    found = {one.variant: one.unsampled for one in await plane.records()}

    assert found == {"blue": ("unseen",), "seen": ()}


async def test_a_redacted_value_is_never_on_the_disk(plane: Plane) -> None:
    model = await plane.model(answer(b'{"ssn": "secret-1", "y": 1}', "Content-Type: application/json"))
    dark = await plane.model(answer(b'{"a": {"ssn": "secret-2"}}', "Content-Type: application/json"))
    await plane.serve(endpoint(model, shadows=[shadow(dark)]), capture={"redact": ["$..ssn"]})
    client = await plane.client()

    sent = request("POST /", "Content-Type: application/json", body=b'{"ssn": "secret-3", "x": 2}')
    got = await client.send(sent).message()
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 1})
    primary, other = await plane.records()

    notes = {primary.request_note, primary.response_note, other.response_note}
    assert (notes, b"secret-" in on_disk(plane.folder)) == ({BodyNote.REDACTED}, False)
    assert (b"secret-1" in got.body, b"secret-3" in model.requests[0].body) == (True, True)


async def test_a_body_that_cannot_be_redacted_is_not_kept_and_counted(plane: Plane) -> None:
    model = await plane.model(OK)
    await plane.serve(endpoint(model), capture={"redact": ["$.ssn"]})
    client = await plane.client()

    sent = request("POST /", "Content-Type: application/json", body=b'{"ssn": "secret-1')
    await client.send(sent).message()
    [found] = await plane.records()

    assert (found.request_note, found.request_body, found.request_size) == (BodyNote.UNREADABLE, b"", 17)
    assert (plane.count(JOURNAL_BODIES, note="unreadable") >= 1, b"secret" in on_disk(plane.folder)) == (True, False)


async def test_a_client_may_mark_its_request_as_test_traffic(plane: Plane) -> None:
    client, model = await plane.conversation(OK)

    await client.send(request("GET /", "x-watchtower-test: run-7")).message()
    [found] = await plane.records()

    assert (found.test_run, model.requests[0].value("x-watchtower-test")) == (b"run-7", "run-7")


async def test_a_record_is_counted_when_it_is_offered_and_when_it_is_written(plane: Plane) -> None:
    client, _ = await plane.conversation(OK)
    before = plane.count(JOURNAL_RECORDS), plane.count(JOURNAL_WRITTEN)

    await client.send(request("GET /")).message()
    await plane.stop()

    assert (before, plane.count(JOURNAL_RECORDS, role="primary"), plane.count(JOURNAL_WRITTEN)) == ((0, 0), 1, 1)


async def test_what_the_sample_leaves_out_is_counted_with_its_shadow(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]), capture={"sample": 0})
    client = await plane.client()

    await client.send(request("GET /")).message()
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 1})

    assert (await plane.records(), plane.count(JOURNAL_SAMPLED_OUT), plane.outcomes()) == ([], 1, {"answered": 1})


async def test_a_sampled_pair_is_kept_or_left_out_together(plane: Plane) -> None:
    model, dark = await plane.model(OK), await plane.model(OK)
    await plane.serve(endpoint(model, shadows=[shadow(dark)]), capture={"sample": 0.5})
    client = await plane.client()

    for _ in range(40):
        await client.send(request("GET /")).message()
    await plane.counted(lambda: plane.shadow_outcomes() == {"answered": 40})
    found = await plane.records()

    ids = [{each.request_id for each in found if each.role is role} for role in Role]
    assert (ids[0] == ids[1], 0 < len(ids[0]) < 40) == (True, True)


async def test_a_refused_request_has_a_record_with_the_reason(plane: Plane) -> None:
    client, _ = await plane.conversation(OK, max_body=1)

    await client.send(request("POST /", body=b"12")).message()
    [found] = await plane.records()

    assert (found.outcome, found.status, found.reason, found.variant) == ("refused", 413, "body_too_large", "")


async def test_an_encoded_body_is_kept_as_it_was_sent(plane: Plane) -> None:
    client, _ = await plane.conversation(answer(b"\x1f\x8b\x00", "Content-Encoding: gzip"))

    await client.send(request("POST /", "Content-Encoding: br", body=b"\x0b")).message()
    [found] = await plane.records()

    assert (found.request_encoding, found.request_body) == (b"br", b"\x0b")
    assert (found.response_encoding, found.response_body) == (b"gzip", b"\x1f\x8b\x00")

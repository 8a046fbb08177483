import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from admin_client import Client, parts_in, serving

from watchtower.analyst import documents
from watchtower.clock import SECOND
from watchtower.control.admin import AdminParts
from watchtower.control.analysis import MAX_LABELS, MAX_LABELS_BODY
from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.store.database import NAME, Access, Database
from watchtower.store.inbox import InboxLabel, LabelInbox
from watchtower.store.state import State

CHURN = "/api/v1/endpoints/churn"
LABELS = "/api/v1/labels"
DOCUMENTS = [
    ("analysis", documents.key(documents.STATUS, "churn")),
    ("drift", documents.key(documents.DRIFT, "churn")),
    ("baseline", documents.key(documents.BASELINE, "churn")),
    ("schema", documents.key(documents.SCHEMA, "churn")),
    ("performance", documents.key(documents.PERFORMANCE, "churn")),
    ("shadows/v2", documents.key(documents.SHADOW, "churn", "v2")),
]


def analysed(directory: Path) -> AdminParts:
    """Beside an analyst that runs."""
    return replace(parts_in(directory), analyst=lambda: AnalystStatus(AnalystState.RUNNING, 0, 5))


def inbox(directory: Path) -> list[InboxLabel]:
    with closing(Database(directory / NAME, Access.READ)) as database:
        return LabelInbox(database).after(0, 100)


async def sent(client: Client, body: Any) -> tuple[int, Any]:
    status, _, answer = await client.ask("POST", LABELS, body)
    return status, answer


@pytest.mark.parametrize(("path", "key"), DOCUMENTS)
async def test_a_document_is_given_as_it_was_written(tmp_path: Path, path: str, key: str) -> None:
    with State(tmp_path) as state:
        state.commit(documents={key: b'{"endpoint": "churn", "extra": [1]}'})

    async with serving(analysed(tmp_path)) as client:
        found = await client.ask("GET", f"{CHURN}/{path}")

    assert found == (200, "application/json", {"endpoint": "churn", "extra": [1]})


@pytest.mark.parametrize("has_state", [False, True])
@pytest.mark.parametrize(("path", "_key"), DOCUMENTS)
async def test_before_anything_is_analysed_the_answer_says_so(
    tmp_path: Path, path: str, _key: str, has_state: bool
) -> None:
    if has_state:
        State(tmp_path).close()

    async with serving(analysed(tmp_path)) as client:
        status, kind, body = await client.ask("GET", f"{CHURN}/{path}")

    assert (status, kind) == (404, "application/problem+json")
    assert body["detail"].startswith("No exchange has been analysed yet.")


async def test_of_a_known_endpoint_it_is_told_that_only_this_is_missing(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(documents={documents.key(documents.STATUS, "churn"): b"{}"})

    async with serving(analysed(tmp_path)) as client:
        status, _, body = await client.ask("GET", f"{CHURN}/performance")

    assert (status, body["detail"][:32]) == (404, "The analyst knows this endpoint,")


async def test_without_an_analyst_the_answer_says_that_it_is_left_off(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        status, _, body = await client.ask("GET", f"{CHURN}/drift")

    assert (status, body["detail"][:24]) == (404, "The analyst is left off ")


@pytest.mark.parametrize("path", ["/api/v1/endpoints/other/drift", f"{CHURN}/shadows/v9"])
async def test_what_is_not_configured_is_not_found(tmp_path: Path, path: str) -> None:
    async with serving(analysed(tmp_path)) as client:
        status, _, body = await client.ask("GET", path)

    assert (status, body["detail"].partition(" has ")[2]) == (404, "this name.")


async def test_a_state_that_cannot_be_read_is_a_failure_that_says_why(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database " * 100)

    async with serving(analysed(tmp_path)) as client:
        status, _, body = await client.ask("GET", f"{CHURN}/drift")

    assert (status, body["detail"]) == (503, "The analysis cannot be read now: damaged.")


async def test_a_label_waits_in_the_inbox_for_the_analyst(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        answer = await sent(client, {"request_id": "r1", "row": 2, "value": "yes", "time": 5})

    assert answer == (200, {"accepted": 1, "updated": 0, "unchanged": 0, "outdated": 0})
    assert inbox(tmp_path) == [InboxLabel("r1", 2, "yes", 5 * SECOND, 1)]


async def test_a_label_without_a_row_and_a_time_is_of_the_first_row_and_of_now(tmp_path: Path) -> None:
    before = time.time_ns()
    async with serving(analysed(tmp_path)) as client:
        await sent(client, [{"request_id": "r1", "value": 1}])
    (label,) = inbox(tmp_path)

    assert label.row == 0
    assert before <= label.at_ns <= time.time_ns()


async def test_a_label_may_name_an_endpoint_that_is_configured(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        taken, _ = await sent(client, {"request_id": "r1", "value": 1, "endpoint": "churn"})
        status, answer = await sent(client, {"request_id": "r2", "value": 1, "endpoint": "chrun"})

    assert (taken, status, answer["mistakes"][0]["reason"]) == (200, 400, "bad_endpoint")
    assert [(label.request_id, label.endpoint) for label in inbox(tmp_path)] == [("r1", "churn")]


async def test_labels_that_are_sent_again_change_nothing(tmp_path: Path) -> None:
    labels = [{"request_id": f"r{n}", "value": n, "time": 5} for n in range(3)]
    async with serving(analysed(tmp_path)) as client:
        await sent(client, labels)
        again = await sent(client, [*labels[:2], {"request_id": "r2", "value": 9, "time": 6}])

    assert again == (200, {"accepted": 0, "updated": 1, "unchanged": 2, "outdated": 0})


async def test_one_mistake_refuses_all_and_each_is_told_with_its_place(tmp_path: Path) -> None:
    labels = [{"request_id": "r1", "value": 1}, {"request_id": "", "value": 1}, 3, {"request_id": "r2", "row": -1}]
    async with serving(analysed(tmp_path)) as client:
        status, answer = await sent(client, labels)

    assert (status, answer["detail"]) == (400, "3 of 4 are no labels: none was taken.")
    assert [(mistake["index"], mistake["reason"]) for mistake in answer["mistakes"]] == [
        (1, "bad_id"),
        (2, "not_a_label"),
        (3, "bad_row"),
    ]
    assert not (tmp_path / NAME).exists()


async def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        status, answer = await sent(client, b"{")

    assert (status, answer["detail"][:15]) == (400, "this is no JSON")


async def test_a_body_that_cannot_be_decoded_is_refused_as_the_document_promises(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        status, _, answer = await client.ask("POST", LABELS, b"\xff\xfe plain", **{"Content-Encoding": "gzip"})
        _, _, document = await client.ask("GET", "/openapi.json")
    promised = document["components"]["schemas"]["LabelsRefused"]["required"]

    assert (status, [name for name in promised if name not in answer]) == (400, [])


async def test_the_document_allows_no_key_that_is_refused(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        _, _, document = await client.ask("GET", "/openapi.json")

    assert document["components"]["schemas"]["LabelSent"]["additionalProperties"] is False


async def test_no_label_at_all_is_none_taken(tmp_path: Path) -> None:
    async with serving(analysed(tmp_path)) as client:
        assert await sent(client, []) == (200, {"accepted": 0, "updated": 0, "unchanged": 0, "outdated": 0})


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b" " * (MAX_LABELS_BODY + 1),
        msgspec.json.encode([{"request_id": "r", "row": row, "value": 1} for row in range(MAX_LABELS + 1)]),
    ],
)
async def test_more_than_a_request_may_hold_is_refused(tmp_path: Path, body: bytes) -> None:
    async with serving(analysed(tmp_path)) as client:
        status, _ = await sent(client, body)

    assert status == 413


async def test_labels_that_nobody_would_read_are_refused(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        status, answer = await sent(client, {"request_id": "r1", "value": 1})

    assert (status, answer["title"]) == (409, "Conflict")


async def test_labels_that_cannot_be_kept_may_be_sent_again(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    async with serving(analysed(tmp_path)) as client:
        status, answer = await sent(client, {"request_id": "r1", "value": 1})

    assert (status, answer["detail"][:26]) == (503, "Labels cannot be kept now:")


async def test_labels_begin_no_state_where_the_files_of_a_lost_one_lie(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "000000000001.parquet").touch()
    async with serving(analysed(tmp_path)) as client:
        status, answer = await sent(client, {"request_id": "r1", "value": 1})

    told = "Labels cannot be kept now: folder_gone. The log says what is lost: put state.db back, or"
    assert (status, answer["detail"].startswith(told)) == (503, True)
    assert not (tmp_path / NAME).exists()

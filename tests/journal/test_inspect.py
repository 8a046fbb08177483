import threading
from base64 import b64encode
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from journal_samples import SAMPLE, append, exchange, ids, make_appender, numbered, write_segment

from watchtower.clock import ManualClock
from watchtower.journal.format import encode
from watchtower.journal.inspect import JournalStat, RecordCount, as_json, as_line, stat, tail
from watchtower.journal.offsets import Position, save
from watchtower.record import NEVER, Outcome, Role, ShadowOutcome

LINE = "22:13:20.000  456789ab  primary  churn/blue  POST  /v1/models/churn:predict  200  answered  12.3ms  13B→11B"


def test_an_empty_journal_has_nothing_to_show(tmp_path: Path) -> None:
    assert stat(tmp_path) == JournalStat(0, 0, (), None, None, 0, 0, 0, {})


def test_records_are_counted_by_endpoint_role_and_outcome(tmp_path: Path) -> None:
    shadow = exchange(role=Role.SHADOW, variant="v2", outcome=ShadowOutcome.TIMED_OUT)
    write_segment(tmp_path, [SAMPLE, shadow, SAMPLE])

    assert stat(tmp_path).records == (
        RecordCount("churn", "primary", "answered", 2),
        RecordCount("churn", "shadow", "timed_out", 1),
    )


def test_segments_and_bytes_are_counted(tmp_path: Path) -> None:
    paths = [write_segment(tmp_path, [SAMPLE], sequence=sequence) for sequence in (1, 2)]
    found = stat(tmp_path)

    assert (found.segments, found.size) == (2, sum(path.stat().st_size for path in paths))


def test_the_first_and_the_last_start_are_told(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(3)[::-1])
    found = stat(tmp_path)

    assert (found.first_ns, found.last_ns) == (SAMPLE.started_ns, SAMPLE.started_ns + 2 * 10**9)


def test_torn_tails_and_damage_are_told_apart(tmp_path: Path) -> None:
    write_segment(tmp_path, [SAMPLE], sequence=1, tail=encode(SAMPLE)[:50])
    write_segment(tmp_path, [SAMPLE], sequence=2, tail=bytes(70))
    found = stat(tmp_path)

    assert (found.torn, found.damaged, found.skipped_bytes) == (1, 1, 120)


def test_a_record_that_is_being_written_is_not_torn(tmp_path: Path) -> None:
    appender = make_appender(tmp_path, ManualClock())
    appender.append([encode(SAMPLE)[:50]], 0)

    assert stat(tmp_path).torn == 0


def test_unread_records_are_counted_for_each_reader(tmp_path: Path) -> None:
    size = write_segment(tmp_path, numbered(3)).stat().st_size
    save(tmp_path, "analyst", {"w0-1": Position(1, size - 1)})
    save(tmp_path, "export", {})
    save(tmp_path, "done", {"w0-1": Position(2, 0)})

    assert stat(tmp_path).unread == {"analyst": 1, "done": 0, "export": 3}


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    size = write_segment(tmp_path, numbered(3)).stat().st_size
    told: list[tuple[int, int]] = []
    stat(tmp_path, lambda done, total: told.append((done, total)))

    assert told == [(size, size)]


def test_a_stat_is_plain_json(tmp_path: Path) -> None:
    write_segment(tmp_path, [SAMPLE])

    assert msgspec.to_builtins(stat(tmp_path))["records"] == (
        {"endpoint": "churn", "role": "primary", "outcome": "answered", "records": 1},
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"endpoint": "fraud"}, [1, 3]),
        ({"outcome": "reset"}, [2, 3]),
        ({"endpoint": "fraud", "outcome": "reset"}, [3]),
        ({"endpoint": "none"}, []),
        ({"last": 2}, [2, 3]),
        ({"last": 1, "endpoint": "fraud"}, [3]),
        ({"last": 9}, [0, 1, 2, 3]),
        ({"last": 0}, []),
    ],
)
def test_a_tail_shows_what_matches(tmp_path: Path, asked: dict[str, Any], found: list[int]) -> None:
    changes = [{}, {"endpoint": "fraud"}, {"outcome": Outcome.RESET}, {"endpoint": "fraud", "outcome": Outcome.RESET}]
    write_segment(
        tmp_path,
        [msgspec.structs.replace(each, **changes[n]) for n, each in enumerate(numbered(4))],  # type: ignore[arg-type]
    )

    assert ids(tail(tmp_path, **asked)) == found


def test_the_last_ones_are_those_that_started_last_in_all_streams(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(4)[::2], stream="w0-1")
    write_segment(tmp_path, numbered(4)[1::2], stream="w1-1")

    assert ids(tail(tmp_path, last=3)) == [1, 2, 3]


def test_the_last_ones_may_lie_in_several_segments(tmp_path: Path) -> None:
    for number, each in enumerate(numbered(4)):
        write_segment(tmp_path, [each], sequence=number + 1)

    assert ids(tail(tmp_path, last=3)) == [1, 2, 3]


def test_following_goes_on_behind_the_last_ones(tmp_path: Path) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(3))
    followed = tail(tmp_path, follow=True, last=1, interval_s=0.001)
    first = next(followed)
    append(appender, numbered(1, first=3))

    assert ids([first, next(followed)]) == [2, 3]


def test_following_ends_when_it_is_stopped(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(2))
    stopped = threading.Event()
    stopped.set()

    assert ids(tail(tmp_path, follow=True, stopped=stopped)) == [0, 1]


def test_a_line_tells_a_person_what_happened() -> None:
    assert as_line(SAMPLE, UTC) == LINE


def test_a_line_is_in_the_zone_that_is_asked_for() -> None:
    assert as_line(SAMPLE, timezone(timedelta(hours=2))).startswith("00:13:20.000  ")


def test_a_line_shows_what_was_never_reached_as_a_dash() -> None:
    line = as_line(exchange(status=0, total_ns=NEVER, outcome=Outcome.CONNECT_FAILED), UTC)

    assert "  -  connect_failed  -  " in line


def test_a_line_tells_test_traffic_and_why() -> None:
    assert as_line(exchange(test_run=b"run-7", reason="no_endpoint"), UTC) == f"{LINE}  test=run-7  no_endpoint"


def test_a_line_holds_nothing_that_a_terminal_would_obey() -> None:
    line = as_line(exchange(target=b"/\x1b[31m\n\xff", request_id="ü".encode()), UTC)

    assert "  ü  " in line
    assert r"/\x1b[31m\n\xff" in line


def test_json_has_every_field() -> None:
    shown = as_json(SAMPLE)

    assert set(SAMPLE.__struct_fields__) <= shown.keys()


def test_json_is_plain() -> None:
    shown = as_json(SAMPLE)

    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown


def test_json_tells_the_start_as_text() -> None:
    assert as_json(SAMPLE)["started"] == "2023-11-14T22:13:20.000000+00:00"


@pytest.mark.parametrize(
    ("body", "shown", "kind"),
    [
        (b'{"x":[1]}', {"x": [1]}, "json"),
        (b"hello", "hello", "text"),
        (b"", "", "text"),
        (b"\xff\x00", b64encode(b"\xff\x00").decode(), "base64"),
        (b"[" * 100_000, "[" * 100_000, "text"),
    ],
    ids=["json", "text", "empty", "binary", "deep"],
)
def test_a_body_is_shown_as_what_it_is(body: bytes, shown: object, kind: str) -> None:
    found = as_json(exchange(response_body=body))

    assert (found["response_body"], found["response_body_as"]) == (shown, kind)

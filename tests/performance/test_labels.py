"""Labels as people send them: what is taken, and what is said of the rest."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.performance.labels import Label, LabelColumns, LabelFault, Parsed, parse_json, parse_lines, parse_rows

NOW = 1_800_000_000 * 10**9


def told(parsed: Parsed) -> list[tuple[int, str]]:
    return [(error.line, error.fault.value) for error in parsed.errors]


def test_one_label_needs_an_id_and_a_value() -> None:
    assert parse_json(b'{"request_id": "a", "value": 1}', NOW).labels == [Label(b"a", 0, 1, NOW)]


def test_many_come_as_a_list() -> None:
    body = b'[{"request_id": "a", "row": 3, "value": "cat"}, {"request_id": "b", "value": true}]'

    assert parse_json(body, NOW).labels == [Label(b"a", 3, "cat", NOW), Label(b"b", 0, True, NOW)]


def test_the_list_may_have_a_name() -> None:
    assert parse_json(b'{"labels": [{"request_id": "a", "value": 0.5}]}', NOW).labels == [Label(b"a", 0, 0.5, NOW)]


@pytest.mark.parametrize(
    "time",
    ["2026-11-20T12:00:00.5Z", "2026-11-20T13:00:00.5+01:00", "2026-11-20 12:00:00.5", 1795176000.5, "1795176000.5"],
)
def test_a_time_is_rfc_3339_or_seconds(time: object) -> None:
    body = msgspec.json.encode({"request_id": "a", "value": 1, "time": time})

    assert parse_json(body, NOW).labels[0].at_ns == 1_795_176_000_500_000_000


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", LabelFault.NOT_JSON),
        (b"\xff", LabelFault.NOT_JSON),
        (b"[" * 100_000, LabelFault.NOT_JSON),
        (b"7", LabelFault.NOT_A_LABEL),
        (b"{}", LabelFault.BAD_ID),
        (b'{"request_id": 7, "value": 1}', LabelFault.BAD_ID),
        (b'{"request_id": " ", "value": 1}', LabelFault.BAD_ID),
        (b'{"request_id": "' + b"a" * 257 + b'", "value": 1}', LabelFault.BAD_ID),
        (b'{"request_id": "a", "value": 1, "lable": 2}', LabelFault.UNKNOWN_KEY),
        (b'{"request_id": "a", "value": 1, "row": -1}', LabelFault.BAD_ROW),
        (b'{"request_id": "a", "value": 1, "row": 1.5}', LabelFault.BAD_ROW),
        (b'{"request_id": "a", "value": 1, "row": true}', LabelFault.BAD_ROW),
        (b'{"request_id": "a", "value": 1, "row": "one"}', LabelFault.BAD_ROW),
        (b'{"request_id": "a"}', LabelFault.NO_VALUE),
        (b'{"request_id": "a", "value": null}', LabelFault.NO_VALUE),
        (b'{"request_id": "a", "value": [1]}', LabelFault.BAD_VALUE),
        (b'{"request_id": "a", "value": 18446744073709551615}', LabelFault.BAD_VALUE),
        (b'{"request_id": "a", "value": "' + b"a" * 1025 + b'"}', LabelFault.BAD_VALUE),
        (b'{"request_id": "a", "value": 1, "time": "yesterday"}', LabelFault.BAD_TIME),
        (b'{"request_id": "a", "value": 1, "time": 1795176000500}', LabelFault.BAD_TIME),
        (b'{"request_id": "a", "value": 1, "time": "1900-01-01T00:00:00Z"}', LabelFault.BAD_TIME),
    ],
)
def test_what_is_no_label_is_refused_by_reason(body: bytes, fault: LabelFault) -> None:
    parsed = parse_json(body, NOW)

    assert (parsed.labels, told(parsed)) == ([], [(1, fault.value)])


def test_a_bad_label_leaves_the_others_unharmed() -> None:
    lines = [b'{"request_id": "a", "value": 1}', b"", b"no", b'{"request_id": "b", "value": 2}']

    parsed = parse_lines(enumerate(lines, 1), NOW)
    assert [label.request_id for label in parsed.labels] == [b"a", b"b"]
    assert told(parsed) == [(3, "not_json")]


def test_errors_beyond_the_first_hundred_are_only_counted() -> None:
    parsed = parse_rows(enumerate([{}] * 1000, 1), NOW)

    assert (len(parsed.errors), parsed.faults[LabelFault.BAD_ID]) == (100, 1000)


def test_rows_of_a_csv_file_are_texts_and_may_have_other_columns() -> None:
    rows = [{"request_id": "a", "row": "2", "value": "1", "time": "", "note": "seen"}, {"request_id": "", "value": "1"}]

    parsed = parse_rows(enumerate(rows, 2), NOW)
    assert parsed.labels == [Label(b"a", 2, "1", NOW)]
    assert told(parsed) == [(3, "bad_id")]


def test_rows_of_a_parquet_file_have_types_of_their_own() -> None:
    row = {"request_id": b"a", "row": 1.0, "value": Decimal("2.5"), "time": datetime(2026, 11, 20, 12, tzinfo=UTC)}

    assert parse_rows(enumerate([row], 1), NOW).labels == [Label(b"a", 1, 2.5, 1_795_176_000 * 10**9)]


def test_a_day_of_a_parquet_file_is_its_beginning() -> None:
    row = {"request_id": "a", "value": 1, "time": date(2026, 11, 20)}

    assert parse_rows([(1, row)], NOW).labels[0].at_ns == 1_795_132_800 * 10**9


def test_columns_may_be_called_anything() -> None:
    columns = LabelColumns(request_id="id", value="churned")
    label = b'{"id": "a", "churned": "yes"}'

    assert parse_lines([(1, label)], NOW, columns) == parse_json(label, NOW, columns)
    assert parse_json(label, NOW, columns).labels == [Label(b"a", 0, "yes", NOW)]
    assert parse_rows(enumerate([{"id": "a", "churned": "yes"}], 1), NOW, columns).labels == [
        Label(b"a", 0, "yes", NOW)
    ]


def test_a_label_may_name_its_endpoint() -> None:
    body = b'[{"request_id": "a", "value": 1, "endpoint": "churn"}, {"request_id": "a", "value": 1, "endpoint": null}]'

    assert [label.endpoint for label in parse_json(body, NOW, endpoints=["churn"]).labels] == ["churn", ""]


@pytest.mark.parametrize("endpoint", ["chrun", 7, ["churn"]])
def test_an_endpoint_that_nobody_has_is_told_with_those_that_there_are(endpoint: object) -> None:
    body = msgspec.json.encode({"request_id": "a", "value": 1, "endpoint": endpoint})
    [error] = parse_json(body, NOW, endpoints=["churn", "fraud"]).errors

    assert (error.fault, error.message) == ("bad_endpoint", "endpoint must be one of churn, fraud")


def test_the_message_names_the_key_and_what_would_be_right() -> None:
    parsed = parse_json(b'{"request_id": "a", "value": 1, "lable": 2}', NOW)

    assert parsed.errors[0].message == "unknown: 'lable'; known are endpoint, request_id, row, time, value"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(anything, anything, anything, anything)
def test_whatever_comes_is_a_label_or_a_fault(request_id: object, row: object, value: object, time: object) -> None:
    parsed = parse_rows(enumerate([{"request_id": request_id, "row": row, "value": value, "time": time}], 1), NOW)

    assert len(parsed.labels) + parsed.faults.total() == 1


@given(st.binary(max_size=60))
def test_any_bytes_are_labels_or_faults(body: bytes) -> None:
    parsed = parse_json(body, NOW)

    assert parsed.labels == [] or parsed.errors == []


@pytest.mark.parametrize(("ahead_s", "faults"), [(3600, []), (2 * 86400, [(1, "bad_time")])])
def test_a_time_may_be_ahead_by_what_clocks_and_zones_are_off(ahead_s: int, faults: list[tuple[int, str]]) -> None:
    found = parse_json(msgspec.json.encode({"request_id": "a", "value": 1, "time": NOW / 1e9 + ahead_s}), NOW)

    assert told(found) == faults


@pytest.mark.parametrize("time", ["9999-12-31T00:00:00Z", "2263-01-01", 9_300_000_000, "1e300"])
def test_a_time_that_nanoseconds_cannot_hold_is_told(time: object) -> None:
    found = parse_json(msgspec.json.encode({"request_id": "a", "value": 1, "time": time}), NOW)

    assert (told(found), found.labels) == ([(1, "bad_time")], [])

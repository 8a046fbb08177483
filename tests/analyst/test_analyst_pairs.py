import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
from analyst_stage import ENDPOINT, Stage
from recording import failed, pair, primary, shadow

from watchtower.clock import SECOND
from watchtower.metrics import catalogue
from watchtower.record import BodyNote, Outcome, ShadowOutcome

ASKED = {"instances": [[1.0, 2.0]]}
RESULTS = "SELECT request_id, agrees, failure FROM pairs ORDER BY request_id"


def answer(value: float) -> dict[str, list[float]]:
    return {"predictions": [value]}


def test_before_any_pair_a_shadow_is_shown_with_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse()
    shown = stage.shadow()

    assert (shown["pairs"], shown["decision"], shown["worst"], shown["last_event"]) == (0, "undecided", [], None)


def test_before_any_pair_no_metric_claims_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse()

    assert stage.totals().value(catalogue.PAIRS) == 0
    assert stage.totals().by(catalogue.SHADOW_AGREEMENT, "shadow") == {}


def test_two_equal_answers_agree(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    shown = stage.shadow()

    assert (shown["pairs"], shown["compared"], shown["agreeing"]) == (1, 1, 1)
    assert stage.query(RESULTS) == [{"request_id": "000001", "agrees": True, "failure": None}]


def test_one_pair_that_agrees_is_counted_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    counted = stage.totals()

    assert {name: n for name, n in counted.by(catalogue.PAIRS, "result").items() if n} == {"agree": 1}
    assert counted.value(catalogue.SHADOW_AGREEMENT, endpoint="churn", shadow="v2") == 1
    assert counted.by(catalogue.ANALYST_EXCHANGES, "role") == {"primary": 1, "shadow": 1}


def test_two_answers_that_differ_are_kept_for_reading(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, value=0.5, other=0.75))
    shown = stage.shadow()

    assert (shown["compared"], shown["agreeing"]) == (1, 0)
    [worst] = shown["worst"]
    assert (worst["request_id"], worst["primary"], worst["shadow"]) == (
        "000001",
        '{"predictions":[0.5]}',
        '{"predictions":[0.75]}',
    )


def test_latencies_are_what_the_models_took_and_not_what_the_client_did(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    uploaded = primary(1, ASKED, answer(1.0), total_ns=90_000_000, service_ns=10_000_000)
    stage.analyse([uploaded, shadow(1, answer(1.0), total_ns=70_000_000, service_ns=60_000_000)])

    assert stage.query("SELECT latency_difference_ns AS slower FROM pairs") == [{"slower": 50_000_000}]
    assert stage.query("SELECT role, service_ns FROM exchanges ORDER BY role") == [
        {"role": "primary", "service_ns": 10_000_000},
        {"role": "shadow", "service_ns": 60_000_000},
    ]


def test_two_answers_that_differ_are_counted_as_that(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75), pair(2))

    assert stage.totals().value(catalogue.PAIRS, result="disagree") == 1
    assert stage.totals().value(catalogue.SHADOW_AGREEMENT) == 0.5


@pytest.mark.parametrize(
    ("is_primary_failed", "is_shadow_failed", "expected"),
    [(True, False, "primary_failed"), (False, True, "shadow_failed"), (True, True, "both_failed")],
)
def test_who_failed_is_said_everywhere(
    tmp_path: Path, is_primary_failed: bool, is_shadow_failed: bool, expected: str
) -> None:
    stage = Stage(tmp_path)
    one, other = pair(1)
    one = failed(one, Outcome.TIMED_OUT) if is_primary_failed else one
    other = failed(other, ShadowOutcome.ERROR_STATUS, 503) if is_shadow_failed else other
    stage.analyse([one, other])

    assert stage.shadow()["failures"] == {expected: 1}
    assert stage.query(RESULTS) == [{"request_id": "000001", "agrees": False, "failure": expected}]
    assert stage.totals().value(catalogue.PAIRS, result=expected) == 1


def test_a_shadow_that_was_not_asked_is_no_disagreement(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = pair(1)
    stage.analyse([one, failed(other, ShadowOutcome.SKIPPED_BY_SAMPLE)])

    assert stage.shadow()["failures"] == {"not_asked": 1}
    assert stage.totals().value(catalogue.PAIRS, result="not_asked") == 1


def test_an_answer_that_is_too_large_to_be_taken_makes_no_shadow_look_good(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"budgets": {"errors": None, "p50": None, "p95": None}}})
    pairs = [pair(number) for number in range(1000)]
    large = [[one, failed(other, ShadowOutcome.TOO_LARGE, 200)] for one, other in pairs[::5]]
    pairs[::5] = large
    stage.analyse(each for one in pairs for each in one)
    shown = stage.shadow()

    assert (shown["decision"], shown["failures"], shown["not_compared"]) == ("undecided", {"too_large": 200}, 200)


def test_a_request_that_is_too_large_for_a_shadow_is_none_that_it_was_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = pair(1)
    stage.analyse([one, failed(other, ShadowOutcome.TOO_LARGE)])

    assert stage.shadow()["failures"] == {"not_asked": 1}


def test_statuses_that_differ_are_told_apart_from_values(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, answer(1.0)), shadow(1, answer(1.0), status=202)])

    assert stage.totals().value(catalogue.PAIRS, result="status") == 1


def test_a_pair_with_a_body_that_cannot_be_read_is_not_compared(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, b"<html>"), shadow(1, answer(1.0))])

    assert (stage.shadow()["pairs"], stage.shadow()["compared"], stage.shadow()["not_compared"]) == (1, 0, 1)


def test_an_answer_that_only_the_shadow_garbled_is_a_disagreement(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, answer(1.0)), shadow(1, b"<html>")])
    shown = stage.shadow()

    assert (shown["compared"], shown["agreeing"], shown["failures"]) == (1, 0, {"shadow_unreadable": 1})
    assert [pair["summary"] for pair in shown["worst"]] == ["shadow_unreadable"]
    assert stage.totals().value(catalogue.PAIRS, result="shadow_unreadable") == 1


def test_an_answer_that_is_more_than_we_read_is_no_disagreement(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, answer(1.0)), shadow(1, b'{"predictions":' + b"[" * 5000 + b"]" * 5000 + b"}")])

    assert (stage.shadow()["compared"], stage.shadow()["failures"]) == (0, {"unreadable": 1})


NESTED = [
    ({}, [["a", "b", "c"]], [["a", "c", "b"]], "ranking", 1),
    ({"unordered": ["$.predictions[*]"]}, [["a", "b", "c"]], [["a", "c", "b"]], "structure", 0),
    ({}, [{"boxes": [{"x": 0.5, "id": 1}]}], [{"boxes": [{"id": 1, "x": 0.5 + 1e-9}]}], "structure", 0),
    (
        {"ignore": ["$.predictions[*].boxes[*].id"]},
        [{"boxes": [{"x": 0.5, "id": 1}]}],
        [{"boxes": [{"x": 0.5, "id": 2}]}],
        "structure",
        0,
    ),
    ({"unordered": ["$.predictions[*].tags"]}, [{"tags": ["a", "b"]}], [{"tags": ["b", "a"]}], "structure", 0),
]


@pytest.mark.parametrize(("compare", "one", "other", "measure", "disagreeing"), NESTED)
def test_lists_and_objects_within_a_row_are_compared_as_what_they_are(
    tmp_path: Path, compare: dict[str, Any], one: list[Any], other: list[Any], measure: str, disagreeing: int
) -> None:
    stage = Stage(tmp_path, {"compare": compare})
    stage.analyse([primary(1, ASKED, {"predictions": one}), shadow(1, {"predictions": other})])
    [column] = stage.shadow()["columns"]

    assert (column["measure"], column["disagreeing"]) == (measure, disagreeing)


def test_where_nested_answers_differ_is_told_by_path(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = ({"predictions": [{"boxes": [{"x": value}]}]} for value in (0.25, 0.75))
    stage.analyse([primary(1, ASKED, one), shadow(1, other)])

    told = {(column["name"], column["measure"]) for column in stage.shadow()["columns"]}
    assert told == {("boxes", "structure"), ("$.predictions[*].boxes[*].x", "changed")}


def test_a_shadow_that_answers_garbage_half_of_the_time_is_worse(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for number in range(400):
        said = answer(1.0) if number % 2 else {"error": "the model is not loaded"}
        stage.record([primary(number, ASKED, answer(1.0)), shadow(number, said)])
    stage.analyse()

    assert stage.shadow()["decision"] == "worse"


def test_bodies_that_were_cut_never_agree_and_the_reason_is_shown(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"budgets": {"errors": None, "p50": None, "p95": None}}})
    beginning = b'{"predictions":[' + b"0.5," * 100
    stage.analyse(
        each
        for number in range(600)
        for each in (
            primary(number, ASKED, beginning, response_note=BodyNote.CUT),
            shadow(number, beginning, response_note=BodyNote.CUT),
        )
    )
    shown = stage.shadow()

    assert (shown["decision"], shown["compared"], shown["not_compared"]) == ("undecided", 0, 600)
    assert [verdict["note"] for verdict in shown["verdicts"]] == [
        "100.000% of the pairs could not be compared, and may agree or not"
    ]


def test_a_score_that_the_shadow_leaves_out_is_unknown_and_the_reason_is_shown(tmp_path: Path) -> None:
    budgets = {"disagreement": None, "errors": None, "p50": None, "p95": None, "score": 0.1}
    stage = Stage(tmp_path, {"compare": {"score": {"column": "prediction"}, "budgets": budgets}})
    stage.analyse(
        each
        for number in range(1000)
        for each in (
            primary(number, ASKED, answer(0.5)),
            shadow(number, answer(0.5) if number % 4 else {"predictions": [None]}),
        )
    )
    (verdict,) = stage.shadow()["verdicts"]

    assert (verdict["decision"], verdict["pairs"]) == ("undecided", 1000)
    assert verdict["note"] == "25.000% of the pairs have a score on one side alone, or beyond its bounds"
    assert stage.query("select count(score_difference) as known from pairs") == [{"known": 750}]


@pytest.mark.parametrize(
    ("ignore", "expected"), [([], {"unreadable": 1}), (["$..who"], {}), (["$.predictions[*].who"], {})]
)
def test_values_that_were_redacted_on_both_sides_agree_only_where_they_are_ignored(
    tmp_path: Path, ignore: list[str], expected: dict[str, int]
) -> None:
    stage = Stage(tmp_path, {"compare": {"ignore": ignore}})
    said = {"predictions": [{"score": 0.5, "who": "<redacted>"}]}
    notes: dict[str, Any] = {"response_note": BodyNote.REDACTED}
    stage.analyse([primary(1, ASKED, said, **notes), shadow(1, said, **notes)])

    assert stage.shadow()["failures"] == expected


def test_few_pairs_that_differ_beside_what_was_redacted_are_no_share_of_all(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    notes: dict[str, Any] = {"response_note": BodyNote.REDACTED}
    said = [{"predictions": [{"score": score, "who": "<redacted>"}]} for score in (0.5, 0.9)]
    stage.analyse(
        each
        for number in range(100)
        for each in (primary(number, ASKED, said[0], **notes), shadow(number, said[number < 3], **notes))
    )
    shown = stage.shadow()
    [disagreement] = [each for each in shown["verdicts"] if each["budget"] == "disagreement"]

    assert (shown["compared"], shown["failures"], disagreement["value"]) == (0, {"unreadable": 100}, None)


def test_a_half_answer_that_waited_over_a_restart_agrees_with_none(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = (msgspec.structs.replace(each, response_note=BodyNote.CUT) for each in pair(1))
    stage.analyse([one])
    stage.analyse([other])

    assert stage.shadow()["not_compared"] == 1


def test_a_shadow_that_answers_before_the_primary_is_paired(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(reversed(pair(1)))

    assert stage.shadow()["agreeing"] == 1


def test_a_shadow_that_comes_within_the_wait_is_paired(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"wait": "30s"}})
    stage.clock.advance(60)
    one, _ = pair(1)
    stage.analyse([one, *pair(2, at_s=25), shadow(1, answer(0.5), at_s=29)])

    assert stage.shadow()["agreeing"] == 2


def test_a_shadow_that_times_out_long_after_the_wait_is_a_failure(tmp_path: Path) -> None:
    slow = {"name": "v2", "url": "http://127.0.0.1:8001", "timeout": "60s"}
    stage = Stage(tmp_path, {"shadows": [slow], "compare": {"wait": "5s"}})
    one, other = pair(1)
    stage.clock.advance(59)
    stage.analyse([one, *pair(2, at_s=59)])
    stage.clock.advance(2)
    stage.analyse([msgspec.structs.replace(failed(other, ShadowOutcome.TIMED_OUT), total_ns=60 * SECOND)])

    assert stage.shadow()["failures"] == {"shadow_failed": 1}
    assert stage.shadow()["unpaired"] == {}


def test_a_partner_that_comes_in_another_life_of_the_analyst_is_paired(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = pair(1)
    stage.analyse([one])
    stage.analyse([other])

    assert stage.shadow()["agreeing"] == 1


def test_who_never_finds_a_partner_is_counted_by_side(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"wait": "10s"}})
    stage.clock.advance(120)
    stage.analyse([pair(1)[0], pair(2)[1]], pair(3, at_s=60))

    assert stage.shadow()["unpaired"] == {"no_shadow": 1, "no_primary": 1}
    assert {why: n for why, n in stage.totals().by(catalogue.UNPAIRED, "reason").items() if n} == {
        "no_shadow": 1,
        "no_primary": 1,
    }


def test_who_is_not_to_see_a_request_is_not_waited_for(tmp_path: Path) -> None:
    shadows = [{"name": name, "url": "http://a:1", "sample": "50%"} for name in ("v2", "v3")]
    stage = Stage(tmp_path, {"shadows": shadows})
    stage.record([primary(1, ASKED, answer(1.0), unsampled=("v2", "v3"))])
    stage.record([primary(2, ASKED, answer(1.0), unsampled=("v3",)), shadow(2, answer(1.0))])
    stage.clock.advance(600)
    stage.analyse()

    assert (stage.shadow("v2")["pairs"], stage.shadow("v2")["unpaired"]) == (1, {})
    assert (stage.shadow("v3")["pairs"], stage.shadow("v3")["unpaired"]) == (0, {})


def test_requests_to_which_their_client_gave_one_id_are_paired_each_with_its_own(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    moments = range(6)
    asked = [primary(b"one", ASKED, answer(float(moment)), 0.001 * moment, read_ns=moment) for moment in moments]
    answered = [shadow(b"one", answer(float(moment)), 0.001 * moment, read_ns=moment) for moment in moments]
    stage.analyse([*answered[:2], *asked, *reversed(answered[2:])])
    shown = stage.shadow()

    assert (shown["compared"], shown["agreeing"], shown["unpaired"]) == (6, 6, {})
    assert stage.query("SELECT DISTINCT request_id FROM pairs") == [{"request_id": "one"}]


def test_an_answer_that_comes_twice_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": name, "url": "http://127.0.0.1:8001"} for name in ("v2", "v3")]})
    stage.analyse([*pair(1), shadow(1, answer(9.0))])

    assert (stage.shadow()["pairs"], stage.shadow()["agreeing"]) == (1, 1)
    assert stage.shadow()["unpaired"] == {"duplicate": 1}


def test_a_recording_that_ends_counts_who_is_still_waiting(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record([pair(1)[0]])
    with stage.started() as analyst:
        while analyst.step():
            pass
        analyst.finish()

    assert stage.shadow()["unpaired"] == {"no_shadow": 1}


def test_too_much_that_waits_is_given_up_and_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"max_pending": "4KiB"}})
    stage.analyse([pair(number)[0] for number in range(100)], pair(100))
    unpaired = stage.shadow()["unpaired"]

    assert set(unpaired) == {"evicted"}
    assert stage.totals().value(catalogue.UNPAIRED, reason="evicted") == unpaired["evicted"] > 80
    assert stage.shadow()["agreeing"] == 1


def test_a_compressed_answer_waits_as_large_as_it_is_without(tmp_path: Path) -> None:
    packed = gzip.compress(msgspec.json.encode({"predictions": ["x" * 100_000]}))
    stage = Stage(tmp_path, {"compare": {"max_pending": "1MiB"}})
    waiting = [primary(number, ASKED, packed, response_encoding=b"gzip") for number in range(20)]
    stage.analyse(waiting, pair(100))

    assert stage.shadow()["unpaired"]["evicted"] >= 18


def test_two_shadows_have_their_own_accounts(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": name, "url": "http://127.0.0.1:8001"} for name in ("v2", "v3")]})
    stage.analyse([*pair(1, value=0.5), shadow(1, answer(0.9), name="v3")])

    assert (stage.shadow("v2")["agreeing"], stage.shadow("v3")["agreeing"]) == (1, 0)
    assert stage.totals().value(catalogue.PAIRS, shadow="v3", result="disagree") == 1


def test_two_endpoints_have_their_own_accounts(tmp_path: Path) -> None:
    other = {**ENDPOINT, "name": "price", "match": {"path": "/price"}}
    stage = Stage(tmp_path, endpoints=[other, ENDPOINT])
    stage.analyse(pair(1), (msgspec.structs.replace(each, endpoint="price") for each in pair(1, other=0.9)))
    shown = {key: found["agreeing"] for key, found in stage.documents().items() if key.startswith("shadow/")}

    assert shown == {"shadow/churn/v2": 1, "shadow/price/v2": 0}
    assert stage.query("SELECT endpoint, agrees FROM pairs ORDER BY endpoint") == [
        {"endpoint": "churn", "agrees": True},
        {"endpoint": "price", "agrees": False},
    ]
    assert stage.totals().by(catalogue.ANALYST_EXCHANGES, "endpoint") == {"churn": 2, "price": 2}


def test_what_a_twin_does_too_is_taken_off(tmp_path: Path) -> None:
    shadows = [{"name": "v2", "url": "http://a:1"}, {"name": "again", "url": "http://b:1", "twin": True}]
    stage = Stage(tmp_path, {"shadows": shadows})
    for number in range(40):
        noisy = 0.6 if number % 4 == 0 else 0.5
        stage.record([*pair(number, other=noisy), shadow(number, answer(noisy), name="again")])
    stage.analyse()
    shown = stage.shadow()

    assert (shown["twin"], shown["compared"] - shown["agreeing"]) == ("again", 10)
    assert shown["disagreement_beyond_twin"] == 0
    assert stage.shadow("again")["twin"] is None


def test_no_metric_judges_a_twin(tmp_path: Path) -> None:
    twin = {"name": "again", "url": "http://a:1", "twin": True}
    stage = Stage(tmp_path, {"shadows": [ENDPOINT["shadows"][0], twin]})
    stage.analyse(
        [each for number in range(200) for each in pair(number)],
        [shadow(number, {"predictions": [0.9]}, name="again") for number in range(200)],
    )
    counted = stage.totals()

    assert [
        counted.value(catalogue.SHADOW_VERDICT_VALUE, shadow=name, budget="disagreement") for name in ("v2", "again")
    ] == [-1, 1]
    assert set(counted.by(catalogue.SHADOW_VERDICT, "shadow")) == {"v2"}


def test_pairs_are_told_apart_by_a_configured_column_and_header(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"segments": ["plan", "header:x-tier"]}}, capture={"headers": ["x-tier"]})
    tier = ((b"x-tier", b"eu"),)
    for number, plan in enumerate(("gold", "base")):
        asked = {"instances": [{"plan": plan}]}
        stage.record([primary(number, asked, answer(0.5), request_headers=tier), shadow(number, answer(0.5 + number))])
    stage.analyse()
    segments = {each["name"]: each["disagreement"] for each in stage.shadow()["segments"]}

    assert segments == {"plan=gold, header:x-tier=eu": 0, "plan=base, header:x-tier=eu": 1}


def test_a_long_value_of_a_segment_is_cut(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"segments": ["prompt"]}})
    asked = {"instances": [{"prompt": "x" * 5000}]}
    stage.analyse([primary(1, asked, answer(1.0)), shadow(1, answer(1.0))])

    assert [one["name"] for one in stage.shadow()["segments"]] == [f"prompt={'x' * 64}…"]


def test_a_clearly_worse_shadow_is_called_worse(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([each for number in range(400) for each in pair(number, other=0.9 if number % 2 else None)])
    [verdict] = [each for each in stage.shadow()["verdicts"] if each["budget"] == "disagreement"]

    assert (verdict["decision"], verdict["pairs"], verdict["value"]) == ("worse", 400, 0.5)
    assert stage.totals().value(catalogue.SHADOW_VERDICT, budget="disagreement") == -1


def test_an_equal_shadow_is_called_within_when_pairs_suffice(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"budgets": {"errors": None, "p50": None, "p95": None}}})
    stage.analyse([each for number in range(1000) for each in pair(number)])

    assert stage.shadow()["decision"] == "within"
    assert stage.totals().value(catalogue.SHADOW_VERDICT, budget="disagreement") == 1

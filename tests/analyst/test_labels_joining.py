import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from analyst_stage import ENDPOINT
from label_stage import KEPT, LabelStage, answered, counts, series, settle, shadowed, values
from recording import failed, primary

from watchtower.analyst.documents import PERFORMANCE, key
from watchtower.analyst.labelling import SHARED_NS, STATE
from watchtower.analyst.measuring import DECIDED_BY
from watchtower.clock import SECOND
from watchtower.metrics import catalogue
from watchtower.record import Exchange, Outcome
from watchtower.store.database import NAME
from watchtower.store.inbox import InboxLabel
from watchtower.store.state import State

JOINED_ONE = {"joined": 1, "changed": 0, "unknown": 0, "waiting": 0}
ALONE: dict[str, Any] = {"shadows": []}
DAY = 86400
LATER = SHARED_NS / SECOND + 1


def in_variant(name: str, exchange: Exchange) -> Exchange:
    return msgspec.structs.replace(exchange, variant=name)


def of_two_endpoints(folder: Path) -> LabelStage:
    names = ("churn", "fraud")
    return LabelStage(folder, endpoints=[{**ENDPOINT, "name": name, "match": {"path": f"/{name}"}} for name in names])


def measured_at_both(stage: LabelStage) -> list[Any]:
    stage.measure([answered(1, 0.9), msgspec.structs.replace(answered(1, 0.1), endpoint="fraud")])
    return [stage.documents()[key(PERFORMANCE, name)] for name in ("churn", "fraud")]


def test_before_any_label_nothing_is_measured(tmp_path: Path) -> None:
    shown = LabelStage(tmp_path).measure([answered(1, 0.9)])

    assert (counts(shown), shown["coverage"], shown["task"], shown["series"]) == (
        {"joined": 0, "changed": 0, "unknown": 0, "waiting": 0},
        0,
        None,
        [],
    )


def test_before_any_label_no_metric_claims_one(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.measure([answered(1, 0.9)])

    assert stage.totals().value(catalogue.LABELS) == 0
    assert stage.totals().by(catalogue.PERFORMANCE, "metric") == {}


def test_a_label_that_comes_after_its_row_is_joined(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.measure([answered(1, 0.9)])
    stage.label({1: 1})

    assert counts(stage.measure()) == JOINED_ONE


def test_a_label_that_lies_there_with_its_row_is_joined(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})

    assert counts(stage.measure([answered(1, 0.9)])) == JOINED_ONE


def test_a_label_that_comes_before_its_row_waits_for_it(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    waiting = counts(stage.measure([answered(2, 0.9)]))

    assert waiting == {"joined": 0, "changed": 0, "unknown": 0, "waiting": 1}
    assert counts(stage.measure([answered(1, 0.9)])) == JOINED_ONE


def test_a_label_that_comes_between_two_steps_is_joined_in_the_same_life(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.record([answered(1, 0.9)])
    with stage.started() as analyst:
        settle(analyst)
        stage.label({1: 1})
        settle(analyst)

    assert counts(stage.performance()) == JOINED_ONE


def test_a_label_waits_for_its_row_over_a_restart_of_the_analyst(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure()
    stage.measure()

    assert counts(stage.measure([answered(1, 0.9)])) == JOINED_ONE


def test_each_row_of_a_request_has_its_own_label(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({(1, 0): 1, (1, 2): 0})
    many = primary(1, {"instances": [[1.0], [2.0], [3.0]]}, {"predictions": [0.9, 0.8, 0.7]})
    shown = stage.measure([many])

    assert (counts(shown)["joined"], shown["coverage"]) == (2, pytest.approx(2 / 3))
    assert [(each["row"], each["value"], each["prediction"]) for each in stage.query(KEPT)] == [
        (0, "1", "0.9"),
        (2, "0", "0.7"),
    ]


def test_a_label_of_a_row_that_the_request_has_not_waits(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({(1, 5): 1})

    assert counts(stage.measure([answered(1, 0.9)]))["waiting"] == 1


def test_a_shadows_answer_is_measured_by_the_same_label(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    shown = stage.measure([answered(1, 0.9), shadowed(1, 0.1)])

    assert counts(shown) == JOINED_ONE
    assert {who: values(shown, who)["accuracy"] for who in ("blue", "v2")} == {"blue": 1, "v2": 0}


def test_of_a_row_that_is_young_the_shadows_answer_is_waited_for(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    young = counts(stage.measure([answered(1, 0.9, at_s=50)]))
    stage.clock.advance(60)
    shown = stage.measure([shadowed(1, 0.1, at_s=51)])

    assert young == {"joined": 0, "changed": 0, "unknown": 0, "waiting": 1}
    assert counts(shown) == JOINED_ONE
    assert values(shown, "v2")["accuracy"] == 0


def test_a_shadow_that_may_take_long_is_waited_for_as_long(tmp_path: Path) -> None:
    patient = {"name": "v2", "url": "http://127.0.0.1:8001", "timeout": "60s"}
    stage = LabelStage(tmp_path, {"shadows": [patient]})
    stage.label({1: 1})

    assert counts(stage.measure([answered(1, 0.9, at_s=10)]))["waiting"] == 1  # fifty seconds old
    stage.clock.advance(60)
    assert counts(stage.measure([shadowed(1, 0.1, at_s=10)])) == JOINED_ONE


def test_without_shadows_nobody_is_waited_for(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.label({1: 1})

    assert counts(stage.measure([answered(1, 0.9, at_s=60)])) == JOINED_ONE


def test_the_same_label_sent_again_changes_nothing(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure([answered(1, 0.9)])
    stage.label({1: 1})

    assert counts(stage.measure()) == JOINED_ONE


def test_a_corrected_label_is_kept_and_not_measured_twice(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure([answered(1, 0.9)])
    stage.label({1: 0}, at_s=40)
    shown = stage.measure()

    assert counts(shown) == {"joined": 1, "changed": 1, "unknown": 0, "waiting": 0}
    assert (values(shown)["accuracy"], series(shown)["labelled"]) == (1, 1)
    assert sorted(each["value"] for each in stage.query(KEPT)) == ["0", "1"]


def test_a_label_that_is_corrected_while_it_waits_counts_as_corrected_only(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure()
    stage.label({1: 0}, at_s=40)
    stage.measure()
    shown = stage.measure([answered(1, 0.9)])

    assert (counts(shown), values(shown)["accuracy"]) == (JOINED_ONE, 0)


def test_a_label_without_a_row_is_counted_when_its_period_ends(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"label_period": "1d"}})
    stage.label({1: 1})
    stage.measure([answered(2, 0.9)])
    stage.clock.advance(DAY)
    shown = stage.measure()

    assert counts(shown) == {"joined": 0, "changed": 0, "unknown": 1, "waiting": 0}
    assert stage.totals().value(catalogue.LABELS, endpoint="churn", result="unknown") == 1


def test_a_label_without_a_row_is_counted_in_the_life_in_which_its_period_ends(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"label_period": "1d"}})
    stage.label({1: 1})
    with stage.measured() as analyst:
        stage.clock.advance(DAY)
        settle(analyst)

    assert counts(stage.performance())["unknown"] == 1
    assert stage.totals().value(catalogue.LABELS, result="unknown") == 1


def test_a_clock_that_is_set_ahead_ends_no_labels_period(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"label_period": "1d"}})
    stage.label({1: 1})
    with stage.measured() as analyst:
        stage.clock.epoch_ns += 365 * DAY * SECOND
        stage.clock.advance(3600)
        settle(analyst)

    assert counts(stage.performance()) == {"joined": 0, "changed": 0, "unknown": 0, "waiting": 1}
    with State(stage.data_dir) as state:
        assert state.labels.size == 1


def test_a_row_that_is_older_than_the_label_period_takes_no_label(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"label_period": "1d"}})
    stage.measure([answered(1, 0.9)])
    stage.clock.advance(DAY)
    stage.label({1: 1}, at_s=DAY)

    assert counts(stage.measure())["joined"] == 0


def test_labels_that_wait_are_written_when_they_change(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    written = []
    with stage.measured() as analyst:
        for number in (100, 101, 102):
            stage.record([answered(number, 0.9)], f"w1-{number}")
            stage.label({2: 1} if number == 102 else {})
            settle(analyst)
            with closing(sqlite3.connect(stage.data_dir / NAME)) as database:
                written += database.execute("SELECT rowid FROM blobs WHERE name = ?", (STATE,)).fetchone()

    assert written[0] == written[1] < written[2]
    assert counts(stage.measure())["waiting"] == 2


def test_another_endpoints_longer_period_is_none_of_this_ones(tmp_path: Path) -> None:
    short = {**ENDPOINT, "match": {"path": "/churn"}, "performance": {"label_period": "1d"}}
    fraud = {**ENDPOINT, "name": "fraud", "match": {"path": "/fraud"}, "performance": {"label_period": "30d"}}
    stage = LabelStage(tmp_path, endpoints=[short, fraud])
    stage.measure([answered(1, 0.9), msgspec.structs.replace(answered(2, 0.9), endpoint="fraud")])
    stage.clock.advance(DAY)
    stage.label({1: 1, 2: 1}, at_s=DAY)
    stage.measure()

    assert [stage.documents()[key(PERFORMANCE, name)]["joined"] for name in ("churn", "fraud")] == [0, 1]


def test_of_too_many_waiting_labels_the_oldest_are_counted_unknown(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"max_waiting": 2}})
    stage.label({1: 1, 2: 1, 3: 1})

    assert counts(stage.measure()) == {"joined": 0, "changed": 0, "unknown": 1, "waiting": 2}


def test_test_traffic_takes_no_label(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    tested = primary(1, {"instances": [[1.0]]}, {"predictions": [0.9]}, test_run=b"run-1")

    assert counts(stage.measure([tested]))["joined"] == 0


def test_a_label_finds_its_endpoint_by_itself(tmp_path: Path) -> None:
    other = {**ENDPOINT, "name": "fraud", "match": {"path": "/fraud"}}
    stage = LabelStage(tmp_path)
    stage.configure({"match": {"path": "/churn"}}, endpoints=[{**ENDPOINT, "match": {"path": "/churn"}}, other])
    stage.label({1: 1, 2: 1, 3: 1})
    stage.measure([answered(1, 0.9), primary(2, {"instances": [[1.0]]}, {"predictions": [0.1]}, endpoint="fraud")])
    documents = stage.documents()

    assert [documents[f"performance/{name}"]["joined"] for name in ("churn", "fraud")] == [1, 1]


def test_an_id_that_a_client_uses_again_means_its_last_request(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.clock.advance(LATER)
    stage.label({1: 1})
    shown = stage.measure([answered(1, 0.1), in_variant("green", answered(1, 0.9, at_s=LATER))])

    assert counts(shown) == JOINED_ONE
    assert [(each["who"], each["labelled"]) for each in shown["series"]] == [("green", 1)]


def test_a_label_whose_id_several_requests_have_is_told_and_measures_none(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    shown = stage.measure([answered(1, 0.1), in_variant("green", answered(1, 0.9, at_s=1)), answered(2, 0.9)])

    assert (shown["ambiguous"], shown["labels"], shown["coverage"], shown["series"]) == (1, 0, 0, [])
    assert stage.totals().value(catalogue.LABELS, endpoint="churn", result="ambiguous") == 1


def test_of_an_id_that_is_used_all_the_time_no_end_is_waited_for(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    shown = stage.measure([answered(1, 0.1, at_s=58), answered(1, 0.9, at_s=59)])

    assert (shown["ambiguous"], shown["waiting"]) == (1, 0)


def test_what_is_ambiguous_is_counted_over_a_restart(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure([answered(1, 0.1), answered(1, 0.9, at_s=1)])

    assert stage.measure()["ambiguous"] == 1


def test_a_request_that_failed_and_its_repetition_are_one(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    shown = stage.measure([failed(answered(1, 0.1), Outcome.ERROR_STATUS, 503), answered(1, 0.9, at_s=1)])

    assert (counts(shown), values(shown)["accuracy"]) == (JOINED_ONE, 1)


def test_a_label_that_names_its_endpoint_is_none_of_anothers(tmp_path: Path) -> None:
    stage = of_two_endpoints(tmp_path)
    stage.label({1: 1}, endpoint="churn")
    stage.label({1: 0}, endpoint="fraud")
    churn, fraud = measured_at_both(stage)

    assert [(each["joined"], each["ambiguous"]) for each in (churn, fraud)] == [(1, 0), (1, 0)]
    assert [(each["endpoint"], each["value"]) for each in stage.query("SELECT * FROM labels ORDER BY endpoint")] == [
        ("churn", "1"),
        ("fraud", "0"),
    ]


def test_a_label_without_an_endpoint_whose_id_two_have_measures_neither(tmp_path: Path) -> None:
    stage = of_two_endpoints(tmp_path)
    stage.label({1: 1})

    assert [(each["joined"], each["ambiguous"]) for each in measured_at_both(stage)] == [(0, 1), (0, 1)]


def test_of_one_row_a_label_with_an_endpoint_and_one_without_are_counted_once(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.label({1: 1}, endpoint="churn")
    shown = stage.measure([answered(1, 0.9)])

    assert (shown["joined"], shown["changed"], series(shown)["labelled"]) == (1, 1, 1)


def test_a_label_waits_for_the_endpoint_that_it_names(tmp_path: Path) -> None:
    stage = of_two_endpoints(tmp_path)
    stage.label({1: 1}, endpoint="fraud")
    waiting = stage.measure([answered(1, 0.9)])
    _, fraud = measured_at_both(stage)

    assert (waiting["joined"], waiting["waiting"], fraud["joined"], fraud["waiting"]) == (0, 1, 1, 0)


def test_coverage_says_how_long_labels_take(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1}, at_s=45)
    shown = stage.measure([answered(number, 0.9) for number in range(4)])

    assert (shown["coverage"], shown["lag_seconds"]) == (0.25, {"p50": 45, "p90": 45})
    assert stage.totals().value(catalogue.LABEL_COVERAGE, endpoint="churn") == 0.25
    assert stage.totals().value(catalogue.LABELS, endpoint="churn", result="joined") == 1


def test_labels_of_requests_that_failed_cover_no_answer(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.label(dict.fromkeys(range(4, 8), 1))
    errors = [failed(answered(number, 0.9), Outcome.ERROR_STATUS, 500) for number in range(4, 8)]
    shown = stage.measure([*(answered(number, 0.9) for number in range(4)), *errors])

    assert (shown["joined"], shown["coverage"], shown["lag_seconds"]) == (4, 0, {"p50": None, "p90": None})


def test_labels_of_a_recording_are_joined_at_its_end(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.record([answered(1, 0.9, at_s=59)])
    with stage.started() as analyst:
        while analyst.step():
            pass
        analyst.finish()

    assert counts(stage.performance()) == JOINED_ONE


def test_labels_that_nobody_needs_any_more_leave_the_inbox(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, {"performance": {"label_period": "1d"}})
    stage.label({1: 1})
    with stage.measured() as analyst:
        stage.clock.advance(DAY)
        settle(analyst)

    with State(stage.data_dir) as state:
        assert state.labels.size == 0


@pytest.mark.slow
def test_more_labels_than_one_look_takes_are_all_joined(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    rows = 5_100
    stage.record([primary(n, {"instances": [[1.0]] * rows}, {"predictions": [0.5] * rows}) for n in (1, 2)])
    with State(stage.data_dir) as state:
        state.labels.put(InboxLabel(f"{n:06d}", row, 1, SECOND) for n in (1, 2) for row in range(rows))

    assert counts(stage.measure())["joined"] == 2 * rows


@pytest.mark.parametrize("labelled", [0, 50_000], ids=["without its label", "with its label"])
def test_a_row_of_a_clock_that_was_ahead_ends_the_period_of_no_other(tmp_path: Path, labelled: int) -> None:
    stage = LabelStage(tmp_path, ALONE)
    ahead = answered(50_000, 0.9, at_s=400 * DAY)
    stage.label({labelled: 1})
    stage.measure([ahead, *(answered(number, 0.9) for number in range(10))])
    stage.clock.advance(DAY)
    stage.record((answered(100 + number, 0.9, at_s=DAY) for number in range(9)), "w1-2")
    stage.label({100: 1}, at_s=DAY + 5)
    shown = series(stage.measure())

    assert (shown["rows"], shown["labelled"]) == (20, 2)


@pytest.mark.slow
def test_a_row_of_a_clock_that_was_ahead_does_not_keep_estimates_from_following(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.label({number: number % 2 for number in range(DECIDED_BY)})
    stage.measure(answered(number, 0.9) for number in range(DECIDED_BY))
    stage.record([answered(50_000, 0.9, at_s=400 * DAY)], "w1-2")
    stage.measure()
    for day in range(1, 5):
        stage.clock.advance(DAY)
        stage.record((answered(1000 * day + number, 0.9, at_s=day * DAY) for number in range(10)), f"w1-{day + 2}")
        shown = stage.measure()

    assert {each["rows"] for each in series(shown)["without_labels"]} == {20}


def test_a_clock_that_is_set_ahead_forgets_no_row_and_no_metric(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.label({0: 1, 50_000: 1})
    with stage.started() as analyst:
        stage.record(answered(number, 0.9) for number in range(10))
        settle(analyst)
        stage.clock.epoch_ns += 400 * DAY * SECOND
        stage.record([answered(50_000, 0.9, at_s=400 * DAY)], "w1-2")
        settle(analyst)
    shown = series(stage.performance())

    assert (shown["rows"], shown["labelled"]) == (11, 2)


@pytest.mark.parametrize("days", [400, 40_000])
def test_after_a_clock_that_was_ahead_rows_and_labels_go_on(tmp_path: Path, days: int) -> None:
    stage = LabelStage(tmp_path, {**ALONE, "performance": {"label_period": "2d"}})
    first = stage.clock.epoch_ns
    stage.clock.epoch_ns += days * DAY * SECOND
    stage.label(dict.fromkeys(range(DECIDED_BY), 1), at_s=days * DAY)
    stage.measure(answered(number, 0.9, at_s=days * DAY) for number in range(DECIDED_BY))
    stage.clock.epoch_ns = first
    for day in range(5):
        stage.label({1000 + day: 1}, at_s=day * DAY)
        stage.record([answered(1000 + day, 0.9, at_s=day * DAY)], f"w1-{day + 2}")
        shown = series(stage.measure())
        stage.clock.advance(DAY)

    assert (shown["rows"], shown["labelled"]) == (3, 3)
    assert {each["rows"] for each in shown["estimates"] if each["metric"] == "accuracy"} == {3}

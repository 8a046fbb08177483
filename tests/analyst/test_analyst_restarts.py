"""Whatever was committed goes on in the next life, and what was not is as if it had never been."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from analyst_stage import Stage
from recording import failed, pair, primary, shadow

from watchtower.metrics import catalogue
from watchtower.record import Exchange, Outcome, ShadowOutcome
from watchtower.store.state import State

ENDPOINT: dict[str, Any] = {
    "baseline": {"live": {"rows": 600}},
    "compare": {"segments": ["plan"], "wait": "60s"},
    "shadows": [{"name": "v2", "url": "http://a:1"}, {"name": "again", "url": "http://b:1", "twin": True}],
}


def traffic(minutes: int = 20, seed: int = 7) -> Iterator[Exchange]:
    """Pairs in any order, some failed, some unreadable, and a column that drifts from the middle on."""
    generator = np.random.default_rng(seed)
    for number in range(minutes * 12):
        at_s = number * 5.0
        ages = generator.normal(60 if number > minutes * 6 else 40, 10, 10).round(2).tolist()
        incomes = generator.lognormal(3, 1, 10).round(2).tolist()
        rows = [
            {"age": age, "income": income, "plan": "gold" if number % 3 else "base"}
            for age, income in zip(ages, incomes, strict=True)
        ]
        said = {"predictions": generator.random(10).round(3).tolist()}
        other = {"predictions": generator.random(10).round(3).tolist()} if number % 4 == 0 else said
        both = [primary(number, {"instances": rows}, said, at_s), shadow(number, other, at_s)]
        both.append(shadow(number, said, at_s, name="again"))
        if number % 17 == 5:
            both[1] = failed(both[1], ShadowOutcome.TIMED_OUT)
        if number % 19 == 5:
            both[0] = failed(both[0], Outcome.ERROR_STATUS, 500)
        if number % 23 == 5:
            both[2] = shadow(number, b"<html>", at_s, name="again")
        if number % 29 == 5:
            both = both[:1]
        yield from both if number % 2 else both[::-1]


def played(folder: Path, parts: Sequence[Sequence[Exchange]], *, is_one_life: bool) -> Stage:
    """Each part is recorded, read and committed, by one analyst or each by another."""
    stage = Stage(folder, ENDPOINT)
    stage.clock.advance(20 * 60)
    lives = [parts] if is_one_life else [[part] for part in parts]
    for life in lives:
        with stage.started() as analyst:
            for part in life:
                stage.record(part)
                while len(part) and analyst.step():
                    pass
                assert analyst.commit()
    stage.clock.advance(3600)
    stage.analyse()
    return stage


def cut(found: Sequence[Exchange], cuts: Sequence[int]) -> list[Sequence[Exchange]]:
    return [found[start:end] for start, end in zip([0, *cuts], [*cuts, len(found)], strict=True)]


def shown(stage: Stage) -> dict[str, Any]:
    """What the documents say, but for what chance decides: quantile sketches choose what they keep at random."""
    found = stage.documents()
    found["drift/churn"].pop("baseline")
    for column in found["drift/churn"]["columns"]:
        for measure in ("ks", "wasserstein"):
            column["effects"].pop(measure, None)
    for worst in found["shadow/churn/v2"]["worst"]:
        worst.pop("summary")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_restarts_anywhere_change_nothing_of_what_is_shown(tmp_path: Path, seed: int) -> None:
    found = list(traffic())
    cuts = sorted(np.random.default_rng(seed).choice(len(found), 6, replace=False).tolist())
    one = played(tmp_path / "one", cut(found, cuts), is_one_life=True)
    many = played(tmp_path / "many", cut(found, cuts), is_one_life=False)

    assert shown(one) == shown(many)


@pytest.mark.slow
def test_restarts_change_nothing_of_what_is_kept(tmp_path: Path) -> None:
    found = list(traffic())
    one = played(tmp_path / "one", cut(found, [100, 200, 555]), is_one_life=True)
    many = played(tmp_path / "many", cut(found, [100, 200, 555]), is_one_life=False)
    for table in ("exchanges", "rows", "pairs"):
        sql = f"SELECT * FROM {table} ORDER BY ALL"

        assert one.query(sql) == many.query(sql)

    windows = "SELECT * EXCLUDE (baseline, profile, ks, wasserstein) FROM windows ORDER BY ALL"

    assert one.query(windows) == many.query(windows)


@pytest.mark.slow
def test_restarts_count_nothing_twice(tmp_path: Path) -> None:
    found = list(traffic())
    one = played(tmp_path / "one", cut(found, [100, 200, 555]), is_one_life=True).totals()
    many = played(tmp_path / "many", cut(found, [100, 200, 555]), is_one_life=False).totals()
    for metric in (
        catalogue.ANALYST_EXCHANGES,
        catalogue.ANALYST_ROWS,
        catalogue.PAYLOAD_FAULTS,
        catalogue.PAIRS,
        catalogue.UNPAIRED,
        catalogue.DRIFT_WINDOWS,
        catalogue.QUALITY_VIOLATIONS,
    ):
        for label in metric.labels:
            assert one.by(metric, label.name) == many.by(metric, label.name)


def test_an_alarm_that_stands_is_told_after_a_restart_without_traffic(tmp_path: Path) -> None:
    stage = played(tmp_path, [list(traffic())], is_one_life=True)
    told = stage.totals().by(catalogue.DRIFT_ALARM, "column")
    stage.metrics = tmp_path / "of the next process"
    stage.metrics.mkdir()

    with stage.started() as analyst:
        stage.clock.advance(stage.config.analyst.commit_every)
        analyst.step()

    assert max(told.values()) == 1.0
    assert stage.totals().by(catalogue.DRIFT_ALARM, "column") == told


def test_what_was_not_committed_is_read_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record([*pair(1), *pair(2)])
    with stage.started() as analyst:
        analyst.step()
    stage.analyse(pair(3))

    assert stage.shadow()["pairs"] == 3
    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 6}]
    assert stage.totals().value(catalogue.PAIRS) == 3


def test_a_worst_pair_that_waited_over_a_restart_tells_the_same(tmp_path: Path) -> None:
    one, other = pair(1, other=0.75)
    whole, parted = Stage(tmp_path / "whole"), Stage(tmp_path / "parted")
    whole.analyse([one, other])
    parted.analyse([one])
    parted.analyse([other])

    assert whole.shadow()["worst"] == parted.shadow()["worst"]


def test_the_drift_of_the_last_window_is_shown_after_a_restart(tmp_path: Path) -> None:
    stage = played(tmp_path, [list(traffic())], is_one_life=True)
    before = stage.drift()
    stage.analyse()

    assert before["columns"] == stage.drift()["columns"]
    assert before["last_window"] == stage.drift()["last_window"]


def test_the_schema_is_shown_after_a_restart(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    before = stage.document("schema")["columns"]
    stage.analyse()

    assert before == stage.document("schema")["columns"]


def test_the_baselines_label_is_the_same_after_a_restart(tmp_path: Path) -> None:
    stage = played(tmp_path, [list(traffic())], is_one_life=True)
    with stage.started() as analyst:
        stage.record(pair(9000, at_s=1200))
        analyst.step()
        analyst.commit()

    labels = stage.query("SELECT DISTINCT baseline FROM windows")

    assert labels == [{"baseline": stage.drift()["baseline"]}]


def test_a_shadow_that_is_configured_no_more_ends_no_analyst(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": name, "url": "http://a:1"} for name in ("v2", "v3")]})
    one, other = pair(1)
    stage.analyse([other, shadow(1, {"predictions": [0.5]}, name="v3")])
    stage.configure({"shadows": [{"name": "v2", "url": "http://a:1"}]})
    stage.analyse([one])

    assert stage.shadow()["agreeing"] == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({"shadows": []}, {"churn"}), ({"name": "fraud"}, {"fraud", "fraud/v2"}), ({}, {"churn", "churn/v2"})],
)
def test_what_is_configured_no_more_is_shown_no_more(
    changed: dict[str, Any], expected: set[str], tmp_path: Path
) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    stage.configure(changed)
    with stage.started() as analyst:
        stage.clock.advance(60)
        analyst.step()

    assert {key.partition("/")[2] for key in stage.documents()} == expected


def test_a_primary_that_waits_for_a_shadow_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": [{"name": name, "url": "http://a:1"} for name in ("v2", "v3")]})
    stage.analyse(pair(1))
    stage.configure({"shadows": [{"name": "v2", "url": "http://a:1"}]})
    stage.clock.advance(600)
    stage.analyse(pair(2, at_s=500), [shadow(1, {"predictions": [0.5]}, name="v3")])

    assert stage.shadow()["agreeing"] == 2


def test_a_shadow_that_is_configured_anew_is_compared_from_then_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    stage.configure({"shadows": [{"name": name, "url": "http://127.0.0.1:8001"} for name in ("v2", "v3")]})
    stage.analyse(pair(2), [shadow(2, {"predictions": [0.9]}, name="v3")])

    assert (stage.shadow("v2")["pairs"], stage.shadow("v3")["pairs"]) == (2, 1)


def test_a_model_that_takes_over_a_shadows_name_is_judged_by_its_own_pairs(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75))
    stage.configure({"shadows": [{"name": "v2", "url": "http://127.0.0.1:8002"}]})
    stage.analyse(pair(2))
    shown = stage.shadow()

    assert (shown["pairs"], shown["agreeing"], shown["worst"]) == (1, 1, [])
    assert {verdict["pairs"] for verdict in shown["verdicts"]} == {1}


def test_answers_that_are_read_in_another_way_begin_the_totals_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75))
    outputs = [{"name": "prediction", "path": "$.predictions[*]"}]
    stage.configure({"protocol": "mapped", "mapping": {"outputs": outputs}})
    stage.analyse(pair(2))
    shown = stage.shadow()

    assert (shown["pairs"], shown["agreeing"], shown["worst"]) == (1, 1, [])
    assert {verdict["budget"]: verdict["pairs"] for verdict in shown["verdicts"]} == {
        "disagreement": 1, "errors": 2, "p50": 2, "p95": 2,
    }  # fmt: skip


def test_what_counts_as_the_same_answer_from_now_on_begins_the_totals_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75), pair(2))
    stage.configure({"compare": {"tolerance": 0.5}})
    stage.analyse(pair(3, other=0.75))
    shown = stage.shadow()

    assert (shown["pairs"], shown["compared"], shown["agreeing"], shown["worst"]) == (1, 1, 1, [])
    assert [(column["rows"], column["disagreeing"]) for column in shown["columns"]] == [(1, 0)]


def test_other_segments_take_the_place_of_those_before(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"compare": {"segments": ["age"], "max_segments": 2}})
    stage.analyse(*(pair(number) for number in range(3)))
    stage.configure({"compare": {"segments": ["plan"], "max_segments": 2}})
    stage.analyse(pair(3), pair(4))
    shown = stage.shadow()

    assert {one["name"]: one["pairs"] for one in shown["segments"]} == {"plan=base": 1, "plan=gold": 1}
    assert shown["pairs"] == 5


def test_totals_that_began_anew_count_every_pair_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75), pair(2))
    stage.configure({"compare": {"tolerance": 0.5}})
    stage.analyse()
    stage.analyse(pair(3, other=0.75))
    counted = stage.totals().by(catalogue.PAIRS, "result")

    assert {result: count for result, count in counted.items() if count} == {"agree": 2, "disagree": 1}


def test_a_setting_that_changes_no_answers_meaning_keeps_the_totals(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1, other=0.75))
    stage.configure({"compare": {"alpha": 0.05, "wait": "60s"}})
    stage.analyse(pair(2))

    assert (stage.shadow()["pairs"], len(stage.shadow()["worst"])) == (2, 1)


def test_other_margins_start_the_verdict_over_and_say_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([each for number in range(20) for each in pair(number)])
    stage.configure({"compare": {"budgets": {"disagreement": "10%"}}})
    stage.analyse(pair(21))
    [verdict] = [each for each in stage.shadow()["verdicts"] if each["budget"] == "disagreement"]

    assert verdict["margin"] == 0.1
    assert stage.shadow()["pairs"] == 21


@pytest.mark.parametrize(
    "drift",
    [{"window": "5m"}, {"window": "10s"}, {"ignore": ["in.age"]}, {"max_columns": 1}, {"false_alarms": "1 per 1d"}],
)
def test_other_settings_of_drift_end_no_analyst(tmp_path: Path, drift: dict[str, Any]) -> None:
    stage = played(tmp_path, [list(traffic())], is_one_life=True)
    stage.configure({**ENDPOINT, "drift": drift})
    stage.clock.advance(7200)
    stage.analyse([primary(9000 + k, {"instances": [{"age": 1.0}]}, {"predictions": [0.5]}, 7000) for k in range(5)])
    stage.clock.advance(7200)
    stage.analyse()

    assert stage.status()["late_rows"] == 0


def test_a_damaged_offsets_file_is_no_reason_to_stay_down(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    (stage.journal / "analyst.offsets.json").write_bytes(b"{")
    stage.analyse(pair(2))

    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 4}]


@pytest.mark.parametrize("part", ["watch", "decoding", "baseline", "performance", "pairs", "shadow/v2"])
def test_what_cannot_be_gone_on_with_begins_anew(tmp_path: Path, part: str) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    with State(stage.data_dir) as state:
        state.commit(blobs={f"churn/{part}": b"of a later version"})
    stage.analyse(pair(2))

    assert stage.status()["exchanges"] == 4


def test_counts_that_cannot_be_gone_on_with_begin_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    with State(stage.data_dir) as state:
        state.commit(blobs={"churn/counts": msgspec.msgpack.encode((99, [], 0, {}, 0))})
    stage.analyse(pair(2))

    assert stage.status()["exchanges"] == 2


def test_labels_that_waited_and_cannot_be_read_end_no_analyst(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    with State(stage.data_dir) as state:
        state.commit(blobs={"labels": b"of a later version"})
    stage.analyse(pair(2))

    assert stage.status()["exchanges"] == 4

"""Which baseline is in force: what an operator sets or configures, whatever else happens at the same time."""

import math
from pathlib import Path
from typing import Any

import pytest
from analyst_stage import Stage
from drift_stage import ENDPOINT, live, minutes, quiet, watched
from recording import primary

from watchtower.analyst.analyst import run_to_the_end
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.clock import SECOND
from watchtower.drift.baseline import Baseline, build
from watchtower.metrics.catalogue import DRIFT_ALARM, DRIFT_EFFECT
from watchtower.metrics.cells import Cells
from watchtower.record import Exchange
from watchtower.store.state import State

AGES = "\n".join(["age", *(str(20 + number % 50) for number in range(2000))])


def set_mine(stage: Stage) -> None:
    """As `watchtower baseline build` does, from another process."""
    columns = (("in.age",), ([float(number) for number in range(2000)],))
    mine = build([columns], name="mine", source="mine.csv", made_at_ns=1)
    with State(stage.data_dir) as state:
        state.baselines.add("churn", "mine", "mine.csv", mine.to_bytes(), 1)


def in_force(stage: Stage) -> list[str]:
    with State(stage.data_dir) as state:
        return [f"{one.name} {one.version}" for one in state.baselines.list("churn") if one.is_active]


def shown(stage: Stage) -> tuple[str, str, int]:
    """By the drift, and by the baseline with its rows."""
    baseline = stage.document("baseline")
    return stage.drift()["baseline"], f"{baseline['name']} {baseline['version']}", baseline["rows"]


def file_stage(tmp_path: Path, source: Path, **baseline: Any) -> Stage:
    return Stage(tmp_path, {"baseline": {"source": str(source), **baseline}, "shadows": []})


def test_what_is_set_after_a_recording_was_analysed_stays_in_force(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    stage.record(minutes(5))
    with stage.started() as analyst:
        run_to_the_end(analyst)
    set_mine(stage)
    stage.analyse()

    assert in_force(stage) == ["mine 1"]
    assert shown(stage) == ("mine 1", "mine 1", 2000)


def test_what_is_set_while_the_first_rows_become_one_stays_in_force(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    stage.record(minutes(5))
    with stage.started() as analyst:
        while analyst.step():
            pass
        set_mine(stage)  # between the last row and the commit
        analyst.commit()
        stage.clock.advance(stage.config.analyst.commit_every)
        analyst.step()

    assert in_force(stage) == ["mine 1"]
    assert shown(stage) == ("mine 1", "mine 1", 2000)


def test_one_that_was_frozen_is_registered_once_over_restarts(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    stage.analyse()
    stage.analyse()

    with State(stage.data_dir) as state:
        assert [one.version for one in state.baselines.list("churn")] == [1]


def test_another_source_in_the_configuration_is_taken_at_the_next_start(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(AGES)
    second.write_text(AGES)
    stage = file_stage(tmp_path, first)
    stage.analyse()
    stage.configure({"baseline": {"source": str(second), "name": "spring"}, "shadows": []})
    stage.analyse()
    stage.analyse()

    assert in_force(stage) == ["spring 1"]
    stage.configure({"baseline": {"source": str(first)}, "shadows": []})
    stage.analyse()
    assert in_force(stage) == ["default 1"]


def test_what_is_set_after_the_configured_one_stays_over_restarts(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text(AGES)
    stage = file_stage(tmp_path, source)
    stage.analyse()
    set_mine(stage)
    stage.analyse()
    stage.analyse()

    assert in_force(stage) == ["mine 1"]


def test_a_source_that_is_configured_later_takes_the_place_of_live_rows(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    source = tmp_path / "a.csv"
    source.write_text(AGES)
    stage.configure({"baseline": {"source": str(source), "name": "spring"}, "shadows": []})
    stage.analyse()

    assert in_force(stage) == ["spring 1"]


def test_a_file_that_is_not_there_yet_is_read_when_it_is(tmp_path: Path) -> None:
    source = tmp_path / "late.csv"
    source.touch()
    stage = file_stage(tmp_path, source)
    source.unlink()
    with stage.started() as analyst:
        analyst.commit()
        before = stage.drift()["waiting_for"]
        source.write_text(AGES)
        stage.clock.advance(59)
        analyst.commit()
        too_early = in_force(stage)
        stage.clock.advance(1)
        analyst.commit()

    assert "late.csv" in before
    assert (too_early, in_force(stage)) == ([], ["default 1"])


def test_a_file_without_rows_is_no_baseline_yet(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("age\n")
    stage = file_stage(tmp_path, source)
    with stage.started() as analyst:
        analyst.commit()
        before = stage.drift()["waiting_for"]
        source.write_text(AGES)
        stage.clock.advance(60)
        analyst.commit()

    assert before == f"{source}: no rows"
    assert in_force(stage) == ["default 1"]


def test_while_a_large_file_is_read_whoever_waits_is_told(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text(AGES * 40)
    stage = file_stage(tmp_path, source)
    beats: list[int] = []
    observer = AnalystCells(Cells(stage.metrics, "a1"))
    with assembled(stage.config, stage.data_dir, stage.clock.clock(), observer, beat=lambda: beats.append(1)):
        pass

    assert len(beats) >= 4  # before and behind each pass, at least


@pytest.mark.parametrize("is_running", [True, False])
def test_rows_of_open_windows_are_kept_where_another_is_set(tmp_path: Path, is_running: bool) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(3, first=5))
    if is_running:
        with stage.started() as analyst:
            set_mine(stage)
            analyst.commit()
            analyst.commit()
    else:
        set_mine(stage)
        stage.analyse()
    windows = stage.query("""
        SELECT length_s AS s, sum("rows")::INT AS n FROM windows
        WHERE "column" = 'in.age' AND baseline = 'default 1' GROUP BY ALL ORDER BY s
    """)

    assert [(each["s"], each["n"]) for each in windows] == [(60, 600), (3600, 600), (86400, 600)]
    assert (in_force(stage), stage.drift()["baseline"]) == (["mine 1"], "mine 1")


def test_what_is_set_is_taken_without_further_traffic(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    with stage.started() as analyst:
        while analyst.step():
            pass
        set_mine(stage)
        stage.clock.advance(stage.config.analyst.commit_every)
        analyst.step()

    assert shown(stage) == ("mine 1", "mine 1", 2000)


def test_the_first_rows_are_those_of_all_variants(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 300}}, "shadows": []})
    live(stage, (scored(number, "green" if number % 10 == 0 else "blue") for number in range(1000)))
    with State(stage.data_dir) as state:
        active = state.baselines.active("churn")

    assert active is not None
    assert Baseline.from_bytes(active.profile).profiles.columns["out.prediction"].top(2) == [
        ("blue", 270),
        ("green", 30),
    ]


def test_what_came_with_the_first_rows_of_all_variants_is_watched(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 300}}, "shadows": []})
    live(stage, (scored(number, "green" if number % 10 == 0 else "blue") for number in range(1000)))
    quiet(stage)
    [window] = stage.query("""SELECT sum("rows")::INT AS n FROM windows WHERE "column" = 'in.age' AND length_s = 60""")

    assert window["n"] == 700


def test_how_many_of_the_first_rows_have_come_is_told_after_a_restart_without_traffic(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    live(stage, minutes(1))
    quiet(stage)

    assert stage.drift()["waiting_for"] == "20% of the first 1000 rows have come"


def test_where_more_rows_have_come_than_are_asked_for_by_now_they_are_the_baseline(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 300}}, "shadows": []})
    live(stage, (scored(number, "blue") for number in range(200)))
    stage.configure({"baseline": {"live": {"rows": 100}}, "shadows": []})
    live(stage, (scored(number, "blue") for number in range(200, 210)))

    assert stage.document("baseline")["rows"] == 200


def scored(number: int, variant: str) -> Exchange:
    """Answered with the variant's name."""
    return primary(number, {"instances": [{"age": 40}]}, {"predictions": [variant]}, number / 100, variant=variant)


def test_a_column_that_is_ignored_afterwards_is_asked_nothing(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    stage.configure({**ENDPOINT, "drift": {"ignore": ["in.age"]}})
    live(stage, minutes(20, first=5, shift=1.0))
    quiet(stage)

    assert (stage.drift()["alarms"], stage.drift()["quality"]) == ([], [])
    assert "in.age" not in {each["column"] for each in stage.drift()["columns"]}


def test_of_the_columns_beside_one_that_is_ignored_every_alarm_stands(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(20, first=5, shift=1.0))
    quiet(stage)
    before = stage.drift()
    stage.configure({**ENDPOINT, "drift": {"ignore": ["in.plan"]}})
    stage.analyse()
    after = stage.drift()

    assert [each["column"] for each in after["alarms"]] == ["in.age"]
    assert (after["alarms"][0]["since"], after["windows"]) == (before["alarms"][0]["since"], before["windows"])


def test_a_column_that_was_ignored_is_watched_again(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    stage.configure({**ENDPOINT, "drift": {"ignore": ["in.age"]}})
    live(stage, minutes(5, first=5))
    stage.configure(ENDPOINT)
    live(stage, minutes(20, first=10, shift=1.0))
    quiet(stage)

    assert "in.age" in {each["column"] for each in stage.drift()["alarms"]}


def test_behind_a_clock_that_was_ahead_for_a_while_drift_is_seen(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    ahead = 30 * 1440  # minutes
    stage.clock.epoch_ns += ahead * 60 * SECOND
    live(stage, minutes(1, first=ahead))
    stage.clock.epoch_ns -= ahead * 60 * SECOND
    live(stage, minutes(20, first=10, shift=1.0))
    quiet(stage)

    assert "in.age" in {each["column"] for each in stage.drift()["alarms"]}


@pytest.mark.parametrize("lateness", ["2m", "6h"])
def test_rows_within_the_lateness_are_none_too_late(tmp_path: Path, lateness: str) -> None:
    stage = Stage(tmp_path, {**ENDPOINT, "drift": {"lateness": lateness}})
    live(stage, minutes(5))
    live(stage, minutes(300, first=5, seed=2))
    live(stage, [primary(9_999_999, {"instances": [{"age": 40.0}]}, {"predictions": [0.5]}, 60 * 10)])

    assert stage.status()["late_rows"] == (0 if lateness == "6h" else 1)


def test_the_metrics_tell_no_alarm_of_a_column_that_is_watched_no_more(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    stage.record(minutes(20, first=5, shift=2.0))
    stage.clock.advance(20 * 60)
    with stage.started() as analyst:
        while analyst.step():
            pass
        analyst.commit()
        alarms = [stage.totals().value(DRIFT_ALARM, column="in.age")]
        columns = (("in.income",), ([float(number) for number in range(2000)],))
        other = build([columns], name="other", source="other.csv", made_at_ns=1)
        with State(stage.data_dir) as state:
            state.baselines.add("churn", "other", "other.csv", other.to_bytes(), 1)
        analyst.commit()
        stage.clock.advance(stage.config.analyst.commit_every)
        analyst.step()
        alarms.append(stage.totals().value(DRIFT_ALARM, column="in.age"))
        effect = stage.totals().value(DRIFT_EFFECT, column="in.age", measure="psi")

    assert stage.drift()["baseline"] == "other 1"
    assert alarms == [1, 0]
    assert math.isnan(effect)

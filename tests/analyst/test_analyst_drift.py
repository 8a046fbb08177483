"""Live rows become a baseline, and what comes after is held against it."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from analyst_stage import Stage
from drift_stage import ENDPOINT, PER_WINDOW, ROWS, live, minutes, quiet, watched
from recording import primary

from watchtower.metrics import catalogue
from watchtower.record import Exchange, Role
from watchtower.store.state import State


def test_while_rows_are_gathered_the_progress_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    live(stage, minutes(2))

    assert (stage.drift()["baseline"], stage.document("baseline")["rows"]) == (None, 0)
    assert stage.drift()["waiting_for"] == "40% of the first 1000 rows have come"


def test_five_thousand_rows_are_gathered_unless_configured_otherwise(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"shadows": []})
    live(stage, minutes(24))
    before = stage.document("baseline")["rows"]
    live(stage, minutes(1, first=24))

    assert (before, stage.document("baseline")["rows"]) == (0, 5000)


def test_the_first_rows_become_the_baseline(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    stage.record(minutes(5))
    with stage.started() as analyst:
        while analyst.step():
            pass
        analyst.commit()  # with this it is in force, and the next shows it
        stage.clock.advance(stage.config.analyst.commit_every)
        analyst.step()
    shown = stage.document("baseline")

    assert (shown["name"], shown["version"], shown["rows"], shown["waiting_for"]) == ("default", 1, 1000, "")
    assert stage.drift()["baseline"] == "default 1"
    assert shown["columns"] == {
        "in.age": "number",
        "in.income": "number",
        "in.plan": "category",
        "out.prediction": "number",
    }


def test_half_of_a_request_belongs_to_the_baseline_and_the_rest_is_watched(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 990}}, "shadows": []})
    live(stage, minutes(5))
    quiet(stage)
    [window] = stage.query("""SELECT "rows" FROM windows WHERE "column" = 'in.age' AND length_s = 60""")

    assert (stage.document("baseline")["rows"], window["rows"]) == (990, 10)


def test_the_rows_of_the_baseline_are_judged_by_nobody(tmp_path: Path) -> None:
    stage = watched(tmp_path)

    assert (stage.drift()["windows"], stage.totals().value(catalogue.DRIFT_WINDOWS)) == (0, 0)


def test_shifted_rows_raise_an_alarm_that_says_what_and_since_when(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(10, first=5))
    live(stage, minutes(10, first=15, shift=1.0))
    quiet(stage)
    logged = [(line.levelname, vars(line)["column"]) for line in caplog.records if "traffic has" in line.message]
    alarms = {alarm["column"]: alarm for alarm in stage.drift()["alarms"]}
    since = (alarms["in.age"]["since"] - stage.clock.epoch_ns / 1e9) / 60

    assert set(alarms) <= {"in.age", "all numbers together"}
    assert ("WARNING", "in.age") in logged
    assert alarms["in.age"]["way"] == "up"
    assert 13 <= since <= 17


def test_an_alarm_is_a_metric_and_stands_in_its_window(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(10, first=5, shift=1.0))
    quiet(stage)
    counted = stage.totals()
    rows = stage.query("""SELECT bool_or(is_alarm) AS alarm FROM windows WHERE "column" = 'in.age'""")

    assert counted.value(catalogue.DRIFT_ALARM, column="in.age") == 1
    assert counted.value(catalogue.DRIFT_ALARM, column="in.plan") == 0
    assert counted.value(catalogue.DRIFT_EVIDENCE, column="in.age") > counted.value(catalogue.DRIFT_EVIDENCE_THRESHOLD)
    assert rows == [{"alarm": True}]


@pytest.mark.parametrize("seed", [2, 3])
def test_unchanged_rows_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(40, first=5, seed=seed))
    quiet(stage)

    assert (stage.drift()["windows"], stage.drift()["alarms"]) == (40, [])
    assert stage.totals().value(catalogue.DRIFT_ALARM) == 0
    assert stage.totals().value(catalogue.DRIFT_WINDOWS) == 40


def test_a_drift_that_is_over_is_said_to_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stage = watched(tmp_path)
    live(stage, minutes(10, first=5, shift=1.0))
    live(stage, minutes(200, first=15))
    quiet(stage)
    cleared = {alarm["column"] for alarm in stage.drift()["cleared"]}

    assert "in.age" in cleared
    assert [vars(line)["column"] for line in caplog.records if "traffic is as" in line.message].count("in.age") == 1
    assert [alarm["column"] for alarm in stage.drift()["alarms"] if alarm["column"] == "in.age"] == []


def test_rows_go_to_the_window_of_their_own_time(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    found = list(minutes(4, first=5))
    live(stage, found[::2] + found[1::2])
    quiet(stage)
    windows = stage.query("""
        SELECT started, "rows" FROM windows WHERE "column" = 'in.age' AND length_s = 60 ORDER BY started
    """)

    assert [window["rows"] for window in windows] == [PER_WINDOW * ROWS] * 4


def test_rows_that_come_too_late_are_counted_and_judged_by_nobody(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(10, first=6))
    live(stage, minutes(1, first=5))
    quiet(stage)

    assert stage.status()["late_rows"] == PER_WINDOW * ROWS
    assert stage.drift()["windows"] == 10


def test_an_hour_and_a_day_are_sums_of_their_minutes(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(3, first=5))
    live(stage, minutes(3, first=80))
    quiet(stage, 48 * 3600)
    lengths = stage.query("""
        SELECT length_s AS s, sum("rows")::INT AS n, count(profile)::INT AS profiles
        FROM windows WHERE "column" = 'in.age' GROUP BY ALL ORDER BY s
    """)

    assert [(each["s"], each["n"]) for each in lengths] == [(60, 1200), (3600, 1200), (86400, 1200)]
    assert lengths[0]["profiles"] == 0
    assert lengths[2]["profiles"] == 1


@pytest.mark.parametrize(("hours", "closed"), [(1, [60]), (2, [60, 3600]), (48, [60, 3600, 86400])])
def test_without_traffic_the_last_hour_and_day_are_over_by_time_alone(
    tmp_path: Path, hours: int, closed: list[int]
) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(3, first=5))
    quiet(stage)
    quiet(stage, hours * 3600)
    lengths = stage.query("SELECT DISTINCT length_s AS s FROM windows ORDER BY s")

    assert [each["s"] for each in lengths] == closed


def test_a_request_that_takes_long_is_not_late_where_nothing_else_came(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(1, first=5))
    quiet(stage)
    quiet(stage, 1800)
    stage.analyse(minutes(1, first=20))

    assert stage.status()["late_rows"] == 0


def test_a_shadows_rows_are_watched_by_nobody(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 10}}})
    stage.analyse(minutes(1), (shadowed(each) for each in minutes(1, shift=5.0)))

    assert stage.document("baseline")["rows"] == 10
    assert stage.query("SELECT count(*) AS n FROM rows WHERE role = 'shadow'") == [{"n": 200}]


def test_one_row_from_the_future_does_not_end_the_watch(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    stage.analyse(minutes(1, first=60 * 24 * 365))
    live(stage, minutes(10, first=6))
    quiet(stage)

    assert stage.status()["late_rows"] == 0
    assert stage.drift()["windows"] >= 10


def test_a_new_column_and_a_missing_one_are_violations(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    renamed = [
        primary(
            900 + number, {"instances": [{"aged": 1.0, "income": 20.0, "plan": "base"}]}, {"predictions": [0.5]}, 400
        )
        for number in range(50)
    ]
    live(stage, renamed)
    quiet(stage)
    found = {(each["column"], each["violation"]) for each in stage.drift()["quality"]}

    assert {("in.aged", "new_column"), ("in.age", "missing_column")} <= found
    assert stage.totals().value(catalogue.QUALITY_VIOLATIONS, violation="new_column") == 1


def test_without_a_violation_none_is_counted(tmp_path: Path) -> None:
    stage = watched(tmp_path)

    assert stage.totals().value(catalogue.QUALITY_VIOLATIONS) == 0


def test_another_baseline_starts_everything_over(tmp_path: Path) -> None:
    stage = watched(tmp_path)
    live(stage, minutes(10, first=5, shift=1.0))
    quiet(stage)
    other = Stage(tmp_path / "other", ENDPOINT)
    other.analyse(minutes(5, shift=1.0))
    with State(other.data_dir) as theirs, State(stage.data_dir) as ours:
        taken = theirs.baselines.active("churn")
        assert taken is not None
        ours.baselines.add("churn", "shifted", "another sidecar's", taken.profile, stage.clock.wall_ns())
    stage.analyse()
    begun = stage.drift()
    live(stage, minutes(20, first=20, shift=1.0))
    quiet(stage)

    assert (begun["baseline"], begun["alarms"], begun["windows"]) == ("shifted 1", [], 0)
    assert (stage.drift()["alarms"], stage.drift()["windows"]) == ([], 20)


def test_a_baseline_from_a_file_is_in_force_before_any_traffic(tmp_path: Path) -> None:
    source = tmp_path / "train.csv"
    generator = np.random.default_rng(5)
    lines = [f"{age:.2f},{'gold' if age > 45 else 'base'}" for age in generator.normal(40, 10, 2000)]
    source.write_text("\n".join(["age,plan", *lines]))
    stage = Stage(tmp_path, {"baseline": {"name": "train", "source": str(source)}})
    stage.analyse()
    shown = stage.document("baseline")

    assert (shown["name"], shown["rows"], shown["columns"]) == (
        "train",
        2000,
        {"in.age": "number", "in.plan": "category"},
    )


def test_a_baseline_that_cannot_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    source = tmp_path / "gone.csv"
    source.touch()
    stage = Stage(tmp_path, {"baseline": {"source": str(source)}, "shadows": []})
    source.unlink()
    live(stage, minutes(1))

    assert re.search(r"gone\.csv", stage.drift()["waiting_for"])
    assert stage.status()["rows"] == 200


def shadowed(exchange: Exchange) -> Exchange:
    return msgspec.structs.replace(exchange, role=Role.SHADOW, variant="v2")


def optional(count: int, share: float, first: int = 0) -> Iterator[Exchange]:
    """Windows in which so many rows leave a key out, one request a row."""
    generator = np.random.default_rng([7, first])
    for minute in range(first, first + count):
        for request in range(50):
            row: dict[str, float] = {"age": round(generator.normal(40, 10), 2)}
            if generator.random() >= share:
                row["income"] = round(generator.normal(0, 1), 2)
            yield primary(minute * 50 + request, {"instances": [row]}, {"predictions": [0.5]}, 60 * minute + request)


def test_a_key_that_is_left_out_as_often_as_before_is_no_drift(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    live(stage, optional(20, 0.3))
    live(stage, optional(60, 0.3, first=20))
    quiet(stage)

    assert stage.drift()["alarms"] == []
    [income] = [each for each in stage.drift()["columns"] if each["column"] == "in.income"]
    assert abs(income["effects"]["missing_change"]) < 0.25


def test_a_key_that_is_left_out_since_then_is_drift(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ENDPOINT)
    live(stage, optional(20, 0.0))
    live(stage, optional(60, 0.3, first=20))
    quiet(stage)

    assert [(each["column"], each["way"]) for each in stage.drift()["alarms"]] == [("in.income", "more missing")]


def test_a_column_that_is_ignored_is_no_new_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {**ENDPOINT, "drift": {"ignore": ["in.income"]}})
    live(stage, minutes(8))
    quiet(stage)

    assert "in.income" not in {each["column"] for each in stage.drift()["columns"]}
    assert stage.drift()["quality"] == []

"""A journal that was recorded somewhere, analysed after the fact, and what that does to the sidecar's own."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from analyst_stage import ENDPOINT_FILE, Stage
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import Recording, pair

from watchtower import cli
from watchtower.analyst.analyst import run_to_the_end
from watchtower.journal.retention import sweep
from watchtower.journal.settings import CaptureSettings

COUNTS = "SELECT count(*) AS n, count(DISTINCT (request_id, role)) AS ids FROM exchanges"
WATCHED = """SELECT rows FROM windows WHERE length_s = 60 AND "column" = 'out.prediction' ORDER BY started"""
DAY_S = 86_400
FAR_FUTURE_NS = 4_000_000_000 * 10**9


def recorded(folder: Path, numbers: range, stream: str = "w9-1") -> Path:
    with Recording(folder, stream) as recording:
        recording.add(each for number in numbers for each in pair(number))
    return folder


def analysed(stage: Stage, journal: Path) -> int:
    with stage.started(journal) as analyst:
        return run_to_the_end(analyst)


def test_all_of_a_recording_is_analysed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    journal = recorded(tmp_path / "recorded", range(5000))

    assert analysed(stage, journal) == 10_000
    assert stage.shadow()["agreeing"] == 5000
    assert stage.query(COUNTS) == [{"n": 10_000, "ids": 10_000}]


def test_a_recording_is_left_as_it_is(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    journal = recorded(tmp_path / "recorded", range(5))
    before = {path: path.read_bytes() for path in journal.iterdir()}
    analysed(stage, journal)

    assert before == {path: path.read_bytes() for path in journal.iterdir()}


def test_a_recording_that_is_analysed_twice_counts_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    journal = recorded(tmp_path / "recorded", range(50))
    analysed(stage, journal)
    again = analysed(stage, journal)

    assert (again, stage.query(COUNTS)) == (0, [{"n": 100, "ids": 100}])


def test_what_is_added_to_a_recording_of_another_day_is_watched(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 10}}})
    stage.clock.advance(30 * DAY_S)
    journal = tmp_path / "recorded"
    for day in range(2):
        with Recording(journal, f"w9-{day}") as recording:
            recording.add(each for number in range(50) for each in pair(50 * day + number, day * DAY_S))
        analysed(stage, journal)

    assert stage.status()["late_rows"] == 0
    assert stage.query(WATCHED) == [{"rows": 40}, {"rows": 50}]


def test_a_recording_between_two_lives_makes_nobody_read_anything_twice(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([each for number in range(50) for each in pair(number)])
    analysed(stage, recorded(tmp_path / "recorded", range(50, 100)))
    stage.analyse([each for number in range(100, 150) for each in pair(number)])

    assert stage.query(COUNTS) == [{"n": 300, "ids": 300}]
    assert stage.shadow()["pairs"] == 150


def test_a_recording_that_is_analysed_again_after_another_counts_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, two = recorded(tmp_path / "one", range(50), "w0-1"), recorded(tmp_path / "two", range(50, 100), "w0-2")
    analysed(stage, one)
    analysed(stage, two)
    analysed(stage, one)

    assert stage.query(COUNTS) == [{"n": 200, "ids": 200}]


def test_the_command_says_how_much_it_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(tmp_path)
    journal = recorded(tmp_path / "recorded", range(50))
    config, data_dir = tmp_path / ENDPOINT_FILE, tmp_path / "data"
    status = cli.main(
        ["analyze", "--from", str(journal), "--config", str(config), "--data-dir", str(data_dir), "--json"]
    )
    told = json.loads(capsys.readouterr().out)

    assert (status, told["exchanges"], told["damage"]) == (0, 100, {})
    assert stage.shadow()["agreeing"] == 50


def test_retention_waits_for_what_is_not_committed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    stage.record(pair(2))
    with stage.started() as analyst:
        while analyst.step():
            pass
        before = sweep(stage.journal, CaptureSettings(retention=1.0), FAR_FUTURE_NS)
        analyst.commit()
        after = sweep(stage.journal, CaptureSettings(retention=1.0), FAR_FUTURE_NS)

    assert (len(before.removed), before.segments) == (1, 1)
    assert (len(after.removed), after.segments) == (1, 0)
    assert sum(each.unread_records for each in (*before.removed, *after.removed)) == 0


def test_segments_that_go_before_they_are_read_cost_themselves_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pair(1))
    stage.record(pair(2))
    stage.record(pair(3))
    sorted(stage.journal.glob("*.wtj"))[1].unlink()
    stage.analyse()

    assert stage.query("SELECT DISTINCT request_id AS id FROM exchanges ORDER BY id") == [
        {"id": "000001"},
        {"id": "000003"},
    ]


@settings(max_examples=25)
@given(
    order=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40),
    restarts=st.sets(st.integers(0, 40), max_size=2),
)
def test_every_record_is_in_a_pair_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, order: Sequence[tuple[int, bool]], restarts: set[int]
) -> None:
    """Whatever comes twice, late or never, in any order."""
    stage = Stage(tmp_path_factory.mktemp("any"), {"shadows": [SHADOW]})
    for at, (number, is_primary) in enumerate(order):
        one, other = pair(number, at_s=at)
        stage.record([one if is_primary else other])
        if at in restarts:
            stage.analyse()
    with stage.started() as analyst:
        run_to_the_end(analyst)
    shown = stage.shadow()

    assert 2 * shown["pairs"] + sum(shown["unpaired"].values()) == len(order)
    assert stage.status()["exchanges"] == len(order)


SHADOW = {"name": "v2", "url": "http://127.0.0.1:8001"}

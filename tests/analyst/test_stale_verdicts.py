"""`watchtower compare` and `drift` where the analyst has not read all that was recorded, or has had nothing to read for long."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from analyst_stage import ENDPOINT_FILE, Stage
from recording import ORIGIN_NS, pair

from watchtower.cli import main
from watchtower.clock import SECOND

LENIENT = {"compare": {"budgets": {"disagreement": 0.5, "errors": None, "p50": None, "p95": None}}}
PAIRS = 100


def recorded(stage: Stage, ago_s: float, other: float | None = None) -> None:
    at_s = (time.time_ns() - ORIGIN_NS) / SECOND - ago_s
    stage.record(each for number in range(PAIRS) for each in pair(number, at_s, other=other))


def compared(stage: Stage, *more: str) -> int:
    return main(["compare", "--data-dir", str(stage.data_dir), *more])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An analyst has read pairs of two hours ago, which keep within the budgets, and has ended."""
    stage = Stage(tmp_path, LENIENT)
    recorded(stage, ago_s=7200)
    stage.analyse()
    return stage


def test_a_verdict_on_all_that_was_recorded_stands_however_old_it_is(stage: Stage) -> None:
    assert compared(stage) == 0


def test_a_verdict_is_not_decided_while_nobody_reads_what_is_recorded(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(stage, ago_s=3700)
    status = compared(stage)
    lines = capsys.readouterr().out.splitlines()

    assert (status, lines[0]) == (3, "churn/v2: UNDECIDED")
    assert lines[1] == "  STALE: it was within; the analyst has read nothing of what came since"
    assert "61m ago: it is not running, or far behind" in lines[2]


def drifted(stage: Stage) -> int:
    return main(["drift", "--data-dir", str(stage.data_dir)])


def test_no_alarm_is_known_to_stand_or_not_while_nobody_reads_what_is_recorded(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    before = drifted(stage)
    recorded(stage, ago_s=3700)
    capsys.readouterr()
    status = drifted(stage)

    assert (before, status) == (0, 3)
    assert "  STALE: it was no alarm; the analyst has read nothing of what came since" in capsys.readouterr().out


def test_json_says_since_when_a_verdict_is_stale(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(stage, ago_s=3600)
    compared(stage, "--json")
    (view,) = json.loads(capsys.readouterr().out)

    assert (view["decision"], round(time.time() - view["stale_since"], -2)) == ("undecided", 3600)


def test_json_of_a_verdict_that_stands_is_not_stale(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    compared(stage, "--json")
    (view,) = json.loads(capsys.readouterr().out)

    assert (view["decision"], view["stale_since"]) == ("within", None)


def test_what_came_just_now_makes_no_verdict_stale(stage: Stage) -> None:
    recorded(stage, ago_s=5)

    assert compared(stage) == 0


@pytest.mark.parametrize(("most", "expected"), [("1s", 3), ("2h", 0)])
def test_how_far_behind_a_verdict_may_be_is_the_callers_to_say(stage: Stage, most: str, expected: int) -> None:
    recorded(stage, ago_s=300)

    assert compared(stage, "--max-lag", most) == expected


def test_what_was_worse_stays_so_until_later_pairs_say_otherwise(tmp_path: Path) -> None:
    stage = Stage(tmp_path, LENIENT)
    recorded(stage, ago_s=7200, other=0.9)
    stage.analyse()
    recorded(stage, ago_s=3600)

    assert compared(stage) == 1


def test_an_analyst_that_reads_again_decides_again(stage: Stage) -> None:
    recorded(stage, ago_s=3600)
    stage.analyse()

    assert compared(stage) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"compare": {"budgets": {**LENIENT["compare"]["budgets"], "disagreement": 0.001}}},
        {"shadows": [{"name": name, "url": "http://127.0.0.1:8001"} for name in ("v2", "v3")]},
    ],
)
def test_what_is_configured_anew_is_judged_by_it_before_anything_comes(stage: Stage, changes: dict[str, Any]) -> None:
    stage.configure({**LENIENT, **changes})
    with stage.started() as analyst:
        stage.clock.advance(10)
        analyst.step()

    assert compared(stage) == 3


def test_a_recording_that_was_analysed_elsewhere_makes_no_verdict_stale(stage: Stage, tmp_path: Path) -> None:
    backfill, config = tmp_path / "backfill", tmp_path / ENDPOINT_FILE
    recorded(stage, ago_s=3600)
    main(["analyze", "--from", str(stage.data_dir), "--config", str(config), "--data-dir", str(backfill)])

    assert main(["compare", "--data-dir", str(backfill)]) == 0

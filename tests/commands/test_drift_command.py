import json
from pathlib import Path

import pytest
from analysed import NOON, alarm, drift, left_by_an_analyst

from watchtower.cli import main
from watchtower.commands.drift import told
from watchtower.commands.layout import WIDTH


@pytest.mark.parametrize(("alarms", "expected"), [(0, 0), (1, 1), (2, 1)])
def test_the_status_tells_whether_an_alarm_stands(
    tmp_path: Path, alarms: int, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    left_by_an_analyst(tmp_path, drift(endpoint="calm"), drift(alarms=[alarm()] * alarms))

    assert main(["drift", "--data-dir", str(tmp_path)]) == expected


def test_without_an_alarm_nothing_is_called_one() -> None:
    assert list(told(drift(quality=[], columns=[]), NOON, 5)) == [
        "churn: no alarm, held against the baseline default 1",
        "  1,440 windows, the last 2027-01-15 07:58 UTC, 70s ago; false alarms: 1 per 90d",
    ]


def test_an_alarm_says_what_since_when_how_bad_and_how_sure() -> None:
    lines = list(told(drift(alarms=[alarm()], quality=[], columns=[]), NOON, 5))

    assert lines[0] == "churn: 1 ALARM, held against the baseline default 1"
    assert lines[3:6] == [
        "  in.age: up, since 2027-01-15 07:00 UTC, 60m ago",
        "    mean +0.52 standard deviations",
        "    evidence 10^7.2 where an alarm takes 10^5.1, from 420 observations",
    ]


def test_what_is_over_again_says_since_when() -> None:
    lines = list(told(drift(cleared=[alarm(cleared=NOON - 60)], quality=[], columns=[]), NOON, 5))

    assert lines[3] == "  in.age was up: over since 2027-01-15 07:59 UTC, 60s ago"


def test_what_breaks_the_baselines_form_is_counted() -> None:
    lines = list(told(drift(columns=[]), NOON, 5))

    assert lines[-1].split() == ["in.zip", "missing", "40", "200", "was", "0.1%"]


def test_without_a_baseline_it_says_what_it_waits_for() -> None:
    view = drift(baseline=None, waiting_for="40% of the first 5000 rows have come")

    assert list(told(view, NOON, 5)) == ["churn: no baseline yet: 40% of the first 5000 rows have come"]


def test_no_line_is_too_wide() -> None:
    view = drift(alarms=[alarm(effect="x" * 300)], cleared=[alarm(cleared=NOON)])

    assert max(len(line) for line in told(view, NOON, 5)) <= WIDTH


def test_json_is_what_the_analyst_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_by_an_analyst(tmp_path, drift(alarms=[alarm()]))
    status = main(["drift", "--json", "--data-dir", str(tmp_path)])

    assert status == 1
    assert json.loads(capsys.readouterr().out)[0]["alarms"][0]["column"] == "in.age"


def test_before_anything_is_analysed_the_status_is_of_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drift", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no exchange has been analysed here yet\n"

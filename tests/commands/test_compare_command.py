import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from analysed import NOON, left_by_an_analyst, shadow, verdict, worst

from watchtower.cli import main
from watchtower.commands.compare import told
from watchtower.commands.layout import WIDTH


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        (["within"], 0),
        (["within", "within"], 0),
        (["undecided"], 3),
        (["within", "undecided"], 3),
        (["undecided", "worse"], 1),
        (["worse", "within"], 1),
    ],
)
def test_the_status_is_the_worst_shadows(
    tmp_path: Path, decisions: list[str], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    views = [shadow(shadow=f"v{number}", decision=decision) for number, decision in enumerate(decisions)]

    assert main(["compare", "--data-dir", str(left_by_an_analyst(tmp_path, *views))]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_status_is_the_same_where_nobody_reads(unbuffered: str, tmp_path: Path) -> None:
    left_by_an_analyst(tmp_path, shadow(decision="undecided"))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "watchtower", "compare", "--data-dir", str(tmp_path)]
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=20, check=False, env=environ)
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (3, b"")


def test_a_twin_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_by_an_analyst(tmp_path, shadow(twin="same"), shadow(shadow="same", is_twin=True, decision="undecided"))

    assert main(["compare", "--data-dir", str(tmp_path)]) == 0
    assert main(["compare", "--data-dir", str(tmp_path), "--shadow", "same"]) == 3


def test_a_twin_says_that_it_is_one() -> None:
    first = next(told(shadow(shadow="same", is_twin=True), NOON))

    assert first == "churn/same: WITHIN, a twin of the primary: it measures, and is not judged"


def test_a_twin_alone_decides_nothing(tmp_path: Path) -> None:
    left_by_an_analyst(tmp_path, shadow(shadow="same", is_twin=True))

    assert main(["compare", "--data-dir", str(tmp_path)]) == 3


def test_only_the_shadow_that_is_asked_about_decides(tmp_path: Path) -> None:
    left_by_an_analyst(tmp_path, shadow(), shadow(shadow="v3", decision="worse"))

    assert main(["compare", "--data-dir", str(tmp_path), "--endpoint", "churn", "--shadow", "v2", "--json"]) == 0


def test_a_name_that_begins_like_another_is_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_by_an_analyst(tmp_path, shadow(), shadow(endpoint="churn2", decision="worse"))

    assert main(["compare", "--data-dir", str(tmp_path), "--endpoint", "churn"]) == 0


def test_json_is_what_the_analyst_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "--data-dir", str(left_by_an_analyst(tmp_path, shadow())), "--json"])
    (view,) = json.loads(capsys.readouterr().out)

    assert (view["shadow"], view["verdicts"][0]["high"]) == ("v2", 0.012)


@pytest.mark.parametrize(
    "arguments", [["--endpoint", "fraud"], ["--shadow", "v9"], ["--endpoint", "churn", "--shadow", "v9"]]
)
def test_what_is_not_there_is_wrong_usage(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    left_by_an_analyst(tmp_path, shadow())

    assert main(["compare", "--data-dir", str(tmp_path), *arguments]) == 2
    assert "the analyst has told nothing about" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_before_anything_is_analysed_the_status_is_of_wrong_usage(
    tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--data-dir", str(tmp_path / folder)]) == 2


def test_a_verdict_shows_value_interval_margin_and_since_when() -> None:
    lines = list(told(shadow(), NOON))

    assert lines[:6] == [
        "churn/v2: WITHIN",
        "  9,100 pairs, 9,000 compared, 36 of those (0.4%) disagree; the last 2027-01-15 07:59 UTC, 3s ago",
        "",
        "  budget        decision  value  interval      margin  pairs  since",
        "  disagreement  within     0.4%  0.1% to 1.2%  2%      9,000  2027-01-15 06:00 UTC, 2h ago",
        "  chance that any of these is ever wrong: 1%",
    ]


def test_a_few_pairs_that_disagree_are_not_rounded_away() -> None:
    lines = list(told(shadow(pairs=100_000, compared=100_000, agreeing=99_997), NOON))

    assert "3 of those (0.003%) disagree" in lines[1]


def test_what_is_not_decided_says_how_many_more() -> None:
    open_one = verdict(budget="p95", decision="undecided", value=0.0012, low=-0.004, high=0.02, margin=0.005, more=3400)
    (line,) = [line for line in told(shadow(verdicts=[open_one]), NOON) if "p95  " in line and "undecided" in line]

    assert line.split("  ")[-1] == "needs about 3,400 more pairs"
    assert "-4ms to +20ms" in line


def test_columns_that_agree_are_not_listed() -> None:
    text = "\n".join(told(shadow(), NOON))

    assert "prediction" in text
    assert "unlike_none" not in text


def test_the_worst_pairs_are_shown_with_both_answers() -> None:
    lines = list(told(shadow(), NOON, worst=1))

    assert lines[-6:] == [
        "  req-1  2027-01-15 07:59 UTC, 60s ago  severity 2.5",
        "    what     prediction: error 0.4",
        "    latency  +3.25 ms",
        '    request  {"instances": [[1]]}',
        '    primary  {"predictions": [0]}',
        '    shadow   {"predictions": [1]}',
    ]


def test_what_a_client_sent_steers_no_terminal_and_widens_no_line() -> None:
    view = shadow(worst=[worst(request="\x1b[2J\n" + "x" * 500, request_id="\x07id")], decision="worse")
    lines = list(told(view, NOON, worst=1))

    assert max(map(len, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)

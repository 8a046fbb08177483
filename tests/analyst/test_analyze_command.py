"""`watchtower analyze` over a recording, with the exit status that a script asks for."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from analyst_stage import ENDPOINT_FILE, Stage
from recording import pair

from disks import small_disk
from watchtower.cli import main

PAIRS = 100


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.record(each for number in range(PAIRS) for each in pair(number))
    return stage


def analysed(stage: Stage, data_dir: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    config = stage.data_dir.parent / ENDPOINT_FILE
    capsys.readouterr()
    status = main(
        [
            "analyze",
            "--from",
            str(stage.data_dir),
            "--config",
            str(config),
            "--data-dir",
            str(data_dir),
            *more,
            "--json",
        ]
    )
    return status, json.loads(capsys.readouterr().out)


def test_run_again_it_goes_on_where_it_ended(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [analysed(stage, tmp_path / "backfill", capsys) for _ in range(2)]

    assert [(status, told["exchanges"]) for status, told in runs] == [(0, 2 * PAIRS), (0, 0)]


def test_a_store_that_cannot_be_written_is_told_and_nothing_is_lost(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backfill = tmp_path / "backfill"
    with small_disk(backfill / "store", "8k"):
        failed, _ = analysed(stage, backfill, capsys)

    assert failed == 1
    assert [analysed(stage, backfill, capsys)[0], main(["compare", "--data-dir", str(backfill)])] == [0, 3]
    assert f"{PAIRS} pairs" in capsys.readouterr().out


def test_a_recording_of_none_of_the_endpoints_is_wrong_usage(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.configure({"name": "fraud"})
    status, told = analysed(stage, tmp_path / "backfill", capsys)

    assert (status, told["not_configured"]) == (2, {"churn": 2 * PAIRS})


def test_a_folder_without_a_recording_is_wrong_usage(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty := tmp_path / "empty").mkdir()
    config = stage.data_dir.parent / ENDPOINT_FILE
    backfill = tmp_path / "backfill"
    status = main(["analyze", "--from", str(empty), "--config", str(config), "--data-dir", str(backfill)])

    assert (status, backfill.exists()) == (2, False)
    assert capsys.readouterr().err == f"{empty}: no journal lies here, nothing ends in .wtj\n"


def test_of_many_endpoints_one_that_is_configured_is_enough(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.record([msgspec.structs.replace(each, endpoint="fraud") for each in pair(PAIRS)], stream="w2-1")
    status, told = analysed(stage, tmp_path / "backfill", capsys)

    assert (status, told["not_configured"]) == (0, {"fraud": 2})

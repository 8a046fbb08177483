"""`watchtower report`, whose pages Evidently really draws."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from report_stage import analysed

from sidecar import DEADLINE_S, until
from watchtower.cli import main
from watchtower.reports.report import EVIDENTLY


def is_drawing(process: Path) -> bool:
    """Whether it has become Evidently's program: what starts it has its name among the arguments, too."""
    command = (process / "cmdline").read_bytes()
    return EVIDENTLY[-1].encode() in command and b"watchtower.reports.limited" not in command


@pytest.mark.slow
def test_a_report_that_is_told_to_stop_leaves_no_process_and_no_rows(tmp_path: Path) -> None:
    analysed(tmp_path, now=time.time())
    command = [sys.executable, "-m", "watchtower", "report", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert until(lambda: process.poll() is not None or children.read_text())
        drawing = Path("/proc") / children.read_text().strip()
        assert until(lambda: is_drawing(drawing))
        process.terminate()
        status = process.wait(DEADLINE_S)

    assert (status, drawing.exists()) == (143, False)
    assert list((tmp_path / "reports").rglob("*")) == [tmp_path / "reports" / "churn"]


@pytest.mark.parametrize("flags", [[], ["--endpoint", "churn"]])
def test_a_folder_that_is_not_there_is_wrong_usage(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "nowhere"

    assert main(["report", "--data-dir", str(where), *flags]) == 2
    assert capsys.readouterr().err == f"{where}: no such folder; --data-dir says where the sidecar keeps its state\n"


@pytest.mark.parametrize("flags", [[], ["--endpoint", "churn"]])
def test_a_folder_in_which_nothing_was_analysed_is_wrong_usage(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--data-dir", str(tmp_path), *flags]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no exchange has been analysed here yet\n"

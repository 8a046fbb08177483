"""`watchtower report`, whose pages Evidently really draws."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from report_stage import analysed

from sidecar import DEADLINE_S, until


@pytest.mark.slow
def test_a_report_that_is_told_to_stop_leaves_no_process_and_no_rows(tmp_path: Path) -> None:
    analysed(tmp_path, now=time.time())
    command = [sys.executable, "-m", "watchtower", "report", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert until(lambda: process.poll() is not None or children.read_text())
        drawing = Path("/proc") / children.read_text().strip()
        assert until(lambda: b"watchtower.reports.limited" not in (drawing / "cmdline").read_bytes())
        process.terminate()
        status = process.wait(DEADLINE_S)

    assert (status, drawing.exists()) == (143, False)
    assert list((tmp_path / "reports").rglob("*")) == [tmp_path / "reports" / "churn"]

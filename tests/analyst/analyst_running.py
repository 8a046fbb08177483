"""Runs an analyst over a folder that somebody else writes to, until it is killed: FOLDER. Says when it has made a step."""

import os
import sys
import time
from pathlib import Path

from analyst_stage import ENDPOINT_FILE

from watchtower.analyst.analyst import run
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.clock import Clock
from watchtower.config.load import load
from watchtower.metrics.cells import Cells


def main(folder: Path) -> None:
    config = load(folder / ENDPOINT_FILE, {})
    clock = Clock(time.monotonic_ns, time.time_ns)
    observer = AnalystCells(Cells(folder / "metrics", f"p{os.getpid()}"))

    def pause(seconds: float) -> bool:
        print("step", flush=True)  # noqa: T201  the parent reads it
        time.sleep(min(seconds, 0.01))
        return False

    with assembled(config, Path(config.data_dir), clock, observer) as analyst:
        run(analyst, pause, config.analyst.interval)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

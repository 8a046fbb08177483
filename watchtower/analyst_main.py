"""The analyst's process: reads what the workers record, until it is told to stop or nobody keeps it any more.

Run by the supervisor as `python -m watchtower.analyst_main`; control/worker_process.py says what the two have agreed on.
"""

import gc
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from watchtower.analyst.analyst import run
from watchtower.analyst.memory import MemoryBudget
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.analyst_plan import read_plan
from watchtower.clock import Clock
from watchtower.config.model import decode
from watchtower.control import logs
from watchtower.control.worker_process import BEGIN_ANEW
from watchtower.metrics.catalogue import REPORTS
from watchtower.metrics.cells import Cells
from watchtower.report_keeper import ReportKeeper, reports_kept
from watchtower.reports.report import is_installed

# The model beside us comes first: where the cores are short, the analyst waits.
NICENESS: Final = 5
COLLECT_EVERY_S: Final = 60.0  # for cycles that exceptions and libraries leave

logger = logging.getLogger(__name__)


def main() -> int:
    plan = read_plan(_read_exactly(int.from_bytes(_read_exactly(4))))
    config = decode(plan.config)
    logs.set_up(config.log, plan.process)
    os.nice(NICENESS)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    threading.Thread(target=_watch_life_line, args=(told,), daemon=True).start()
    os.set_blocking(plan.ready_fd, False)

    collect_at = [time.monotonic() + COLLECT_EVERY_S]

    def pause(seconds: float) -> bool:
        if time.monotonic() >= collect_at[0]:
            gc.collect()
            collect_at[0] = time.monotonic() + COLLECT_EVERY_S
        with suppress(BlockingIOError, BrokenPipeError):  # the supervisor has stopped reading, or is gone
            os.write(plan.ready_fd, b"1")
        return told.wait(seconds)

    clock = Clock(time.monotonic_ns, time.time_ns)
    cells = Cells(Path(plan.metrics_dir), plan.process)
    # What a batch leaves behind has no cycles; to look for some cost a third of the time (36 instead of 27 µs an exchange).
    gc.freeze()
    gc.disable()
    data_dir = Path(plan.data_dir)
    drawn = cells.counters(REPORTS)
    names = [endpoint.name for endpoint in config.endpoints]
    reports = ReportKeeper(data_dir, names, config.reports, config.store, lambda result: drawn[result].inc())
    with (
        assembled(config, data_dir, clock, AnalystCells(cells), beat=lambda: pause(0.0)) as analyst,
        reports_kept(reports, clock, can_draw=is_installed()),
    ):
        pause(0.0)
        budget = MemoryBudget(config.analyst.max_memory)
        is_relieved = run(analyst, pause, config.analyst.interval, must_begin_anew=budget.is_over)
    cells.close()
    return BEGIN_ANEW if is_relieved and not told.is_set() else 0


def _watch_life_line(told: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    if not told.is_set():
        logger.error("the supervisor is gone: stopping")
    told.set()


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            raise SystemExit("the supervisor closed the pipe before the plan was whole")
        data += part
    return data


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # all is committed and closed; the sketches' bindings would only complain of each other

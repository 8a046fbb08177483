"""The analyst over a recorded journal, in a process of its own: prints what it took, as JSON.

A script, and not a module of the benchmarks: what is measured is the installed watchtower, not the folder's.
"""

import argparse
import gc
import os
import resource
import sys
import time
from pathlib import Path

import msgspec

from watchtower.analyst.analyst import run_to_the_end
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.clock import Clock
from watchtower.config.load import from_flags
from watchtower.metrics.cells import Cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--shadow", required=True)
    options = parser.parse_args()
    config = from_flags("http://127.0.0.1:1", (f"{options.shadow}=http://127.0.0.1:2",))
    (options.data_dir / "metrics").mkdir(parents=True)
    observer = AnalystCells(Cells(options.data_dir / "metrics", "a1"))
    gc.freeze()
    gc.disable()  # as the analyst's process has it
    clock = Clock(time.monotonic_ns, time.time_ns)
    with assembled(config, options.data_dir, clock, observer, journal=options.journal) as analyst:
        began, cpu = time.monotonic(), time.process_time()
        exchanges = run_to_the_end(analyst)
        told = {
            "exchanges": exchanges,
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.monotonic() - began,
            "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    sys.stdout.write(msgspec.json.encode(told).decode())
    sys.stdout.flush()
    os._exit(0)  # the sketches' bindings have complaints at an interpreter's end, which say nothing


if __name__ == "__main__":
    main()

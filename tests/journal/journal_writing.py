"""Writes numbered records until it is killed: DIRECTORY FIRST-NUMBER. Says how many it has told to be written."""

import sys
import time
from itertools import count
from pathlib import Path

from journal_samples import Counts, exchange

from watchtower.clock import Clock
from watchtower.journal.settings import CaptureSettings
from watchtower.journal.writer import JournalWriter


class Telling(Counts):
    def written(self, records: int, size: int) -> None:
        super().written(records, size)
        print(self.records, flush=True)  # noqa: T201  the parent reads it


def main(directory: Path, first: int) -> None:
    clock = Clock(time.monotonic_ns, time.time_ns)
    settings = CaptureSettings(segment_size=400_000, max_buffer=1024 * 1024)
    writer = JournalWriter(settings, directory, f"w{first}-{time.time_ns()}", Telling(), clock)
    for number in count(first):
        while writer.buffered_bytes > 600_000:
            time.sleep(0)
        writer.offer(exchange(request_id=b"%d" % number, request_body=bytes(number % 5000)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

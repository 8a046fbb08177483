import os
import subprocess
import sys
from pathlib import Path

import pytest
from journal_samples import ids

from watchtower.journal.format import Fault
from watchtower.journal.reader import JournalReader

PROGRAM = Path(__file__).with_name("journal_writing.py")
PER_WRITER = 1_000_000


def killed_after(directory: Path, first: int, batches: int) -> int:
    """Runs a writer and kills it after some batches; gives how many records it had told of by its death."""
    command = [sys.executable, str(PROGRAM), str(directory), str(first)]
    paths = [str(PROGRAM.parent), os.environ.get("PYTHONPATH", "")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(batches)]
        process.kill()
        return int([*told, *process.stdout][-1])


@pytest.mark.slow
def test_after_kill_9_every_record_that_was_told_as_written_is_recovered(tmp_path: Path) -> None:
    told = {number * PER_WRITER: killed_after(tmp_path, number * PER_WRITER, 1 + 3 * number) for number in range(4)}
    reader = JournalReader(tmp_path)
    found = ids(entry.exchange for entry in reader.read())

    for first, records in told.items():
        mine = [number for number in found if first <= number < first + PER_WRITER]

        assert mine == list(range(first, first + len(mine)))
        assert len(mine) >= records
    assert reader.counts.faults.keys() <= {Fault.TORN}

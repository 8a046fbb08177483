from pathlib import Path

from watchtower.control.unwritten import unwritten_records
from watchtower.journal.appender import DropReason
from watchtower.metrics.catalogue import JOURNAL_DROPPED, JOURNAL_RECORDS, JOURNAL_WRITTEN
from watchtower.metrics.cells import Cells
from watchtower.record import Role


def counted(directory: Path, *, primary: int, shadow: int, written: int, dropped: int) -> int:
    """What is found missing after a worker `w1` counted this, beside another one."""
    for process in ("w1", "w11"):
        cells = Cells(directory, process)
        cells.counter(JOURNAL_RECORDS, Role.PRIMARY).inc(primary)
        cells.counter(JOURNAL_RECORDS, Role.SHADOW).inc(shadow)
        cells.counter(JOURNAL_WRITTEN).inc(written)
        cells.counter(JOURNAL_DROPPED, DropReason.DISK_FULL).inc(dropped)
        cells.close()
    return unwritten_records(directory, "w1")


def test_what_is_neither_written_nor_dropped_died_with_the_worker(tmp_path: Path) -> None:
    assert counted(tmp_path, primary=10, shadow=5, written=8, dropped=3) == 4


def test_a_worker_that_ended_well_took_nothing_with_it(tmp_path: Path) -> None:
    assert counted(tmp_path, primary=10, shadow=5, written=12, dropped=3) == 0


def test_a_worker_that_never_counted_took_nothing_with_it(tmp_path: Path) -> None:
    assert unwritten_records(tmp_path, "w1") == 0

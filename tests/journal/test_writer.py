import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from journal_samples import Counts, exchange, ids, numbered

from disks import read_only, small_disk
from watchtower.clock import Clock
from watchtower.journal.appender import DropReason
from watchtower.journal.format import MAX_PAYLOAD, Record
from watchtower.journal.segments import scan, segments
from watchtower.journal.settings import CaptureSettings
from watchtower.journal.writer import JournalWriter

CLOCK = Clock(time.monotonic_ns, time.time_ns)
DEADLINE = 10.0


@dataclass
class Watched(Counts):
    """Counts that a test can wait for."""

    changed: threading.Condition = field(default_factory=threading.Condition)

    def written(self, records: int, size: int) -> None:
        with self.changed:
            super().written(records, size)
            self.changed.notify_all()

    def dropped(self, reason: DropReason, records: int) -> None:
        with self.changed:
            super().dropped(reason, records)
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE)


@contextmanager
def writing(directory: Path, counts: Counts, **settings: Any) -> Iterator[JournalWriter]:
    writer = JournalWriter(CaptureSettings(**settings), directory, "w0-1", counts, CLOCK)
    try:
        yield writer
    finally:
        writer.close(DEADLINE)


def kept(directory: Path) -> list[int]:
    items = [item for segment in segments(directory) for item in scan(segment.path)]
    return ids(item.exchange for item in items if isinstance(item, Record))


def offer(writer: JournalWriter, count: int, first: int = 0) -> None:
    for each in numbered(count, first):
        writer.offer(each)


def test_what_is_offered_is_in_the_journal_after_the_close(tmp_path: Path) -> None:
    with writing(tmp_path, Counts()) as writer:
        offer(writer, 100)

    assert kept(tmp_path) == list(range(100))


@pytest.mark.slow
def test_what_is_offered_is_written_without_a_close(tmp_path: Path) -> None:
    counts = Watched()
    with writing(tmp_path, counts) as writer:
        offer(writer, 3)
        counts.wait_for(lambda: counts.records == 3)

        assert kept(tmp_path) == [0, 1, 2]


def test_written_records_and_bytes_are_told(tmp_path: Path) -> None:
    counts = Counts()
    with writing(tmp_path, counts) as writer:
        offer(writer, 10)
        buffered = writer.buffered_bytes

    assert (counts.records, counts.size, counts.drops) == (10, buffered, {})


def test_a_full_batch_is_written_at_once(tmp_path: Path) -> None:
    counts = Watched()
    with writing(tmp_path, counts) as writer:
        writer.offer(exchange(request_body=bytes(256 * 1024)))
        counts.wait_for(lambda: counts.records == 1)

        assert writer.buffered_bytes == 0


def test_nothing_waits_after_the_close(tmp_path: Path) -> None:
    with writing(tmp_path, Counts()) as writer:
        offer(writer, 10)

    assert (writer.buffered_bytes, writer.lag_seconds) == (0, 0.0)


def test_what_waits_is_counted_in_bytes_and_age(tmp_path: Path) -> None:
    with writing(tmp_path, Counts()) as writer:
        offer(writer, 1)

        assert (writer.buffered_bytes > 0, 0 < writer.lag_seconds < DEADLINE) == (True, True)


def test_a_full_buffer_drops_and_counts_each_record(tmp_path: Path) -> None:
    counts = Counts()
    with writing(tmp_path, counts, max_buffer=1000) as writer:
        offer(writer, 100)
    dropped = counts.drops[DropReason.BUFFER_FULL]

    assert (dropped > 90, counts.records + dropped, kept(tmp_path)) == (True, 100, list(range(100 - dropped)))


def test_the_buffer_never_exceeds_its_limit(tmp_path: Path) -> None:
    with writing(tmp_path, Counts(), max_buffer=1000) as writer:
        offer(writer, 100)

        assert writer.buffered_bytes <= 1000


def test_a_record_over_the_limit_is_dropped(tmp_path: Path) -> None:
    counts = Counts()
    with writing(tmp_path, counts) as writer:
        writer.offer(exchange(request_body=bytes(MAX_PAYLOAD)))

    assert counts.drops == {DropReason.TOO_LARGE: 1}


def test_a_record_that_cannot_be_encoded_is_dropped(tmp_path: Path) -> None:
    counts = Counts()
    with writing(tmp_path, counts) as writer:
        writer.offer(exchange(status=2**70))

    assert counts.drops == {DropReason.UNENCODABLE: 1}


def test_what_is_offered_after_the_close_is_dropped(tmp_path: Path) -> None:
    counts = Counts()
    with writing(tmp_path, counts) as writer:
        pass
    writer.offer(exchange())

    assert counts.drops == {DropReason.SHUTTING_DOWN: 1}


def test_nothing_is_offered_and_nothing_is_made(tmp_path: Path) -> None:
    with writing(tmp_path / "journal", Counts()):
        pass

    assert not (tmp_path / "journal").exists()


def test_at_the_deadline_what_still_waits_is_dropped_once(tmp_path: Path) -> None:
    blocked = threading.Event()
    counts = Counts()
    stuck = _Stuck(blocked)
    writer = JournalWriter(CaptureSettings(), tmp_path, "w0-1", counts, Clock(stuck.monotonic_ns, time.time_ns))
    offer(writer, 5)
    stuck.is_stuck = True
    writer.close(0.01)
    blocked.set()
    writer._writing.join(DEADLINE)

    assert (counts.records, counts.drops) == (0, {DropReason.SHUTTING_DOWN: 5})


@dataclass
class _Stuck:
    """A clock that holds up the writer's thread, as a disk that hangs would."""

    freed: threading.Event
    is_stuck: bool = False

    def monotonic_ns(self) -> int:
        if self.is_stuck and threading.current_thread().name == "journal":
            self.freed.wait(DEADLINE)
        return time.monotonic_ns()


def test_an_idle_writer_sleeps_until_it_is_woken(tmp_path: Path) -> None:
    with writing(tmp_path, Counts()) as writer:
        assert writer._due_in() is None


def test_an_idle_writer_with_all_on_the_disk_sleeps_until_its_segment_must_end(tmp_path: Path) -> None:
    counts = Watched()
    with writing(tmp_path, counts, fsync="never", segment_age=300.0) as writer:
        offer(writer, 1)
        counts.wait_for(lambda: counts.records == 1)

        assert 290 < (writer._due_in() or 0) <= 300


@pytest.mark.slow
def test_a_vanished_folder_is_made_again(tmp_path: Path) -> None:
    counts = Watched()
    with writing(tmp_path / "journal", counts) as writer:
        offer(writer, 1)
        counts.wait_for(lambda: counts.records == 1)
        for path in (tmp_path / "journal").iterdir():
            path.unlink()
        (tmp_path / "journal").rmdir()
        offer(writer, 1, first=1)
        counts.wait_for(lambda: counts.records == 2)

        assert kept(tmp_path / "journal") == [1]


@pytest.mark.slow
def test_a_full_disk_drops_and_writing_resumes(tmp_path: Path) -> None:
    counts = Watched()
    with small_disk(tmp_path / "disk", "64k") as disk, writing(disk, counts) as writer:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(64 * 1024))
        offer(writer, 5)
        counts.wait_for(lambda: counts.drops == {DropReason.DISK_FULL: 5})
        ballast.unlink()
        offer(writer, 2, first=5)
        counts.wait_for(lambda: counts.records == 2)

        assert kept(disk) == [5, 6]


@pytest.mark.slow
def test_a_read_only_disk_drops_and_writing_resumes(tmp_path: Path) -> None:
    counts = Watched()
    with small_disk(tmp_path / "disk", "64k") as disk, writing(disk, counts) as writer:
        with read_only(disk):
            offer(writer, 5)
            counts.wait_for(lambda: counts.drops == {DropReason.READ_ONLY: 5})
        offer(writer, 2, first=5)
        counts.wait_for(lambda: counts.records == 2)

        assert kept(disk) == [5, 6]


@pytest.mark.slow
def test_whatever_the_disk_does_every_record_is_written_or_counted(tmp_path: Path) -> None:
    counts = Counts()
    with small_disk(tmp_path / "disk", "512k") as disk:
        with writing(disk, counts, max_buffer=1024 * 1024, segment_size=100_000) as writer:
            offer(writer, 5000)

        assert (counts.records + sum(counts.drops.values()), len(kept(disk))) == (5000, counts.records)

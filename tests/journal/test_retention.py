import os
from pathlib import Path
from typing import Any

from journal_samples import append, make_appender, numbered, write_segment

from disks import read_only, small_disk
from watchtower.clock import SECOND, ManualClock
from watchtower.journal.offsets import Offsets, Position, save
from watchtower.journal.reader import JournalReader
from watchtower.journal.retention import RemovalReason, plan, sweep
from watchtower.journal.segments import Segment, Stored, hold, segments
from watchtower.journal.settings import CaptureSettings

NOW = 10**18


def stored(sequence: int, *, age: float = 0.0, size: int = 100, held: bool = False) -> Stored:
    segment = Segment.named(Path("/journal"), "w0-1", sequence)
    return Stored(segment, size, NOW - round(age * SECOND), held)


def planned(present: list[Stored], *readers: Offsets, **settings: Any) -> list[tuple[int, str, int | None]]:
    found = plan(present, readers, NOW, CaptureSettings(**settings))
    return [(each.stored.segment.sequence, each.reason.value, each.unread_from) for each in found]


def read_to(sequence: int, offset: int = 0) -> Offsets:
    return {"w0-1": Position(sequence, offset)}


def test_a_young_and_small_journal_stays() -> None:
    assert planned([stored(1), stored(2)]) == []


def test_an_old_segment_goes() -> None:
    assert planned([stored(1, age=61), stored(2, age=59)], retention=60.0) == [(1, "age", None)]


def test_an_old_segment_that_was_not_read_stays() -> None:
    assert planned([stored(1, age=61)], read_to(1, 50), retention=60.0) == []


def test_an_old_segment_that_was_read_to_its_end_goes() -> None:
    assert planned([stored(1, age=61)], read_to(1, 100), retention=60.0) == [(1, "age", None)]


def test_an_old_segment_before_the_one_being_read_goes() -> None:
    assert planned([stored(1, age=61)], read_to(2), retention=60.0) == [(1, "age", None)]


def test_every_reader_must_have_read_it() -> None:
    assert planned([stored(1, age=61)], read_to(2), read_to(1), retention=60.0) == []


def test_a_reader_that_has_not_met_the_stream_has_not_read_it() -> None:
    assert planned([stored(1, age=61)], {}, retention=60.0) == []


def test_over_the_budget_the_oldest_goes() -> None:
    assert planned([stored(1, age=1), stored(2, age=2), stored(3)], max_disk=250) == [(2, "size", None)]


def test_at_the_budget_nothing_goes() -> None:
    assert planned([stored(1), stored(2)], max_disk=200) == []


def test_what_is_old_makes_room_first() -> None:
    assert planned([stored(1, age=61), stored(2)], retention=60.0, max_disk=150) == [(1, "age", None)]


def test_over_the_budget_what_was_read_goes_before_what_is_older_and_was_not() -> None:
    present = [stored(1, age=1), stored(2, age=5)]
    readers = {"w0-1": Position(2, 0)}

    assert planned(present, readers, max_disk=100) == [(1, "size", None)]


def test_when_the_budget_demands_it_what_was_not_read_goes() -> None:
    present = [stored(1, age=3), stored(2, age=2), stored(3, age=1)]

    assert planned(present, read_to(2, 40), max_disk=100) == [(1, "size", None), (2, "size", 40)]


def test_a_segment_that_a_writer_holds_stays() -> None:
    assert planned([stored(1, age=61, held=True)], retention=60.0, max_disk=1) == []


def test_a_held_segment_counts_in_the_budget() -> None:
    assert planned([stored(1, held=True), stored(2)], max_disk=150) == [(2, "size", None)]


def test_a_sweep_removes_what_is_planned(tmp_path: Path) -> None:
    first = write_segment(tmp_path, numbered(3), sequence=1)
    second = write_segment(tmp_path, numbered(3), sequence=2)
    os.utime(first, ns=(0, 0))
    swept = sweep(tmp_path, CaptureSettings(), second.stat().st_mtime_ns)

    assert ([segment.sequence for segment in segments(tmp_path)], len(swept.removed)) == ([2], 1)


def test_a_sweep_says_what_is_left(tmp_path: Path) -> None:
    path = write_segment(tmp_path, numbered(3))
    swept = sweep(tmp_path, CaptureSettings(), path.stat().st_mtime_ns)

    assert (swept.removed, swept.segments, swept.size) == ((), 1, path.stat().st_size)


def test_records_that_are_removed_unread_are_counted(tmp_path: Path) -> None:
    path = write_segment(tmp_path, numbered(5))
    reader = JournalReader(tmp_path, "analyst")
    entries = reader.read()
    next(entries)
    next(entries)
    reader.commit()
    swept = sweep(tmp_path, CaptureSettings(max_disk=1), path.stat().st_mtime_ns)

    assert [(each.unread_records, each.removal.reason) for each in swept.removed] == [(3, RemovalReason.SIZE)]


def test_records_that_are_removed_read_are_not_counted(tmp_path: Path) -> None:
    path = write_segment(tmp_path, numbered(5))
    save(tmp_path, "analyst", {"w0-1": Position(2, 0)})
    swept = sweep(tmp_path, CaptureSettings(max_disk=1), path.stat().st_mtime_ns)

    assert [each.unread_records for each in swept.removed] == [0]


def test_a_sweep_leaves_a_segment_that_is_being_written(tmp_path: Path) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(1))

    assert sweep(tmp_path, CaptureSettings(max_disk=1), NOW).removed == ()


def test_a_sweep_leaves_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    save(tmp_path, "analyst", {})
    sweep(tmp_path, CaptureSettings(max_disk=1), NOW * 2)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["analyst.offsets.json", "notes.txt"]


def test_a_sweep_removes_what_a_killed_writer_left_half_made(tmp_path: Path) -> None:
    path = tmp_path / ".w0-1.00000001.wtj.tmp"
    path.touch()
    sweep(tmp_path, CaptureSettings(), path.stat().st_mtime_ns + 3601 * SECOND)

    assert list(tmp_path.iterdir()) == []


def test_a_sweep_leaves_what_is_just_being_made(tmp_path: Path) -> None:
    path = tmp_path / ".w0-1.00000001.wtj.tmp"
    path.touch()
    sweep(tmp_path, CaptureSettings(), path.stat().st_mtime_ns)

    assert list(tmp_path.iterdir()) == [path]


def test_a_sweep_leaves_what_a_writer_holds_whatever_the_clock_says(tmp_path: Path) -> None:
    path = tmp_path / ".w0-1.00000001.wtj.tmp"
    with path.open("wb") as file:
        hold(file.fileno())
        sweep(tmp_path, CaptureSettings(), path.stat().st_mtime_ns + 8 * 86_400 * SECOND)

    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_needs_no_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "journal", CaptureSettings(), NOW).segments == 0


def test_what_cannot_be_removed_is_not_told_as_removed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        write_segment(disk, numbered(1))
        with read_only(disk):
            swept = sweep(disk, CaptureSettings(max_disk=1), NOW)

    assert (swept.removed, swept.segments) == ((), 1)

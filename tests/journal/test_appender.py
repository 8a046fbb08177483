import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_samples import append, ids, make_appender, numbered

from disks import read_only, small_disk
from watchtower.clock import SECOND, ManualClock
from watchtower.journal.appender import Appended, Appender, DropReason
from watchtower.journal.format import Damage, Record, encode
from watchtower.journal.segments import scan, segments


def names(directory: Path) -> list[str]:
    return [segment.path.name for segment in segments(directory)]


def kept(directory: Path) -> list[int]:
    """The ids of all records, segment by segment; there is no damage."""
    items = [item for segment in segments(directory) for item in scan(segment.path)]

    assert not [item for item in items if isinstance(item, Damage)]
    return ids(item.exchange for item in items if isinstance(item, Record))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_no_segment_is_made_before_the_first_batch(tmp_path: Path, clock: ManualClock) -> None:
    make_appender(tmp_path / "journal", clock)

    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("stream", ["", "w0.1", "../w0", "w 0"])
def test_a_stream_that_no_reader_would_find_is_refused(tmp_path: Path, clock: ManualClock, stream: str) -> None:
    with pytest.raises(ValueError, match="letters, digits, - and _ only"):
        make_appender(tmp_path, clock, stream=stream)


def test_a_batch_is_appended_whole(tmp_path: Path, clock: ManualClock) -> None:
    size = len(b"".join(map(encode, numbered(3))))

    assert append(make_appender(tmp_path, clock), numbered(3)) == Appended(3, size)


def test_batches_share_a_segment(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock)
    append(appender, numbered(2))
    append(appender, numbered(2, first=2))

    assert (names(tmp_path), kept(tmp_path)) == (["w0-1.00000001.wtj"], [0, 1, 2, 3])


def test_a_batch_that_does_not_fit_begins_a_segment(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, segment_size=600)
    for each in numbered(4):
        append(appender, [each])

    assert (len(names(tmp_path)), kept(tmp_path)) == (2, [0, 1, 2, 3])


def test_a_batch_larger_than_a_segment_has_one_of_its_own(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, segment_size=10)
    append(appender, numbered(3))
    append(appender, numbered(1, first=3))

    assert (len(names(tmp_path)), kept(tmp_path)) == (2, [0, 1, 2, 3])


def test_an_old_segment_is_ended_before_the_next_batch(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, segment_age=300.0)
    append(appender, numbered(1))
    clock.advance(300)
    append(appender, numbered(1, first=1))

    assert (len(names(tmp_path)), kept(tmp_path)) == (2, [0, 1])


def test_an_old_segment_is_ended_without_a_next_batch(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, segment_age=300.0, fsync="never")
    append(appender, numbered(1))
    clock.advance(300)
    appender.tend()

    assert appender.due_ns is None


def test_a_restarted_writer_begins_behind_its_old_segments(tmp_path: Path, clock: ManualClock) -> None:
    append(make_appender(tmp_path, clock), numbered(1))
    append(make_appender(tmp_path, clock), numbered(1, first=1))

    assert names(tmp_path) == ["w0-1.00000001.wtj", "w0-1.00000002.wtj"]


def test_nothing_is_due_while_no_segment_is_open(tmp_path: Path, clock: ManualClock) -> None:
    assert make_appender(tmp_path, clock).due_ns is None


def test_a_sync_is_due_an_interval_after_the_first_write(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, fsync=1.0)
    append(appender, numbered(1))
    clock.advance(0.5)
    append(appender, numbered(1))

    assert appender.due_ns == SECOND


def test_after_a_sync_only_the_roll_is_due(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, fsync=1.0, segment_age=300.0)
    append(appender, numbered(1))
    clock.advance(1)
    appender.tend()

    assert appender.due_ns == 300 * SECOND


def test_without_syncs_only_the_roll_is_due(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, fsync="never", segment_age=300.0)
    append(appender, numbered(1))

    assert appender.due_ns == 300 * SECOND


def test_a_segment_whose_name_is_gone_is_left_for_a_new_one(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path / "journal", clock)
    append(appender, numbered(1))
    shutil.rmtree(tmp_path / "journal")
    append(appender, numbered(1, first=1))

    assert (names(tmp_path / "journal"), kept(tmp_path / "journal")) == (["w0-1.00000002.wtj"], [1])


def test_a_folder_that_cannot_be_made_again_drops_the_batch(tmp_path: Path, clock: ManualClock) -> None:
    directory = tmp_path / "journal"
    appender = make_appender(directory, clock)
    append(appender, numbered(1))
    shutil.rmtree(directory)
    directory.write_text("a file lies in its place")

    assert append(appender, numbered(2)) == Appended(0, 0, 2, DropReason.DIRECTORY_GONE)


def test_writing_resumes_once_the_folder_can_be_made_again(tmp_path: Path, clock: ManualClock) -> None:
    directory = tmp_path / "journal"
    directory.write_text("a file lies in its place")
    appender = make_appender(directory, clock)
    append(appender, numbered(2))
    directory.unlink()
    append(appender, numbered(1, first=2))

    assert (names(directory), kept(directory)) == (["w0-1.00000001.wtj"], [2])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "64k") as path:
        yield path


def test_on_a_full_disk_whole_records_are_kept_and_the_others_dropped(disk: Path, clock: ManualClock) -> None:
    appender = make_appender(disk, clock)
    found = append(appender, numbered(1000))

    assert (found.records + found.lost, found.reason, kept(disk)) == (
        1000,
        DropReason.DISK_FULL,
        list(range(found.records)),
    )


def test_a_disk_that_stays_full_drops_all(disk: Path, clock: ManualClock) -> None:
    appender = make_appender(disk, clock)
    (disk / "ballast").write_bytes(bytes(64 * 1024))

    assert append(appender, numbered(5)) == Appended(0, 0, 5, DropReason.DISK_FULL)


def test_a_full_disk_leaves_no_leftovers(disk: Path, clock: ManualClock) -> None:
    appender = make_appender(disk, clock)
    (disk / "ballast").write_bytes(bytes(64 * 1024))
    append(appender, numbered(5))

    assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_writing_resumes_once_there_is_room(disk: Path, clock: ManualClock) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(48 * 1024))
    appender = make_appender(disk, clock)
    first = append(appender, numbered(1000))
    ballast.unlink()
    append(appender, numbered(2, first=1000))

    assert kept(disk) == [*range(first.records), 1000, 1001]


def test_a_read_only_disk_drops_the_batch(disk: Path, clock: ManualClock) -> None:
    appender = make_appender(disk, clock)
    with read_only(disk):
        assert append(appender, numbered(2)) == Appended(0, 0, 2, DropReason.READ_ONLY)


def test_writing_resumes_once_the_disk_can_be_written(disk: Path, clock: ManualClock) -> None:
    appender = make_appender(disk, clock)
    with read_only(disk):
        append(appender, numbered(2))
    append(appender, numbered(1, first=2))

    assert (names(disk), kept(disk)) == (["w0-1.00000001.wtj"], [2])


def test_a_file_at_its_largest_size_is_left_for_a_new_one(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        first = append(appender, numbered(100))
        second = append(appender, numbered(2, first=100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert (first.reason, second.reason, kept(tmp_path)) == (
        DropReason.DISK_FULL,
        None,
        [*range(first.records), 100, 101],
    )


def make_unsyncable(appender: Appender) -> None:
    """Puts a pipe in the open segment's place: the kernel refuses to sync one."""
    assert appender._open
    ends = os.pipe()
    os.dup2(ends[1], appender._open.file)
    for end in ends:
        os.close(end)


def test_a_sync_that_fails_leaves_its_records_in_doubt(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, fsync=1.0)
    append(appender, numbered(3))
    make_unsyncable(appender)
    clock.advance(1)
    appender.tend()

    assert (appender.take_doubtful(), appender.take_doubtful()) == (3, 0)


def test_after_a_failed_sync_a_new_segment_is_begun(tmp_path: Path, clock: ManualClock) -> None:
    appender = make_appender(tmp_path, clock, fsync=1.0)
    append(appender, numbered(1))
    make_unsyncable(appender)
    clock.advance(1)
    appender.tend()
    append(appender, numbered(1, first=1))

    assert (len(names(tmp_path)), kept(tmp_path)) == (2, [0, 1])

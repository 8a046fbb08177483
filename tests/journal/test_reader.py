import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from journal_samples import append, ids, make_appender, numbered, write_segment

from watchtower.clock import ManualClock
from watchtower.errors import JournalError
from watchtower.journal.format import Fault, encode
from watchtower.journal.offsets import Position, load, load_all, save
from watchtower.journal.reader import Entry, JournalReader
from watchtower.journal.segments import READ_SIZE


def read(reader: JournalReader) -> list[int]:
    return ids(entry.exchange for entry in reader.read())


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[JournalReader]:
    found = JournalReader(tmp_path)
    yield found
    found.close()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read(JournalReader(tmp_path / "journal")) == []


def test_a_stream_is_read_from_segment_to_segment(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(2), sequence=1)
    write_segment(tmp_path, numbered(2, first=2), sequence=2)

    assert read(reader) == [0, 1, 2, 3]


def test_every_stream_is_read(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(2), stream="w0-1")
    write_segment(tmp_path, numbered(2, first=2), stream="w1-1")

    assert read(reader) == [0, 1, 2, 3]


def test_streams_are_merged_by_the_time_when_requests_began(tmp_path: Path, reader: JournalReader) -> None:
    every = numbered(6)
    write_segment(tmp_path, every[::2], stream="w0-1")
    write_segment(tmp_path, every[1::2], stream="w1-1")

    assert read(reader) == [0, 1, 2, 3, 4, 5]


def test_a_stream_that_ended_before_another_began_is_read_first(tmp_path: Path, reader: JournalReader) -> None:
    many = READ_SIZE // len(encode(numbered(1)[0])) * 2
    write_segment(tmp_path, numbered(many, first=many), stream="w0-1")
    write_segment(tmp_path, numbered(many), stream="w1-1")

    assert read(reader) == list(range(2 * many))


def test_a_commit_between_two_streams_records_skips_nothing(tmp_path: Path) -> None:
    every = numbered(6)
    write_segment(tmp_path, every[::2], stream="w0-1")
    write_segment(tmp_path, every[1::2], stream="w1-1")
    first = JournalReader(tmp_path, "analyst")
    taken = [entry.exchange.request_id for entry in islice(first.read(), 3)]
    first.commit()
    first.close()

    rest = JournalReader(tmp_path, "analyst")
    taken += [entry.exchange.request_id for entry in rest.read()]
    rest.close()

    assert taken == [one.request_id for one in every]


def test_what_was_read_does_not_come_again(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(2))
    read(reader)

    assert read(reader) == []


def test_what_a_writer_appends_comes_next(tmp_path: Path, reader: JournalReader) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(2))
    first = read(reader)
    append(appender, numbered(2, first=2))

    assert (first, read(reader)) == ([0, 1], [2, 3])


def test_a_segment_that_rolled_is_followed_into_the_next(tmp_path: Path, reader: JournalReader) -> None:
    appender = make_appender(tmp_path, ManualClock(), segment_size=10)
    found = []
    for each in numbered(3):
        append(appender, [each])
        found += read(reader)

    assert found == [0, 1, 2]


def test_an_entry_knows_its_place(tmp_path: Path, reader: JournalReader) -> None:
    path = write_segment(tmp_path, numbered(1), sequence=7)

    assert list(reader.read()) == [Entry(numbered(1)[0], "w0-1", Position(7, path.stat().st_size))]


def test_a_record_that_is_being_written_is_waited_for(tmp_path: Path, reader: JournalReader) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(1))
    frame = encode(numbered(1, first=1)[0])
    appender.append([frame[:50]], 0)
    first = read(reader)
    appender.append([frame[50:]], 1)

    assert (first, read(reader), reader.counts.faults.total()) == ([0], [1], 0)


def test_a_torn_tail_that_nobody_holds_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(2), tail=encode(numbered(1)[0])[:50])

    assert (read(reader), reader.counts.faults, reader.counts.skipped_bytes) == ([0, 1], {Fault.TORN: 1}, 50)


def test_a_torn_tail_before_a_later_segment_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1), sequence=1, tail=encode(numbered(1)[0])[:50])
    write_segment(tmp_path, numbered(1, first=1), sequence=2)

    assert (read(reader), reader.counts.faults) == ([0, 1], {Fault.TORN: 1})


def test_a_torn_tail_is_counted_once(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1), tail=b"\xc1WR")
    read(reader)
    read(reader)

    assert reader.counts.faults == {Fault.TORN: 1}


def test_a_torn_end_that_the_writer_cut_away_is_a_clean_end(tmp_path: Path, reader: JournalReader) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(1))
    appender.append([encode(numbered(1)[0])[:50]], 0)
    read(reader)
    appender._give_up(b"")
    path = next(tmp_path.iterdir())
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 50)

    assert (read(reader), reader.counts.faults.total()) == ([], 0)


def test_damage_is_skipped_and_counted(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1), tail=bytes(100) + encode(numbered(1, first=1)[0]))

    assert (read(reader), reader.counts.faults, reader.counts.skipped_bytes) == ([0, 1], {Fault.BAD_MARKER: 1}, 100)


def test_records_are_counted(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(5))
    read(reader)

    assert reader.counts.records == 5


def test_a_segment_that_was_removed_before_it_was_read_is_counted(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1), sequence=1)
    read(reader)
    write_segment(tmp_path, numbered(1, first=3), sequence=4)

    assert (read(reader), reader.counts.missing_segments) == ([3], 2)


def test_segments_that_were_removed_before_the_first_reading_are_not_missed(
    tmp_path: Path, reader: JournalReader
) -> None:
    write_segment(tmp_path, numbered(1), sequence=4)

    assert (read(reader), reader.counts.missing_segments) == ([0], 0)


def test_a_reader_resumes_where_it_committed(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(5))
    first = JournalReader(tmp_path, "analyst")
    list(islice(first.read(), 3))
    first.commit()
    first.close()

    assert read(JournalReader(tmp_path, "analyst")) == [3, 4]


def test_what_was_not_committed_comes_again(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(3))
    read(JournalReader(tmp_path, "analyst"))

    assert read(JournalReader(tmp_path, "analyst")) == [0, 1, 2]


def test_a_place_taken_earlier_can_be_committed_later(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(3))
    first = JournalReader(tmp_path, "analyst")
    entries = first.read()
    next(entries)
    place = first.positions
    list(entries)
    first.commit(place)

    assert read(JournalReader(tmp_path, "analyst")) == [1, 2]


def test_readers_do_not_share_their_places(tmp_path: Path) -> None:
    write_segment(tmp_path, numbered(1))
    first = JournalReader(tmp_path, "analyst")
    read(first)
    first.commit()

    assert read(JournalReader(tmp_path, "export")) == [0]


def test_a_reader_without_a_name_leaves_no_trace(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1))
    read(reader)
    reader.commit()

    assert [path.name for path in tmp_path.iterdir()] == ["w0-1.00000001.wtj"]


def test_a_final_segment_that_was_read_to_its_end_is_behind_the_place(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(1), sequence=3)
    read(reader)

    assert reader.positions == {"w0-1": Position(4, 0)}


def test_a_stream_without_segments_is_forgotten(tmp_path: Path, reader: JournalReader) -> None:
    path = write_segment(tmp_path, numbered(1))
    write_segment(tmp_path, numbered(2), stream="w2-1")
    read(reader)
    path.unlink()
    read(reader)

    assert list(reader.positions) == ["w2-1"]


def test_a_folder_that_was_away_for_a_look_is_not_read_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    write_segment(journal, numbered(2))
    reader = JournalReader(journal, None)
    first = read(reader)
    journal.rename(tmp_path / "away")
    meanwhile = read(reader)
    (tmp_path / "away").rename(journal)

    assert (len(first), meanwhile, read(reader)) == (2, [], [])


def test_a_damaged_offsets_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "analyst.offsets.json").write_text("{")

    with pytest.raises(JournalError, match=r"analyst\.offsets\.json .*; remove it to read from the beginning"):
        JournalReader(tmp_path, "analyst")


def test_a_reader_that_never_committed_begins_at_the_beginning(tmp_path: Path) -> None:
    assert load(tmp_path, "analyst") == {}


def test_offsets_are_found_by_reader(tmp_path: Path) -> None:
    save(tmp_path, "analyst", {"w0-1": Position(1, 2)})
    save(tmp_path, "export", {})

    assert load_all(tmp_path) == {"analyst": {"w0-1": Position(1, 2)}, "export": {}}


def test_a_damaged_offsets_file_counts_as_nothing_read(tmp_path: Path) -> None:
    (tmp_path / "analyst.offsets.json").write_text("{")

    assert load_all(tmp_path) == {"analyst": {}}


def test_following_finds_what_is_appended_while_it_waits(tmp_path: Path, reader: JournalReader) -> None:
    appender = make_appender(tmp_path, ManualClock())
    append(appender, numbered(1))
    followed = reader.follow(0.001, threading.Event())
    first = next(followed)
    append(appender, numbered(1, first=1))

    assert ids([first.exchange, next(followed).exchange]) == [0, 1]


def test_following_ends_when_it_is_stopped(tmp_path: Path, reader: JournalReader) -> None:
    write_segment(tmp_path, numbered(2))
    stopped = threading.Event()
    stopped.set()

    assert ids(entry.exchange for entry in reader.follow(60.0, stopped)) == [0, 1]

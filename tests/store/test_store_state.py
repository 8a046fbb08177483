import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import BEGAN, entry

from watchtower.journal.offsets import Position
from watchtower.store import migrations
from watchtower.store.database import NAME, Access
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.inbox import InboxLabel
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.store import Store


def test_what_is_committed_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(
            offsets={"w1": Position(3, 70)},
            documents={"drift/churn": b"{}"},
            blobs={"detector/churn": b"\x00\xff"},
            files=[entry(1)],
            counters={"pairs": 2},
            labels_taken=5,
        )
    with State(tmp_path, Access.READ) as state:
        assert state.offsets == {"w1": Position(3, 70)}
        assert (state.document("drift/churn"), state.blob("detector/churn")) == (b"{}", b"\x00\xff")
        assert state.files() == [entry(1)]
        assert (state.counters(), state.labels_taken) == ({"pairs": 2}, 5)


def test_a_fresh_one_holds_nothing(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        assert (state.offsets, state.files(), state.counters(), state.labels_taken) == ({}, [], {}, 0)
        assert (state.blob("x"), state.document("x"), state.blobs(), state.next_sequence()) == (None, None, {}, 1)


def test_a_commit_that_fails_changes_nothing(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(offsets={"w1": Position(1)}, files=[entry(1)], counters={"pairs": 1})
        with pytest.raises(StoreError):
            state.commit(offsets={"w1": Position(2)}, blobs={"a": b"1"}, counters={"pairs": 1}, files=[entry(1)])

        assert (state.offsets, state.blobs(), state.counters()) == ({"w1": Position(1)}, {}, {"pairs": 1})


def test_offsets_replace_those_that_were(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(offsets={"w1": Position(1), "w2": Position(1)})
        state.commit(offsets={"w2": Position(2)})
        state.commit(counters={"pairs": 1})

        assert state.offsets == {"w2": Position(2)}


def test_counters_are_added_up(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(counters={"pairs": 2, "rows": 1})
        state.commit(counters={"pairs": 3})

        assert state.counters() == {"pairs": 5, "rows": 1}


def test_none_takes_a_name_away(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(blobs={"a": b"1", "b": b"2"}, documents={"c": b"3"})
        state.commit(blobs={"a": None}, documents={"c": None})

        assert (state.blobs(), state.documents()) == ({"b": b"2"}, {})


def test_names_are_found_by_how_they_begin(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(blobs={"pair/a%": b"1", "pair/a_b": b"2", "window/a": b"3"})

        assert (list(state.blobs("pair/")), list(state.blobs("pair/a_"))) == (["pair/a%", "pair/a_b"], ["pair/a_b"])


def test_a_reader_sees_what_is_committed_while_it_is_open(tmp_path: Path) -> None:
    with State(tmp_path) as state, State(tmp_path, Access.READ) as reader:
        state.commit(counters={"pairs": 1})

        assert reader.counters() == {"pairs": 1}


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with State(tmp_path), State(tmp_path, Access.READ) as reader, pytest.raises(StoreError) as caught:
        reader.commit(counters={"pairs": 1})

    assert caught.value.fault is StoreFault.READ_ONLY


def test_where_no_analyst_has_been_a_reader_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        State(tmp_path, Access.READ)

    assert caught.value.fault is StoreFault.FOLDER_GONE
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_was_removed_is_not_written_on_in_silence(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        (tmp_path / NAME).unlink()
        with pytest.raises(StoreError) as caught:
            state.commit(counters={"pairs": 1})

    assert caught.value.fault is StoreFault.FOLDER_GONE


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError) as caught:
        State(tmp_path)

    assert caught.value.fault is StoreFault.DAMAGED


def test_a_sequence_is_never_given_twice(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(files=[entry(1), entry(7)])
        state.replace([entry(7)], [], BEGAN, {})

        assert state.next_sequence() == 8


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="a later one has changed it"):
        State(tmp_path)


def test_an_earlier_version_is_brought_up_to_date_with_all_that_it_holds() -> None:
    first = ("CREATE TABLE a (x INTEGER); CREATE TABLE b (y INTEGER DEFAULT 3);",)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, first)
        connection.execute("INSERT INTO a VALUES (1)")
        migrations.migrate(connection, (*first, "ALTER TABLE a ADD COLUMN z INTEGER DEFAULT 7"))

        assert (connection.execute("SELECT * FROM a").fetchall(), migrations.version(connection)) == ([(1, 7)], 2)


@pytest.mark.parametrize("left", [0, 2])
def test_labels_from_before_they_named_endpoints_keep_their_numbers(tmp_path: Path, left: int) -> None:
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as connection:
        migrations.migrate(connection, migrations.STEPS[:1])
        connection.executemany(
            "INSERT INTO labels_inbox (request_id, row, value, at_ns) VALUES (?, 0, ?, 5)",
            [(f"r{n}", b"1") for n in range(3)],
        )
        connection.execute("DELETE FROM labels_inbox WHERE number > ?", (left,))

    with State(tmp_path) as state:
        state.labels.put([InboxLabel("new", 0, True, 6)])

        assert [(label.request_id, label.number, label.endpoint) for label in state.labels.after(0, 10)] == [
            *((f"r{n}", n + 1, "") for n in range(left)),
            ("new", 4, ""),
        ]


def test_a_step_that_fails_takes_the_steps_before_it_back() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.Error):
            migrations.migrate(connection, ("CREATE TABLE a (x INTEGER)", "CREATE TABLE a (x INTEGER)"))

        assert (connection.execute("SELECT * FROM sqlite_schema").fetchall(), migrations.version(connection)) == ([], 0)


def test_nobody_else_may_read_what_people_sent(tmp_path: Path) -> None:
    with Store(tmp_path / "data", StoreSettings()) as store:
        store.commit(documents={"status/churn": b"{}"})
        found = [tmp_path / "data" / "store", *(tmp_path / "data").glob("state.db*")]

        assert [path.name for path in found if path.stat().st_mode & 0o077] == []

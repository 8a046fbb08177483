import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import BEGAN, DAY, HOUR, asked, keep_rows, on_disk, opened

from watchtower.clock import SECOND
from watchtower.store.database import NAME
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.files import FOLDER
from watchtower.store.query import Query
from watchtower.store.retention import RemovalReason
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.store import Store

DUE = BEGAN + HOUR + 900 * SECOND
GRACE = 601 * SECOND
COUNT = "SELECT count(*) AS rows, count(DISTINCT request_id) AS ids FROM rows"


def test_a_merge_changes_nothing_that_a_query_sees(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        for number in range(5):
            keep_rows(store, number)
        step = housekeeper.step(DUE)

    assert (step.files, step.is_done) == (1, True)
    assert asked(tmp_path, COUNT) == [{"rows": 5, "ids": 5}]


def test_a_query_that_began_before_a_merge_reads_to_its_end(tmp_path: Path) -> None:
    settings = StoreSettings()
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1)
        keep_rows(store, 2)
        with Query(tmp_path, settings) as query:
            housekeeper.step(DUE)
            housekeeper.step(DUE + GRACE - 2 * SECOND)
            found = query.run(COUNT).table().to_pylist()

    assert found == [{"rows": 2, "ids": 2}]


def test_files_that_were_merged_are_taken_away_a_while_later(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1)
        keep_rows(store, 2)
        before = housekeeper.step(DUE)
        after = housekeeper.step(DUE + GRACE)
        present = {entry.path for entry in store.state.files()}

    assert (before.buried, after.buried) == (0, 2)
    assert on_disk(tmp_path) == present


def test_what_is_old_is_removed_and_its_rows_are_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1, 2)
        keep_rows(store, 3, at_ns=BEGAN + 31 * DAY)
        step = housekeeper.step(BEGAN + 31 * DAY)
        counters = store.state.counters()

    assert [removal.reason for removal in step.removed] == [RemovalReason.AGE]
    assert counters == {"store.removed_rows.rows.age": 2}
    assert asked(tmp_path, "SELECT request_id FROM rows") == [{"request_id": "3"}]


def test_a_file_that_cannot_be_merged_is_taken_out_and_the_rest_is_merged(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        (spoilt,) = keep_rows(store, 1)
        keep_rows(store, 2)
        keep_rows(store, 3)
        (tmp_path / FOLDER / spoilt.path).write_bytes(b"no Parquet")
        first, second = housekeeper.step(DUE), housekeeper.step(DUE)

    assert [(removal.entry, removal.reason) for removal in first.removed] == [(spoilt, RemovalReason.DAMAGED)]
    assert (second.files, asked(tmp_path, COUNT)) == (1, [{"rows": 2, "ids": 2}])


def test_what_a_crash_left_between_writing_and_commit_is_removed_when_it_is_opened(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (kept,) = keep_rows(store, 1)
        store.tables.add(kept.table, "churn", {"started": [BEGAN], "request_id": ["2"]}, now_ns=BEGAN)
        (lost,) = store.tables.flush()
        half = tmp_path / FOLDER / f"{lost.path}.tmp"
        half.write_bytes(b"PAR1")
    with opened(tmp_path) as store:
        assert sorted(store.strangers) == [lost.path, f"{lost.path}.tmp"]
        assert on_disk(tmp_path) == {kept.path}


def test_doomed_files_outlive_a_restart_as_long_as_a_query_may_need_them(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1)
        keep_rows(store, 2)
        housekeeper.step(DUE)
    with opened(tmp_path) as store:
        assert (store.strangers, len(on_disk(tmp_path))) == ([], 3)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match="another analyst writes here") as caught:
        Store(tmp_path, StoreSettings())

    assert caught.value.fault is StoreFault.BUSY


def test_a_commit_that_failed_is_made_true_by_the_next_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        database = tmp_path / "state.db"
        database.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError):
            keep_rows(store, 1)
        (tmp_path / "elsewhere").rename(database)
        keep_rows(store, 2)

    assert asked(tmp_path, COUNT) == [{"rows": 2, "ids": 2}]


def test_a_column_in_two_spellings_keeps_all_its_values(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1, in_Age=[1])
        keep_rows(store, 2, in_age=[2])
        keep_rows(store, 3, in_age=[3])
        housekeeper.step(DUE)

    found = asked(tmp_path, 'SELECT "in.age" AS age FROM rows ORDER BY age')
    assert [row["age"] for row in found] == [1, 2, 3]


def test_a_merge_that_could_not_be_committed_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        for number in range(3):
            keep_rows(store, number)
        before = on_disk(tmp_path)
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                housekeeper.step(DUE)
        after = on_disk(tmp_path)
        healed = housekeeper.step(DUE)

    assert after == before
    assert healed.files == 1


def test_without_its_state_no_file_of_the_store_is_taken_for_a_leaving(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1)
    kept = on_disk(tmp_path)
    aside = tmp_path / "aside"
    aside.mkdir()
    for path in list(tmp_path.glob("state.db*")):
        path.rename(aside / path.name)

    with pytest.raises(StoreError, match="is gone, and 1 files lie in") as caught, opened(tmp_path):
        pass
    for path in list(aside.iterdir()):
        path.rename(tmp_path / path.name)

    assert caught.value.fault is StoreFault.FOLDER_GONE
    assert on_disk(tmp_path) == kept
    assert asked(tmp_path, COUNT) == [{"rows": 1, "ids": 1}]


@pytest.mark.parametrize("left", [None, b""])
def test_nobody_else_begins_a_state_anew_where_files_lie(left: bytes | None, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1)
    for path in list(tmp_path.glob("state.db*")):
        path.unlink()
    if left is not None:
        (tmp_path / NAME).write_bytes(left)
    before = on_disk(tmp_path)

    with pytest.raises(StoreError, match="put it back, or move") as caught:
        State(tmp_path)
    with pytest.raises(StoreError), opened(tmp_path):
        pass

    assert caught.value.fault is StoreFault.FOLDER_GONE
    assert (tmp_path / NAME).exists() == (left is not None)
    assert on_disk(tmp_path) == before


def test_a_whole_store_beneath_a_state_that_knows_none_of_it_is_no_leaving(tmp_path: Path) -> None:
    State(tmp_path).close()
    (tmp_path / FOLDER).mkdir()
    for number in range(501):
        (tmp_path / FOLDER / f"{number}.parquet").touch()

    with pytest.raises(StoreError, match="knows none of the 501 files") as refused, opened(tmp_path):
        pass

    assert len(on_disk(tmp_path)) == 501
    held = [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    # Not even while the error is looked at, which holds whoever raised it.
    assert (refused.typename, [path for path in held if tmp_path in path.parents]) == ("StoreError", [])


def test_what_left_the_manifest_under_a_wrong_clock_is_buried_by_the_right_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        keep_rows(store, 1)
        housekeeper.step(BEGAN + 30_000 * DAY)
        step = housekeeper.step(BEGAN + DAY)

    assert (step.buried, on_disk(tmp_path)) == (1, set())

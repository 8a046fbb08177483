from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from store_samples import BEGAN, HOUR, entry, exchanges, flip_a_byte, rows

from watchtower.clock import SECOND
from watchtower.store.compact import DamagedFileError, Merge, merge, plan
from watchtower.store.files import FileEntry
from watchtower.store.schemas import TableName, Type
from watchtower.store.settings import StoreSettings
from watchtower.store.tables import TableWriter

SETTINGS = StoreSettings(compact_after=60, compact_size=100)
DUE = BEGAN + HOUR + 60 * SECOND


def planned(*present: FileEntry, now_ns: int = DUE) -> list[list[int]]:
    return [[each.sequence for each in chosen.files] for chosen in plan(present, now_ns, SETTINGS)]


def test_the_files_of_an_hour_that_ended_become_one() -> None:
    assert planned(entry(2), entry(1), entry(3)) == [[1, 2, 3]]


def test_an_hour_that_did_not_end_long_enough_ago_is_left_alone() -> None:
    assert planned(entry(1), entry(2), now_ns=DUE - 1) == []


def test_one_file_alone_is_left_as_it_is() -> None:
    assert planned(entry(1)) == []


def test_tables_endpoints_and_hours_are_not_mixed() -> None:
    others = [entry(2, endpoint="fraud"), entry(3, table=TableName.LABELS), entry(4, age_ns=HOUR)]

    assert planned(entry(1), *others) == []


def test_the_oldest_hours_come_first() -> None:
    assert planned(entry(1), entry(2), entry(3, age_ns=HOUR), entry(4, age_ns=HOUR)) == [[3, 4], [1, 2]]


def test_a_file_of_half_the_wanted_size_is_not_written_again() -> None:
    assert planned(entry(1, size=51), entry(2, size=50), entry(3, size=2)) == [[2, 3]]


def test_a_merged_file_does_not_outgrow_the_wanted_size() -> None:
    assert planned(*(entry(number, size=40) for number in range(1, 6))) == [[1, 2], [3, 4]]


def test_files_whose_columns_disagree_are_merged_apart() -> None:
    kinds = [Type.INTEGER, Type.TEXT, Type.INTEGER, Type.TEXT]

    assert planned(*(entry(at, columns={"in.a": kind}) for at, kind in enumerate(kinds))) == [[0, 2], [1, 3]]


def written(directory: Path, **columns: list[object]) -> list[FileEntry]:
    """A file for each column, of a row for each value."""
    files: list[FileEntry] = []
    for number, (name, values) in enumerate(columns.items()):
        tables = TableWriter(directory, SETTINGS, iter([number]))
        numbers = range(number * 10, number * 10 + len(values))
        tables.add(TableName.ROWS, "churn", rows(*numbers, more={f"in.{name}": values}), now_ns=BEGAN)
        files += tables.flush()
    return files


def test_a_merged_file_holds_every_row_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = written(tmp_path, a=[1, 2], b=["x"])
    merged = merge(tmp_path, Merge(tuple(files)), 9, SETTINGS)
    found = pq.read_table(tmp_path / merged.path, columns=["request_id", "in.a", "in.b"]).to_pydict()

    assert found == {"request_id": ["0", "1", "10"], "in.a": [1, 2, None], "in.b": [None, None, "x"]}


def test_whole_numbers_are_merged_with_broken_ones(tmp_path: Path) -> None:
    tables = TableWriter(tmp_path, SETTINGS, iter([1, 2]))
    files: list[FileEntry] = []
    for number, value in enumerate([2**53 + 1, 2.5]):
        tables.add(TableName.ROWS, "churn", rows(number, more={"in.a": [value]}), now_ns=BEGAN)
        files += tables.flush()
    merged = merge(tmp_path, Merge(tuple(files)), 9, SETTINGS)

    assert [list(each.columns.values())[-1] for each in (*files, merged)] == [Type.INTEGER, Type.NUMBER, Type.NUMBER]
    assert pq.read_table(tmp_path / merged.path)["in.a"].to_pylist() == [2.0**53, 2.5]


def test_its_entry_is_true(tmp_path: Path) -> None:
    files = written(tmp_path, a=[1, 2], b=["x"])
    merged = merge(tmp_path, Merge(tuple(files)), 9, SETTINGS)

    assert (merged.rows, merged.min_ns, merged.max_ns, merged.sequence) == (3, BEGAN, BEGAN + 10, 9)
    assert merged.bytes == (tmp_path / merged.path).stat().st_size
    assert (merged.columns["in.a"], merged.columns["in.b"]) == (Type.INTEGER, Type.TEXT)


def test_small_files_share_row_groups(tmp_path: Path) -> None:
    settings = StoreSettings(row_group=4)
    files = written(tmp_path, a=[1, 2], b=[1, 2], c=[1, 2])
    merged = merge(tmp_path, Merge(tuple(files)), 9, settings)
    found = pq.read_metadata(tmp_path / merged.path)

    assert [found.row_group(at).num_rows for at in range(found.num_row_groups)] == [4, 2]


@pytest.mark.parametrize("damage", ["cut", "gone", "other", "one byte"])
def test_a_damaged_file_is_named_and_nothing_is_written(damage: str, tmp_path: Path) -> None:
    files = written(tmp_path, a=[1, 2], b=["x"])
    path = tmp_path / files[1].path
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "gone":
        path.unlink()
    elif damage == "one byte":
        flip_a_byte(path, "in.b")
    else:
        path.write_bytes((tmp_path / files[0].path).read_bytes())
    with pytest.raises(DamagedFileError) as caught:
        merge(tmp_path, Merge(tuple(files)), 9, SETTINGS)

    assert caught.value.entry == files[1]
    assert [path.name for path in tmp_path.rglob("*9.parquet*")] == []


def test_the_old_files_stay_until_the_manifest_says_otherwise(tmp_path: Path) -> None:
    tables = TableWriter(tmp_path, SETTINGS, iter([1, 2]))
    files = []
    for number in (1, 2):
        tables.add(TableName.EXCHANGES, "churn", exchanges(number), now_ns=BEGAN)
        files += tables.flush()
    merge(tmp_path, Merge(tuple(files)), 9, SETTINGS)

    assert [(tmp_path / each.path).exists() for each in files] == [True, True]

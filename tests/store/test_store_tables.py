from itertools import count
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from store_samples import BEGAN, HOUR, exchanges, rows

from watchtower.clock import SECOND
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.schemas import TableName, Type
from watchtower.store.settings import StoreSettings
from watchtower.store.tables import TableWriter

ROWS, EXCHANGES = TableName.ROWS, TableName.EXCHANGES


def writer(directory: Path, settings: StoreSettings | None = None) -> TableWriter:
    return TableWriter(directory, settings or StoreSettings(), count(1))


def test_nothing_is_written_before_the_flush(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(1, 2), now_ns=BEGAN)

    assert list(tmp_path.iterdir()) == []
    assert tables.waiting_rows == 2


def test_a_file_lies_below_its_table_endpoint_date_and_hour(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
    (entry,) = tables.flush()

    assert entry.path == "exchanges/churn/2023-11-14/22/000000000001.parquet"
    assert (tmp_path / entry.path).stat().st_size == entry.bytes


def test_an_entry_says_what_its_file_holds(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(3, 1, 2), now_ns=BEGAN)
    (entry,) = tables.flush()

    assert (entry.rows, entry.min_ns, entry.max_ns, entry.hour_ns) == (3, BEGAN + 1, BEGAN + 3, BEGAN)
    assert pq.read_metadata(tmp_path / entry.path).num_rows == 3


def test_rows_of_two_hours_become_two_files(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(1, HOUR, 2), now_ns=BEGAN)
    first, second = tables.flush()

    assert pq.read_table(tmp_path / first.path)["request_id"].to_pylist() == ["1", "2"]
    assert pq.read_table(tmp_path / second.path)["request_id"].to_pylist() == [str(HOUR)]
    assert second.hour_ns - first.hour_ns == HOUR


@pytest.mark.parametrize("endpoint", ["..", "a/b", "*?[x]", "", "ü" * 200, "a.b", " "])
def test_an_endpoint_of_any_name_has_a_folder_of_its_own(endpoint: str, tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, endpoint, exchanges(1), now_ns=BEGAN)
    (entry,) = tables.flush()
    parts = Path(entry.path).parts

    assert (len(parts), ".." in parts) == (5, False)
    assert pq.read_table(tmp_path / entry.path)["endpoint"].to_pylist() == [endpoint]


def test_it_is_due_when_something_has_waited_long_enough(tmp_path: Path) -> None:
    tables = writer(tmp_path, StoreSettings(flush_age=10.0))
    before = tables.is_due(BEGAN)
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
    tables.add(EXCHANGES, "churn", exchanges(2), now_ns=BEGAN + 5 * SECOND)

    assert [before, tables.is_due(BEGAN + 9 * SECOND), tables.is_due(BEGAN + 10 * SECOND)] == [False, False, True]


def test_it_is_due_when_too_much_waits(tmp_path: Path) -> None:
    tables = writer(tmp_path, StoreSettings(flush_size=1))
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)

    assert tables.is_due(BEGAN)


def test_after_a_flush_nothing_waits(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
    tables.flush()

    assert (tables.waiting_rows, tables.waiting_bytes, tables.is_due(BEGAN + HOUR), tables.flush()) == (0, 0, False, [])


def test_a_batch_without_rows_leaves_no_trace(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(), now_ns=BEGAN)

    assert tables.flush() == []


def test_columns_that_agree_share_a_file_and_are_null_where_they_were_not(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(ROWS, "churn", rows(1, more={"in.a": [1]}), now_ns=BEGAN)
    tables.add(ROWS, "churn", rows(2, more={"in.b": ["x"]}), now_ns=BEGAN)
    (entry,) = tables.flush()
    found = pq.read_table(tmp_path / entry.path, columns=["in.a", "in.b"]).to_pydict()

    assert found == {"in.a": [1, None], "in.b": [None, "x"]}


def test_a_column_that_changes_its_type_begins_another_file(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    for number, value in enumerate([1, "x", 2]):
        tables.add(ROWS, "churn", rows(number, more={"in.a": [value]}), now_ns=BEGAN)
    files = tables.flush()

    assert [(entry.columns["in.a"], entry.rows) for entry in files] == [(Type.INTEGER, 2), (Type.TEXT, 1)]


def test_whole_numbers_and_broken_ones_share_a_file(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    for number, value in enumerate([1, 2.5, 3]):
        tables.add(ROWS, "churn", rows(number, more={"in.a": [value]}), now_ns=BEGAN)
    (entry,) = tables.flush()

    assert entry.columns["in.a"] is Type.NUMBER
    assert pq.read_table(tmp_path / entry.path)["in.a"].to_pylist() == [1.0, 2.5, 3.0]


def test_a_column_of_nulls_alone_is_left_out(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(ROWS, "churn", rows(1, more={"in.a": [None]}), now_ns=BEGAN)
    (entry,) = tables.flush()

    assert "in.a" not in entry.columns


def test_of_two_names_that_sql_takes_for_one_the_second_is_renamed(tmp_path: Path) -> None:
    tables = writer(tmp_path)
    tables.add(ROWS, "churn", rows(1, more={"in.Age": [1], "in.age": [2]}), now_ns=BEGAN)
    (entry,) = tables.flush()
    found = pq.read_table(tmp_path / entry.path, columns=["in.Age", "in.age~2"]).to_pydict()

    assert found == {"in.Age": [1], "in.age~2": [2]}


@pytest.mark.parametrize(("table", "name"), [(EXCHANGES, "in.a"), (EXCHANGES, "colour"), (ROWS, "colour")])
def test_a_column_that_the_schema_does_not_know_is_our_mistake(table: TableName, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"the table {table} has no column '{name}'"):
        writer(tmp_path).add(table, "churn", exchanges(1, more={name: [1]}), now_ns=BEGAN)


def test_while_the_disk_cannot_be_written_everything_waits(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    directory.write_text("a file where the folder should be")
    tables = writer(directory)
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
    with pytest.raises(StoreError) as caught:
        tables.flush()
    directory.unlink()
    (entry,) = tables.flush()

    assert (caught.value.fault, entry.rows) == (StoreFault.FOLDER_GONE, 1)


def test_a_flush_that_fails_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("a file where a folder should be")
    tables = writer(tmp_path)
    tables.add(EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
    tables.add(ROWS, "churn", rows(1), now_ns=BEGAN)
    with pytest.raises(StoreError):
        tables.flush()

    assert list(tmp_path.rglob("*.parquet*")) == []
    assert tables.waiting_rows == 2

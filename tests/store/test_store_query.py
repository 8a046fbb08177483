from pathlib import Path
from threading import Event, Thread

import pytest
from store_samples import BEGAN, DAY, SETTINGS, asked, entry, exchanges, flip_a_byte, keep_rows, opened

from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.files import FOLDER
from watchtower.store.query import Query
from watchtower.store.schemas import DUCKDB, SCHEMAS, TableName, Type
from watchtower.store.settings import StoreSettings
from watchtower.store.statement import QueryError
from watchtower.store.views import create, views

ALL = 'SELECT request_id, "in.a" AS a FROM rows ORDER BY request_id'


def test_every_table_can_be_asked_before_anything_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path), Query(tmp_path, SETTINGS) as query:
        for table in TableName:
            described = query.run(f"DESCRIBE {table}").table().to_pylist()
            expected = [(column.name, DUCKDB[column.type]) for column in SCHEMAS[table].columns]
            found = [
                (each["column_name"], each["column_type"].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"))
                for each in described
            ]

            assert found == expected


@pytest.mark.parametrize("table", [table for table in TableName if table is not TableName.ROWS])
def test_a_table_that_is_kept_has_the_columns_of_its_schema(table: TableName, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.tables.add(table, "churn", {"started": [BEGAN]}, now_ns=BEGAN)
        store.commit()
    (row,) = asked(tmp_path, f"SELECT * FROM {table}")

    assert list(row) == [column.name for column in SCHEMAS[table].columns]


def test_times_can_be_reckoned_with(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.tables.add(TableName.EXCHANGES, "churn", exchanges(1), now_ns=BEGAN)
        store.commit()
    sql = "SELECT count(*) AS n FROM exchanges WHERE started < now() - INTERVAL 1 DAY AND date_trunc('hour', started) = started"

    assert asked(tmp_path, sql) == [{"n": 1}]


def test_a_column_that_became_text_is_text_everywhere(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number, value in enumerate([1, 2.5, "x", True, [1.0, 2.0]]):
            keep_rows(store, number, in_a=[value])

    assert [row["a"] for row in asked(tmp_path, ALL)] == ["1", "2.5", "x", "true", "[1.0, 2.0]"]


def test_a_column_of_integers_and_numbers_is_one_of_numbers(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, in_a=[1])
        keep_rows(store, 2, in_a=[2.5])

    assert asked(tmp_path, 'SELECT sum("in.a") AS total FROM rows') == [{"total": 3.5}]


def test_columns_in_another_order_are_the_same_columns(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, in_a=[1], in_b=[10])
        keep_rows(store, 2, in_b=[20], in_a=[2])

    assert asked(tmp_path, 'SELECT "in.a" AS a, "in.b" AS b FROM rows ORDER BY a') == [
        {"a": 1, "b": 10},
        {"a": 2, "b": 20},
    ]


def test_names_in_other_letters_than_those_that_sql_folds_are_columns_of_their_own(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, in_É=[1], in_é=[2])
        keep_rows(store, 2, in_é=[3])

    assert asked(tmp_path, 'SELECT "in.É" AS large, "in.é" AS small FROM rows ORDER BY request_id') == [
        {"large": 1, "small": 2},
        {"large": None, "small": 3},
    ]


def test_a_column_that_a_file_lacks_is_null_there(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, in_b=[1])
        keep_rows(store, 2, in_a=["x"])

    assert asked(tmp_path, ALL) == [{"request_id": "1", "a": None}, {"request_id": "2", "a": "x"}]


def test_files_that_have_each_their_own_columns_cost_no_more_than_their_sum() -> None:
    files = [
        entry(number, columns={f"in.{number}": Type.INTEGER, "in.a": list(Type)[number % 7]}) for number in range(900)
    ]
    (view,) = (view for view in views(files) if view.name == "rows")
    statement = create(view, "")

    assert statement.count("read_parquet") == 1
    assert len(statement) < 100 * len(files)


def test_a_file_of_an_earlier_schema_is_read_with_the_others(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (old,) = keep_rows(store, 1, in_a=[1])
        columns = {name: kind for name, kind in old.columns.items() if name != "test_run"}
        store.state.replace([old], [], BEGAN, {})
        earlier = type(old)(
            old.table, old.endpoint, old.path, old.rows, old.bytes, old.sequence, old.min_ns, old.max_ns, columns
        )
        store.state.commit(files=[earlier])

    assert asked(tmp_path, "SELECT test_run FROM rows") == [{"test_run": None}]


def test_endpoints_have_their_own_rows_and_columns(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, endpoint="churn", in_a=[1])
        keep_rows(store, 2, endpoint="fraud", in_b=["x"])
    with Query(tmp_path, SETTINGS) as query:
        assert {"rows_churn", "rows_fraud"} <= set(query.views)
        assert "rows" not in query.views
        assert query.run('SELECT "in.b" AS b FROM rows_fraud').table().to_pylist() == [{"b": "x"}]


@pytest.mark.parametrize("endpoint", ['a "b"', "'; DROP VIEW rows; --", "a/../b", "ünï*?[c]", "", "select"])
def test_an_endpoint_may_have_any_name(endpoint: str, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, endpoint=endpoint, in_a=[1])
    view = f"rows_{endpoint}".replace('"', '""')

    assert asked(tmp_path, f'SELECT endpoint FROM "{view}"') == [{"endpoint": endpoint}]


def test_names_that_sql_takes_for_one_have_each_a_view(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, endpoint="a")
        keep_rows(store, 2, endpoint="A")
    with Query(tmp_path, SETTINGS) as query:
        found = [query.run(f'SELECT endpoint FROM "{name}"').table().to_pylist() for name in ("rows_A", "rows_a_2")]

    assert found == [[{"endpoint": "A"}], [{"endpoint": "a"}]]


def test_of_such_names_the_one_that_still_has_rows_is_found_by_its_own(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1, endpoint="A")
        keep_rows(store, 2, endpoint="a")

    assert asked(tmp_path, "SELECT endpoint FROM rows_a") == [{"endpoint": "a"}]


def test_only_files_with_rows_since_a_moment_are_opened(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1)
        keep_rows(store, 2, at_ns=BEGAN + DAY)
    with Query(tmp_path, SETTINGS, since_ns=BEGAN + DAY) as query:
        assert query.run("SELECT request_id FROM rows").table().to_pylist() == [{"request_id": "2"}]


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "garbage"])
def test_a_damaged_file_is_left_out_and_named(damage: str, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (spoilt,) = keep_rows(store, 1, in_a=[1])
        keep_rows(store, 2, in_a=[2])
    path = tmp_path / FOLDER / spoilt.path
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": path.read_bytes()[:-9], "garbage": b"x" * spoilt.bytes}[damage])
    with Query(tmp_path, SETTINGS) as query:
        assert query.left_out == (spoilt.path,)
        assert query.run(ALL).table().to_pylist() == [{"request_id": "2", "a": 2}]


def test_a_byte_that_turned_is_found_by_who_verifies(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (spoilt,) = keep_rows(store, 1, in_a=["x"])
        keep_rows(store, 2, in_a=["y"])
    flip_a_byte(tmp_path / FOLDER / spoilt.path, "in.a")
    with Query(tmp_path, SETTINGS, verify=True) as query:
        assert query.left_out == (spoilt.path,)
        assert query.run(ALL).table().to_pylist() == [{"request_id": "2", "a": "y"}]


@pytest.mark.parametrize("place", [slice(10, 50), slice(-400, -360), slice(-8, -4)], ids=["page", "footer", "length"])
def test_a_part_that_cannot_be_read_is_the_stores_fault(place: slice, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (spoilt,) = keep_rows(store, *range(500), in_a=list(range(500)))
    path = tmp_path / FOLDER / spoilt.path
    damaged = bytearray(path.read_bytes())
    damaged[place] = b"\xff" * len(damaged[place])
    path.write_bytes(damaged)
    with Query(tmp_path, SETTINGS) as query, pytest.raises(StoreError, match="--verify") as caught:
        query.run(ALL).table()

    assert caught.value.fault is StoreFault.DAMAGED


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('{folder}/*/*/*/*/*.parquet')",
        "SELECT * FROM read_blob('{folder}/../state.db')",
        "SELECT * FROM sqlite_scan('{folder}/../state.db', 'blobs')",
        "SELECT * FROM read_json('http://127.0.0.1:1/x')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM SETTINGS",
    ],
)
def test_no_other_file_and_no_variable_of_ours_can_be_read(sql: str, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1)
    with Query(tmp_path, SETTINGS) as query, pytest.raises(QueryError):
        query.run(sql.format(folder=tmp_path / FOLDER)).table()


def test_a_copy_hidden_in_a_with_overwrites_no_file(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        (entry,) = keep_rows(store, 1)
    path = tmp_path / FOLDER / entry.path
    before = path.read_bytes()
    with Query(tmp_path, SETTINGS) as query, pytest.raises(QueryError):
        query.run(f"WITH x AS (COPY (SELECT 1) TO '{path}' (USE_TMP_FILE false)) SELECT 1").table()

    assert path.read_bytes() == before


def test_the_locks_hold_even_where_the_statement_is_not_looked_at(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep_rows(store, 1)
    with Query(tmp_path, SETTINGS) as query:
        for sql in (f"COPY (SELECT 1) TO '{tmp_path}/x'", f"ATTACH '{tmp_path}/x'", "SET threads = 2", "LOAD httpfs"):
            with pytest.raises(Exception, match=r"disabled|locked"):
                query._connection.execute(sql)

    assert not (tmp_path / "x").exists()


def test_a_query_that_needs_more_memory_than_it_may_have_fails(tmp_path: Path) -> None:
    settings = StoreSettings(query_memory=16 * 1024**2)
    with opened(tmp_path), Query(tmp_path, settings) as query, pytest.raises(QueryError) as caught:
        query.run("SELECT string_agg(range::VARCHAR || repeat('x', 1000), '') FROM range(1000000)").table()

    assert str(caught.value).endswith("ask for less at once, or raise store.query_memory")


def test_an_answer_is_read_while_another_one_is_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path), Query(tmp_path, SETTINGS) as query:
        first = query.run("SELECT range FROM range(100000)").batches()
        read = next(first).num_rows
        second = query.run("SELECT 1").table().num_rows

        assert (read + sum(batch.num_rows for batch in first), second) == (100000, 1)


def test_a_folder_that_duckdb_would_take_for_a_pattern_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "[a]"
    with opened(folder), pytest.raises(StoreError, match="pattern"):
        Query(folder, SETTINGS)


def test_where_nothing_was_analysed_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Query(tmp_path, SETTINGS)

    assert caught.value.fault is StoreFault.FOLDER_GONE


@pytest.mark.slow
def test_readers_see_whole_commits_while_the_writer_writes(tmp_path: Path) -> None:
    done, torn = Event(), list[object]()

    def read() -> None:
        while not done.is_set():
            rows = asked(tmp_path, "SELECT count(*) AS n, (SELECT count(*) FROM exchanges) AS m FROM rows")
            torn.extend(row for row in rows if row["n"] != row["m"] or row["n"] % 10)

    with opened(tmp_path) as store, store.housekeeper() as housekeeper:
        readers = [Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(40):
            store.tables.add(TableName.EXCHANGES, "churn", exchanges(*range(10)), now_ns=BEGAN)
            keep_rows(store, *range(number * 10, number * 10 + 10), in_a=[number] * 10)
            if number % 10 == 9:
                housekeeper.step(BEGAN + DAY)
        done.set()
        for reader in readers:
            reader.join()

    assert torn == []
    assert asked(tmp_path, "SELECT count(DISTINCT request_id) AS n FROM rows") == [{"n": 400}]

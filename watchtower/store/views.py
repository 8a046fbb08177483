"""The tables as DuckDB sees them: SQL text for views over the manifest's files. Decisions only.

Files that were written with the same columns are read together, without opening each to ask for its types; those that
differ are cast to what evolution.py settles. There is a view for each table, `rows_ENDPOINT` for each endpoint with
rows, and `rows` when it is the only one. To SQL, `rows_A` and `rows_a` are one: it is the endpoint's that has the newest
row, and the other has a number.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watchtower.store.evolution import Columns, settled
from watchtower.store.files import FileEntry
from watchtower.store.schemas import DUCKDB, SCHEMAS, TableName, Type


class View(NamedTuple):
    name: str
    files: Sequence[FileEntry]
    columns: Columns


def views(files: Sequence[FileEntry]) -> list[View]:
    found: list[View] = []
    for table in TableName:
        mine = [entry for entry in files if entry.table is table]
        if table is TableName.ROWS:
            found += _of_rows(mine)
        else:
            found.append(View(table.value, mine, _columns(table, mine)))
    return found


def create(view: View, folder: str) -> str:
    """The statement that makes it."""
    selects = [_select(columns, paths, view.columns) for columns, paths in _alike(view.files, folder)]
    return f"CREATE VIEW {quoted(view.name)} AS {' UNION ALL '.join(selects) or _nothing(view.columns)}"


def quoted(identifier: str) -> str:
    """An endpoint's name may hold anything."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _of_rows(files: Sequence[FileEntry]) -> Iterator[View]:
    newest: dict[str, int] = {}
    for entry in files:
        newest[entry.endpoint] = max(newest.get(entry.endpoint, 0), entry.max_ns)
    endpoints = sorted(newest, key=lambda endpoint: (-newest[endpoint], endpoint))
    taken = {table.value for table in TableName}
    for endpoint in endpoints:
        mine = [entry for entry in files if entry.endpoint == endpoint]
        name, number = f"rows_{endpoint}", 1
        while name.lower() in taken:
            number += 1
            name = f"rows_{endpoint}_{number}"
        taken.add(name.lower())
        yield View(name, mine, _columns(TableName.ROWS, mine))
    if len(endpoints) < 2:
        yield View(TableName.ROWS.value, files, _columns(TableName.ROWS, files))


def _columns(table: TableName, files: Sequence[FileEntry]) -> Columns:
    schema = {column.name: column.type for column in SCHEMAS[table].columns}
    return settled([schema, *(entry.columns for entry in files)])


def _alike(files: Sequence[FileEntry], folder: str) -> list[tuple[Columns, list[str]]]:
    """Paths by what the files hold: DuckDB finds columns by name, and clients send them in any order."""
    groups: dict[tuple[tuple[str, Type], ...], list[str]] = {}
    for entry in files:
        groups.setdefault(tuple(sorted(entry.columns.items())), []).append(f"{folder}/{entry.path}")
    return [(dict(columns), paths) for columns, paths in groups.items()]


def _select(present: Columns, paths: Sequence[str], wanted: Columns) -> str:
    spelled = {name.lower(): name for name in present}
    columns = []
    for name, kind in wanted.items():
        mine = spelled.get(name.lower())
        if mine is None:
            columns.append(f"NULL::{DUCKDB[kind]} AS {quoted(name)}")
        elif DUCKDB[present[mine]] == DUCKDB[kind]:
            columns.append(f"{quoted(mine)} AS {quoted(name)}")
        else:
            columns.append(f"CAST({quoted(mine)} AS {DUCKDB[kind]}) AS {quoted(name)}")
    listed = ", ".join(literal(path) for path in paths)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], hive_partitioning = false)"  # noqa: S608  quoted


def _nothing(wanted: Columns) -> str:
    columns = ", ".join(f"NULL::{DUCKDB[kind]} AS {quoted(name)}" for name, kind in wanted.items())
    return f"SELECT {columns} WHERE false"

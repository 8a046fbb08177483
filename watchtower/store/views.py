"""The tables as DuckDB sees them: SQL text for views over the manifest's files. Decisions only.

A view reads all of its files as one, told the columns that evolution.py settles: DuckDB finds them by name, casts those
that a file has of another type, and opens no file to ask. A SELECT for each set of columns that files have would take
minutes where clients leave out what they do not know. There is a view for each table, `rows_ENDPOINT` for each endpoint
with rows, and `rows` when it is the only one. To SQL, `rows_A` and `rows_a` are one: it is the endpoint's that has the
newest row, and the other has a number.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watchtower.store.evolution import Columns, as_one, settled
from watchtower.store.files import FileEntry
from watchtower.store.schemas import DUCKDB, SCHEMAS, TableName


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
    selected = _files(view, folder) if view.files else _nothing(view.columns)
    return f"CREATE VIEW {quoted(view.name)} AS {selected}"


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
        while as_one(name) in taken:
            number += 1
            name = f"rows_{endpoint}_{number}"
        taken.add(as_one(name))
        yield View(name, mine, _columns(TableName.ROWS, mine))
    if len(endpoints) < 2:
        yield View(TableName.ROWS.value, files, _columns(TableName.ROWS, files))


def _columns(table: TableName, files: Sequence[FileEntry]) -> Columns:
    schema = {column.name: column.type for column in SCHEMAS[table].columns}
    return settled([schema, *(entry.columns for entry in files)])


def _files(view: View, folder: str) -> str:
    columns = ", ".join(
        f"{literal(name)}: {{name: {literal(name)}, type: {literal(DUCKDB[kind])}, default_value: NULL}}"
        for name, kind in view.columns.items()
    )
    paths = ", ".join(literal(f"{folder}/{entry.path}") for entry in view.files)
    return f"SELECT * FROM read_parquet([{paths}], schema = MAP {{{columns}}}, hive_partitioning = false)"  # noqa: S608  quoted


def _nothing(wanted: Columns) -> str:
    columns = ", ".join(f"NULL::{DUCKDB[kind]} AS {quoted(name)}" for name, kind in wanted.items())
    return f"SELECT {columns} WHERE false"

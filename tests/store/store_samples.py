"""Rows to keep, and the store asked for them again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.clock import SECOND
from watchtower.store.files import FOLDER, FileEntry
from watchtower.store.query import Query
from watchtower.store.schemas import SCHEMAS, TableName, Type
from watchtower.store.settings import StoreSettings
from watchtower.store.store import Store

HOUR = 3600 * SECOND
DAY = 24 * HOUR
BEGAN = 1_700_000_000 * SECOND // HOUR * HOUR  # the beginning of an hour
SETTINGS = StoreSettings()
NOTHING: Mapping[str, Any] = MappingProxyType({})


def rows(*numbers: int, at_ns: int = BEGAN, more: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Columns of the table of rows: an id for each number, and more of them."""
    return {
        "request_id": [str(number) for number in numbers],
        "row": 0,
        "variant": "blue",
        "role": "primary",
        "started": [at_ns + number for number in numbers],
        **more,
    }


def exchanges(*numbers: int, at_ns: int = BEGAN, more: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    times = [at_ns + number for number in numbers]
    return {"request_id": [str(number) for number in numbers], "role": "primary", "started": times, **more}


def keep_rows(
    store: Store, *numbers: int, endpoint: str = "churn", at_ns: int = BEGAN, **columns: Any
) -> list[FileEntry]:
    """Adds rows, with `in_age=[…]` for the column `in.age`, and commits them."""
    decoded = {name.replace("_", ".", 1): values for name, values in columns.items()}
    store.tables.add(TableName.ROWS, endpoint, rows(*numbers, at_ns=at_ns, more=decoded), now_ns=at_ns)
    return store.commit()


@contextmanager
def opened(data_dir: Path, settings: StoreSettings = SETTINGS) -> Iterator[Store]:
    with Store(data_dir, settings) as store:
        yield store


def asked(data_dir: Path, sql: str) -> list[dict[str, Any]]:
    with Query(data_dir, SETTINGS) as query:
        found: list[dict[str, Any]] = query.run(sql).table().to_pylist()
        return found


def on_disk(data_dir: Path) -> set[str]:
    """Every file below the store's folder but the lock."""
    folder = data_dir / FOLDER
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    }


def entry(
    number: int, *, age_ns: int = 0, size: int = 1, table: TableName = TableName.ROWS, **changes: Any
) -> FileEntry:
    """A file of the manifest that lies nowhere."""
    values: dict[str, Any] = {
        "table": table,
        "endpoint": "churn",
        "path": str(number),
        "rows": 10,
        "bytes": size,
        "sequence": number,
        "min_ns": BEGAN - age_ns,
        "max_ns": BEGAN - age_ns,
        "columns": columns_of(table),
    }
    return FileEntry(**{**values, **changes})


def columns_of(table: TableName) -> dict[str, Type]:
    return {column.name: column.type for column in SCHEMAS[table].columns}


def flip_a_byte(path: Path, column: str) -> None:
    """In the column's last page: what a disk does that forgets."""
    group = pq.read_metadata(path).row_group(0)
    (chunk,) = (group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema == column)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 0x55
    path.write_bytes(content)

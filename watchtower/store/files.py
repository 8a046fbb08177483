"""One Parquet file: what the manifest says of it, where it lies, and how it comes to be there whole or not at all.

`TABLE/ENDPOINT/DATE/HOUR/SEQUENCE.parquet` below the store's folder. It is written under a temporary name, synced, and
renamed; and even then it counts only when the manifest in `state.db` names it. So a reader never meets half a file, and
what a crash left between the two steps is known by not being in the manifest, and removed.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zlib import crc32

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.journal.appender import sync_directory
from watchtower.store.evolution import Columns
from watchtower.store.fault import translated
from watchtower.store.schemas import VERSION, TableName

FOLDER: Final = "store"  # of the data folder
LOCK: Final = ".lock"  # held by the one who writes
TEMPORARY: Final = ".tmp"
SUFFIX: Final = ".parquet"
HOUR_NS: Final = 3600 * 10**9
_MAGIC: Final = b"PAR1"  # the first and the last bytes of every Parquet file
_LONGEST: Final = 100  # of an endpoint's folder; file systems end at 255 bytes


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the manifest. Times are of its rows, in nanoseconds; all of them lie in its hour."""

    table: TableName
    endpoint: str
    path: str  # below the store's folder
    rows: int
    bytes: int
    sequence: int
    min_ns: int
    max_ns: int
    columns: Columns

    @property
    def hour_ns(self) -> int:
        return self.min_ns // HOUR_NS * HOUR_NS


def path_of(table: TableName, endpoint: str, hour_ns: int, sequence: int) -> str:
    began = datetime.fromtimestamp(hour_ns // 10**9, UTC)
    return f"{table}/{_folder(endpoint)}/{began:%Y-%m-%d}/{began:%H}/{sequence:012}{SUFFIX}"


def _folder(endpoint: str) -> str:
    """Any name as a folder of its own: neither `..` nor a character that a file system or a glob would take amiss."""
    quoted = quote(endpoint, safe="").replace(".", "%2E")
    return quoted if 0 < len(quoted) <= _LONGEST else f"{quoted[:_LONGEST]}~{crc32(endpoint.encode()):08x}"


def write(directory: Path, path: str, schema: pa.Schema, tables: Iterable[pa.Table], row_group: int) -> int:
    """Writes a file whole, in row groups as they come; gives its size. Nothing stays behind when that fails."""
    target = directory / path
    temporary = target.with_name(f".{target.name}{TEMPORARY}")
    with translated(target):
        _make_folders(target.parent)
        try:
            with temporary.open("wb") as file:
                _stream(file, schema, tables, row_group)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(target.parent)
    return size


def _stream(file: object, schema: pa.Schema, tables: Iterable[pa.Table], row_group: int) -> None:
    marked = schema.with_metadata({"watchtower.schema": str(VERSION)})
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    # Only words repeat: for ids and floats, a dictionary costs time and makes files larger. zstd's first level, because
    # higher ones cost more time than everything else together. zstd as Parquet uses it has no sums; pages can have them.
    with pq.ParquetWriter(
        file,
        marked,
        compression="zstd",
        compression_level=1,
        use_dictionary=words,
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=row_group)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder, *list(folder.parents)[:3]):  # hour, date, endpoint, table: new names, all of them
        sync_directory(parent)


def remove(path: Path) -> None:
    """Takes a file away, and the folders that it leaves empty, up to the hour's date."""
    with translated(path):
        path.unlink(missing_ok=True)
        for folder in list(path.parents)[:2]:
            try:
                folder.rmdir()
            except OSError:  # others lie in it, or it is gone
                return


def is_sound(path: Path, size: int) -> bool:
    """Whether a file is there, of its size, with a Parquet file's beginning and end. What lies between is not read."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != size or file.read(4) != _MAGIC:
                return False
            file.seek(-4, os.SEEK_END)
            return file.read(4) == _MAGIC
    except OSError:
        return False


def is_intact(path: Path) -> bool:
    """Whether every page has the sum that it was written with. Reads all of it; DuckDB does not ask."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches():
                pass
    except (OSError, pa.ArrowException):
        return False
    return True

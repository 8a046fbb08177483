"""Small files of an hour become large ones, for a query pays for every file that it opens.

An hour is left alone until it ended `compact_after` ago: most of its late rows are there by then. What comes later makes
a small file again, and the hour is merged again, but a file that has half the wanted size is never rewritten.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.clock import SECOND
from watchtower.store.cells import arranged
from watchtower.store.evolution import gathered, settled
from watchtower.store.fault import StoreError, translated
from watchtower.store.files import HOUR_NS, FileEntry, path_of, write
from watchtower.store.schemas import ARROW
from watchtower.store.settings import StoreSettings

_HELD: Final = 32 * 1024**2  # bytes of memory at most, before they are written as a row group
_BATCH: Final = 8192  # rows read at once


@dataclass(frozen=True, slots=True)
class Merge:
    """Files of one table, endpoint and hour that can be one."""

    files: tuple[FileEntry, ...]


class DamagedFileError(StoreError):
    """One of the files to merge cannot be read; the others can be, without it."""

    def __init__(self, cause: StoreError, entry: FileEntry) -> None:
        super().__init__(cause.fault, str(cause))
        self.entry = entry


def plan(present: Collection[FileEntry], now_ns: int, settings: StoreSettings) -> Iterator[Merge]:
    """What should be merged, the oldest hours first."""
    ended = now_ns - round(settings.compact_after * SECOND) - HOUR_NS
    small = [entry for entry in present if entry.hour_ns <= ended and entry.bytes * 2 <= settings.compact_size]
    small.sort(key=_place)
    for _, found in groupby(small, key=lambda entry: _place(entry)[:3]):
        files = list(found)
        for group in gathered([entry.columns for entry in files]):
            yield from _portions([files[at] for at in group], settings.compact_size)


def merge(directory: Path, chosen: Merge, sequence: int, settings: StoreSettings) -> FileEntry:
    """Writes them as one file, a row group in memory at a time. The old ones stay until the manifest says otherwise."""
    first = chosen.files[0]
    columns = settled(entry.columns for entry in chosen.files)
    schema = pa.schema([(name, ARROW[kind]) for name, kind in columns.items()])
    path = path_of(first.table, first.endpoint, first.hour_ns, sequence)
    size = write(directory, path, schema, _row_groups(directory, chosen.files, schema, settings), settings.row_group)
    return FileEntry(
        table=first.table,
        endpoint=first.endpoint,
        path=path,
        rows=sum(entry.rows for entry in chosen.files),
        bytes=size,
        sequence=sequence,
        min_ns=min(entry.min_ns for entry in chosen.files),
        max_ns=max(entry.max_ns for entry in chosen.files),
        columns=columns,
    )


def _place(entry: FileEntry) -> tuple[int, str, str, int]:
    return entry.hour_ns, entry.table.value, entry.endpoint, entry.sequence


def _portions(files: Sequence[FileEntry], size: int) -> Iterator[Merge]:
    portion: list[FileEntry] = []
    for entry in files:
        if sum(each.bytes for each in portion) + entry.bytes > size:
            if len(portion) > 1:
                yield Merge(tuple(portion))
            portion = []
        portion.append(entry)
    if len(portion) > 1:
        yield Merge(tuple(portion))


def _row_groups(
    directory: Path, files: Sequence[FileEntry], schema: pa.Schema, settings: StoreSettings
) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for entry in files:
        for table in _read(directory, entry, schema):
            held.append(table)
            is_enough = sum(each.num_rows for each in held) >= settings.row_group
            if is_enough or sum(each.nbytes for each in held) >= _HELD:
                yield pa.concat_tables(held)
                held.clear()
    if held:
        yield pa.concat_tables(held)


def _read(directory: Path, entry: FileEntry, schema: pa.Schema) -> Iterator[pa.Table]:
    """Checked page by page: a byte that turned on the disk must not be copied into a file with sums of its own."""
    path = directory / entry.path
    read = 0
    try:
        with translated(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_BATCH):
                read += batch.num_rows
                yield arranged(batch, schema)
            if read != entry.rows:
                raise pa.ArrowInvalid(f"{read} rows where {entry.rows} were written")
    except StoreError as error:
        raise DamagedFileError(error, entry) from error

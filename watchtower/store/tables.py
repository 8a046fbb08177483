"""Rows on their way to Parquet: gathered in memory by table, endpoint and hour, then written as files.

`flush` writes everything that waits, because the offsets that are committed with its files say that everything before
them is kept. When the disk fails, what was gathered stays: flush again, or `discard` it and read it again from the
offsets that were committed last. While it cannot be written, add no more: the journal is the better buffer.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from watchtower.clock import SECOND
from watchtower.store import cells
from watchtower.store.evolution import Columns, as_one, gathered, settled
from watchtower.store.fault import StoreError
from watchtower.store.files import HOUR_NS, FileEntry, path_of, remove, write
from watchtower.store.schemas import ARROW, INPUT, OUTPUT, SCHEMAS, TableName, Type
from watchtower.store.settings import StoreSettings
from watchtower.table import Kind


class _Key(NamedTuple):
    table: TableName
    endpoint: str
    hour: int


class _Piece(NamedTuple):
    columns: Columns
    batch: pa.RecordBatch
    min_ns: int
    max_ns: int


class TableWriter:
    def __init__(self, directory: Path, settings: StoreSettings, sequences: Iterator[int]) -> None:
        self._directory = directory
        self._settings = settings
        self._sequences = sequences
        self._waiting: dict[_Key, list[_Piece]] = {}
        self._since_ns: int | None = None
        self.waiting_bytes = 0
        self.waiting_rows = 0

    def add(
        self,
        table: TableName,
        endpoint: str,
        columns: Mapping[str, Any],
        now_ns: int,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """Takes rows, column by column: sequences, numpy or Arrow arrays, or one value that stands for every row.

        Times are integers, nanoseconds since 1970. A column of the schema that is not given is null. Only the table of
        rows takes others, `in.NAME` and `out.NAME`, each as its values are, or as its kind in `kinds` says.
        """
        times = np.asarray(columns[SCHEMAS[table].time], np.int64)
        if not len(times):
            return
        fields, arrays = _arranged(table, {**columns, "endpoint": endpoint}, len(times), kinds or {})
        batch = pa.RecordBatch.from_arrays(arrays, names=list(fields))
        for hour, part, low, high in _by_hour(times, batch):
            self._waiting.setdefault(_Key(table, endpoint, hour), []).append(_Piece(fields, part, low, high))
            self.waiting_bytes += part.nbytes
        self.waiting_rows += len(times)
        if self._since_ns is None:
            self._since_ns = now_ns

    def is_due(self, now_ns: int) -> bool:
        if self._since_ns is None:
            return False
        is_old = now_ns - self._since_ns >= self._settings.flush_age * SECOND
        return is_old or self.waiting_bytes >= self._settings.flush_size

    def flush(self) -> list[FileEntry]:
        """Writes what waits; to be committed with the offsets behind it. On a `StoreError` everything still waits."""
        written: list[FileEntry] = []
        try:
            for key, pieces in self._waiting.items():
                groups = gathered([piece.columns for piece in pieces])
                written += (self._write(key, [pieces[at] for at in group]) for group in groups)
        except StoreError:
            for entry in written:
                self._take_back(entry)
            raise
        self.discard()
        return written

    def discard(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()
        self._since_ns = None
        self.waiting_bytes = self.waiting_rows = 0

    def _write(self, key: _Key, pieces: list[_Piece]) -> FileEntry:
        columns = settled(piece.columns for piece in pieces)
        schema = pa.schema([(name, ARROW[kind]) for name, kind in columns.items()])
        table = pa.concat_tables([cells.arranged(piece.batch, schema) for piece in pieces])
        sequence = next(self._sequences)
        path = path_of(key.table, key.endpoint, key.hour, sequence)
        size = write(self._directory, path, schema, [table], self._settings.row_group)
        return FileEntry(
            table=key.table,
            endpoint=key.endpoint,
            path=path,
            rows=table.num_rows,
            bytes=size,
            sequence=sequence,
            min_ns=min(piece.min_ns for piece in pieces),
            max_ns=max(piece.max_ns for piece in pieces),
            columns=columns,
        )

    def _take_back(self, entry: FileEntry) -> None:
        try:
            remove(self._directory / entry.path)
        except (
            StoreError
        ):  # the folder is gone or read-only: it is in no manifest, and removed when the store is next opened
            return


def _arranged(
    table: TableName, columns: Mapping[str, Any], rows: int, kinds: Mapping[str, Kind]
) -> tuple[dict[str, Type], list[pa.Array]]:
    """The columns in their order, in the types that they are kept in."""
    fields: dict[str, Type] = {}
    arrays = []
    for name, wanted, _ in SCHEMAS[table].columns:
        fields[name] = wanted
        arrays.append(cells.fitted(columns.get(name), wanted, rows))
    schema = frozenset(fields)
    names = {as_one(name) for name in fields}
    for name, values in columns.items():
        if name in schema:
            continue
        if table is not TableName.ROWS or not name.startswith((INPUT, OUTPUT)):
            raise ValueError(f"the table {table} has no column {name!r}")
        array = cells.column(values, kinds.get(name))
        kind = cells.type_of(array.type)
        if kind is None:  # nothing but nulls: a query finds the column in other files, or nobody misses it
            continue
        fields[_unlike(name, names)] = kind
        arrays.append(array)
    return fields, arrays


def _unlike(name: str, taken: set[str]) -> str:
    """SQL does not tell `in.Age` from `in.age`: of such a pair, the second is `in.age~2`."""
    free, number = name, 1
    while as_one(free) in taken:
        number += 1
        free = f"{name}~{number}"
    taken.add(as_one(free))
    return free


def _by_hour(times: NDArray[np.int64], batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch, int, int]]:
    """The rows of each hour, with their first and last time."""
    low, high = int(times.min()), int(times.max())
    if low // HOUR_NS == high // HOUR_NS:
        yield low // HOUR_NS * HOUR_NS, batch, low, high
        return
    hours = times // HOUR_NS
    for hour in np.unique(hours):
        chosen = hours == hour
        mine = times[chosen]
        yield int(hour) * HOUR_NS, batch.filter(pa.array(chosen)), int(mine.min()), int(mine.max())

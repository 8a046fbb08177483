"""Rows by the ids of their requests, one row group at a time, so that whoever looks can do something else in between.

Ids are asked for by the thousand and lie anywhere, and the store has no index of them: one would cost every row what few
rows need. So the column of ids is read, newest file first, and the rest only of row groups that hold a wanted one. Where
ids grow with time (UUIDv7, ULID, counters) the extremes that Parquet keeps of each row group spare most of the reading.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.store.files import FileEntry

REQUEST_ID: Final = "request_id"
ROW: Final = "row"
_BETWEEN: Final = "\0"  # never in a header's value, so never in an id

logger = logging.getLogger(__name__)

RowKey = tuple[str, int]  # request id and row


class Found(NamedTuple):
    """Rows of one row group, by column; times are microseconds since 1970."""

    entry: FileEntry
    columns: dict[str, list[Any]]

    def rows(self) -> Iterator[RowKey]:
        return zip(self.columns[REQUEST_ID], self.columns[ROW], strict=True)


class Wanted:
    """Rows, as they are compared with a column."""

    def __init__(self, keys: Iterable[RowKey]) -> None:
        self.keys = frozenset(keys)
        self._sorted = sorted({request_id for request_id, _ in self.keys})
        self._ids = pa.array(self._sorted, pa.string())
        self._both = pa.array([f"{request_id}{_BETWEEN}{row}" for request_id, row in self.keys], pa.string())

    def may_lie_between(self, low: str, high: str) -> bool:
        at = bisect_left(self._sorted, low)
        return at < len(self._sorted) and self._sorted[at] <= high

    def places(self, ids: pa.ChunkedArray, rows: Callable[[], pa.ChunkedArray]) -> pa.Array:
        """Where they stand. Rows are only asked for where an id is wanted."""
        places = pc.indices_nonzero(pc.is_in(ids, value_set=self._ids))
        if not len(places):
            return places
        texts = pc.cast(pc.take(rows(), places), pa.string())
        both = pc.binary_join_element_wise(pc.take(ids, places), texts, _BETWEEN)
        return pc.filter(places, pc.is_in(both, value_set=self._both))


def find(
    directory: Path,
    files: Iterable[FileEntry],
    wanted: Wanted,
    columns: Callable[[FileEntry], Sequence[str]],
    is_needed: Callable[[FileEntry], bool] = lambda _: True,
) -> Iterator[Found | None]:
    """Yields behind every row group, whether something was found there or not.

    `is_needed` is asked before a file is opened. A file that is damaged, or was removed since the manifest was read, is
    left out: what is newest is read first, and only what is old is removed.
    """
    for entry in sorted(files, key=lambda entry: entry.max_ns, reverse=True):
        if not is_needed(entry):
            continue
        try:
            yield from _in_file(directory / entry.path, entry, wanted, columns(entry))
        except (OSError, pa.ArrowException) as error:
            logger.warning("labels cannot be looked for in a file", extra={"path": entry.path, "error": str(error)})


def _in_file(path: Path, entry: FileEntry, wanted: Wanted, columns: Sequence[str]) -> Iterator[Found | None]:
    names = [name for name in dict.fromkeys((REQUEST_ID, ROW, *columns)) if name in entry.columns]
    with pq.ParquetFile(path) as file:
        id_at = file.schema_arrow.names.index(REQUEST_ID)
        for group in range(file.num_row_groups):
            extremes = file.metadata.row_group(group).column(id_at).statistics
            is_told = extremes is not None and extremes.has_min_max
            if is_told and not wanted.may_lie_between(str(extremes.min), str(extremes.max)):
                yield None
            else:
                yield _in_group(file, group, entry, wanted, names)


def _in_group(file: pq.ParquetFile, group: int, entry: FileEntry, wanted: Wanted, names: list[str]) -> Found | None:
    ids = file.read_row_group(group, [REQUEST_ID]).column(REQUEST_ID)
    places = wanted.places(ids, lambda: file.read_row_group(group, [ROW]).column(ROW))
    if not len(places):
        return None
    taken = file.read_row_group(group, names).select(names).take(places)
    for at, field in enumerate(taken.schema):
        if pa.types.is_timestamp(field.type):  # in whole microseconds, as they lie there
            taken = taken.set_column(at, field.name, taken.column(at).cast(pa.int64()))
    return Found(entry, taken.to_pydict())

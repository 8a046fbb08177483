"""A bounded number of rows of a table, in memory or in a file that is read batch by batch, and never a row more."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

_BATCH = 8192
Source: TypeAlias = pa.Table | Path  # the path is of a Parquet file


def names_of(source: Source) -> list[str]:
    return list((source.schema if isinstance(source, pa.Table) else pq.read_schema(source)).names)


def sampled(source: Source, columns: list[str], rows: int, seed: int) -> pa.Table:
    """Rows drawn at random without putting back, in their order; each is as likely as any other."""
    random = np.random.default_rng(seed)
    if isinstance(source, pa.Table):
        return source.select(columns).take(pa.array(_drawn(random, source.num_rows, rows)))
    with pq.ParquetFile(source) as file:
        drawn = _drawn(random, file.metadata.num_rows, rows)
        schema = pa.schema([file.schema_arrow.field(name) for name in columns])
        batches = file.iter_batches(_BATCH, columns=columns)
        return pa.Table.from_batches([batch.select(columns) for batch in _taken(batches, drawn)], schema)


def _drawn(random: np.random.Generator, among: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if among <= rows:
        return np.arange(among)
    return np.sort(random.choice(among, rows, replace=False, shuffle=False))


def _taken(
    batches: Iterable[pa.RecordBatch], places: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        end = start + batch.num_rows
        here = places[np.searchsorted(places, start) : np.searchsorted(places, end)] - start
        if here.size:
            yield batch.take(pa.array(here))
        start = end

"""Reads the tables that baselines are made of: Parquet, CSV and JSON Lines, from a path or a URL, or tables in memory.

A batch at a time, so that a reference larger than the memory can be read; and again from the start for each pass
that `drift.baseline.build` makes. An `s3://`, `gs://` or `hdfs://` URL is Arrow's own; any other goes through fsspec,
if it is installed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.dataset  # type: ignore[import-untyped]
import pyarrow.fs  # type: ignore[import-untyped]
import pyarrow.json  # type: ignore[import-untyped]

from watchtower.drift.baseline import Batch
from watchtower.drift.profiles import key
from watchtower.drift.values import Column, Encoded
from watchtower.errors import WatchtowerError
from watchtower.table import Side

BATCH_ROWS: Final = 50_000
_PREFIXES: Final = ("in.", "out.")
_FORMATS: Final = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
# As pandas reads them, but for NA, which is Namibia.
_NULLS: Final = ("", "#N/A", "N/A", "NULL", "NaN", "None", "nan", "null")


class BaselineError(WatchtowerError):
    """The operator's: a baseline's source cannot be read as a table."""


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table's batches, from the start each time that it is iterated over."""

    source: str | pa.Table
    outputs: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Batch]:
        batches = _opened(self.source) if isinstance(self.source, str) else iter(self.source.to_batches(BATCH_ROWS))
        try:
            for batch in batches:
                names = batch.schema.names
                if batch.num_rows:
                    yield keys(names, self.outputs), [as_column(column) for column in batch.columns]
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise BaselineError(f"{self.source}: {error}") from error


def load_table(source: object, outputs: Sequence[str] = ()) -> TableSource:
    """Of a path or URL, a pandas frame, or an Arrow table. `outputs` are the columns that are the model's answers."""
    if isinstance(source, str | Path):
        return TableSource(str(source), tuple(outputs))
    if isinstance(source, pa.Table):
        return TableSource(source, tuple(outputs))
    try:
        return TableSource(pa.table(source), tuple(outputs))  # what has Arrow's C interface, pandas' frames among it
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BaselineError(f"a {type(source).__name__} is no table: {error}") from error


def keys(names: Sequence[str], outputs: Sequence[str] = ()) -> list[str]:
    """The columns as the product calls them. Names that all say their side (`in.age`, `out.score`) stay as they are."""
    if names and all(name.startswith(_PREFIXES) for name in names):
        return list(names)
    return [key(Side.OUTPUT if name in outputs else Side.INPUT, name) for name in names]


def as_column(array: Any) -> Column:
    """Numbers as an array, with what is null masked; anything else as the cells that JSON would have brought."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return as_column(array.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        encoded = array.dictionary_encode()
        return Encoded(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist())
    if pa.types.is_decimal(kind):
        return as_column(array.cast(pa.float64()))
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
        # As clients write them: numbers would be another kind of column than theirs.
        return as_column(pc.strftime(array.cast(pa.timestamp("us"), safe=False), format="%Y-%m-%dT%H:%M:%SZ"))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(array)
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_null(kind)
    ):
        return list(array.to_pylist())
    return [_cell(cell) for cell in array.to_pylist()]


def _numbers(array: Any) -> Column:
    if not array.null_count:
        return np.asarray(array.to_numpy(zero_copy_only=False))
    zero = pa.scalar(0, array.type)
    mask = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
    filled: Column = np.ma.MaskedArray(array.fill_null(zero).to_numpy(zero_copy_only=False), mask)
    return filled


def _cell(cell: object) -> object:
    """A vector's numbers as they are; an object as text, which is what a person would see of it."""
    if cell is None or isinstance(cell, list):
        return cell
    return json.dumps(cell, default=str, sort_keys=True) if isinstance(cell, dict) else str(cell)


def _opened(source: str) -> Iterator[pa.RecordBatch]:
    form = _FORMATS.get(_suffix(source))
    if form is None:
        raise BaselineError(f"{source}: the name should end in one of {', '.join(sorted(_FORMATS))}")
    filesystem, path = _located(source)
    if form == "parquet":
        yield from pyarrow.dataset.dataset(path, format="parquet", filesystem=filesystem).to_batches(
            batch_size=BATCH_ROWS
        )
        return
    with filesystem.open_input_stream(path) as stream:
        if form == "jsonl":
            yield from pyarrow.json.open_json(stream)
        else:
            delimiter = "\t" if form == "tsv" else ","
            parsing = pyarrow.csv.ParseOptions(delimiter=delimiter)
            missing = pyarrow.csv.ConvertOptions(null_values=_NULLS, strings_can_be_null=True)
            yield from pyarrow.csv.open_csv(stream, parse_options=parsing, convert_options=missing)


def _suffix(source: str) -> str:
    """Of `data/train.csv.gz`, `.csv`: Arrow takes the compression off by the name."""
    name = Path(source.partition("?")[0])
    return name.with_suffix("").suffix if name.suffix in {".gz", ".bz2", ".zst"} else name.suffix


def _located(source: str) -> tuple[Any, str]:
    if "://" not in source:
        return pyarrow.fs.LocalFileSystem(), str(Path(source).expanduser())
    try:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(source)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _by_fsspec(source)
    return filesystem, path


def _by_fsspec(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise BaselineError(f"{url}: such a URL is read by fsspec, which is not installed") from error
    try:
        filesystem, path = fsspec.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BaselineError(f"{url}: {error}") from error
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(filesystem)), path

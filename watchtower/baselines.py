"""Reads the tables that baselines are made of: Parquet, CSV and JSON Lines, from a path or a URL, or tables in memory.

A batch at a time, so that a reference larger than the memory can be read; and again from the start for each pass
that `drift.baseline.build` makes. CSV and JSON Lines do not say what their columns are: a pass before these finds it out,
for a column may be empty in the first million rows, and whole numbers in the next. An `s3://`, `gs://` or `hdfs://` URL
is Arrow's own; any other goes through fsspec, if it is installed.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

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
VECTOR_ROWS: Final = 500  # of which each may have thousands of numbers
BLOCK: Final = 1024 * 1024  # bytes of JSON Lines that are read at once: as many as Arrow's reader takes of CSV
LONGEST_LINE: Final = 16 * 1024 * 1024  # of JSON Lines: a whole table in one line is no such file
_PREFIXES: Final = ("in.", "out.")
_FORMATS: Final = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
# As pandas reads them, but for NA, which is Namibia.
_NULLS: Final = ("", "#N/A", "N/A", "NULL", "NaN", "None", "nan", "null")

_Types = Mapping[str, pa.DataType]
_T = TypeVar("_T")


def no_beat() -> None:
    """Nobody waits."""


class BaselineError(WatchtowerError):
    """The operator's: a baseline's source cannot be read as a table."""


@dataclass(slots=True)
class TableSource:
    """A table's batches, from the start each time that it is iterated over. `beat` is called before each step of reading."""

    source: str | pa.Table
    outputs: tuple[str, ...] = ()
    beat: Callable[[], object] = no_beat
    _types: _Types | None = field(default=None, init=False)

    def __iter__(self) -> Iterator[Batch]:
        try:
            for batch in _beating(self._batches(), self.beat):
                names = keys(batch.schema.names, self.outputs)
                _check_distinct(names)
                if batch.num_rows:
                    yield names, [as_column(column) for column in batch.columns]
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # also times that Python does not have
            raise BaselineError(f"{self.source}: {error}") from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if not isinstance(self.source, str):
            return iter(self.source.to_batches(_rows_at_once(self.source.schema)))
        if self._types is None:
            self._types = _types_of(self.source, self.beat)
        return _opened(self.source, self._types)


def load_table(source: object, outputs: Sequence[str] = (), beat: Callable[[], object] = no_beat) -> TableSource:
    """Of a path or URL, a pandas frame, or an Arrow table. `outputs` are the columns that are the model's answers."""
    if isinstance(source, str | Path):
        return TableSource(str(source), tuple(outputs), beat)
    if isinstance(source, pa.Table):
        return TableSource(source, tuple(outputs), beat)
    try:
        # What has Arrow's C interface, pandas' frames among it.
        return TableSource(pa.table(source), tuple(outputs), beat)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BaselineError(f"a {type(source).__name__} is no table: {error}") from error


def keys(names: Sequence[str], outputs: Sequence[str] = ()) -> list[str]:
    """The columns as the product calls them. Names that all say their side (`in.age`, `out.score`) stay as they are."""
    if names and all(name.startswith(_PREFIXES) for name in names):
        return list(names)
    return [key(Side.OUTPUT if name in outputs else Side.INPUT, name) for name in names]


def _check_distinct(names: Sequence[str]) -> None:
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise pa.ArrowInvalid(f"the column {twice} stands twice")


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


def _beating(steps: Iterable[_T], beat: Callable[[], object]) -> Iterator[_T]:
    beat()
    for step in steps:
        yield step
        beat()


def _rows_at_once(schema: pa.Schema) -> int:
    has_vectors = any(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        for kind in schema.types
    )
    return VECTOR_ROWS if has_vectors else BATCH_ROWS


def _types_of(source: str, beat: Callable[[], object]) -> _Types:
    """The columns of a text, by all of its rows."""
    form, filesystem, path = _found(source)
    if form == "parquet":
        return {}
    if form == "jsonl":
        with filesystem.open_input_stream(path) as stream:
            return _types_of_lines(_beating(_blocks(stream), beat))
    with filesystem.open_input_stream(path) as stream:
        names = _csv(stream, form).schema.names
    with filesystem.open_input_stream(path) as stream:
        return _types_of_csv(_beating(_csv(stream, form, column_types=dict.fromkeys(names, pa.string())), beat))


def _opened(source: str, types: _Types) -> Iterator[pa.RecordBatch]:
    form, filesystem, path = _found(source)
    if form == "parquet":
        table = pyarrow.dataset.dataset(path, format="parquet", filesystem=filesystem)
        yield from table.to_batches(batch_size=_rows_at_once(table.schema), batch_readahead=2)
        return
    with filesystem.open_input_stream(path) as stream:
        if form == "jsonl":
            for line, block in _blocks(stream):
                yield from _json(line, block, pa.schema(list(types.items()))).to_batches(BATCH_ROWS)
        else:
            yield from _csv(stream, form, column_types=types, null_values=_NULLS, strings_can_be_null=True)


def _csv(stream: Any, form: str, **converting: Any) -> Any:
    return pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),  # with threads, an error would not say its row
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if form == "tsv" else ",", newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(**converting),
    )


def _types_of_csv(texts: Iterable[pa.RecordBatch]) -> _Types:
    """What Arrow takes each batch's texts for when they are all that there is; a column of several kinds is text."""
    types: dict[str, pa.DataType] = {}
    for batch in texts:
        written = pa.BufferOutputStream()
        pyarrow.csv.write_csv(batch, written)
        read = pyarrow.csv.read_csv(
            pa.BufferReader(written.getvalue()),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(null_values=_NULLS, strings_can_be_null=True),
        )
        for name, kind in zip(read.schema.names, read.schema.types, strict=True):
            types[name] = _wider(types.get(name, kind), kind) or pa.string()
    return types


def _types_of_lines(blocks: Iterable[tuple[int, bytes]]) -> _Types:
    types: dict[str, pa.DataType] = {}
    for line, block in blocks:
        schema = _json(line, block).schema
        for name, kind in zip(schema.names, map(_as_written, schema.types), strict=True):
            wider = _wider(types.get(name, kind), kind)
            if wider is None:
                raise pa.ArrowInvalid(f"{name}: {types[name]} at first, and {kind} in the lines from {line} on")
            types[name] = wider
    return types


def _json(line: int, block: bytes, schema: pa.Schema | None = None) -> pa.Table:
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(block),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block)),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
        )
    except pa.ArrowInvalid as error:
        raise pa.ArrowInvalid(f"in the lines from {line} on: {error}") from error


def _blocks(stream: Any) -> Iterator[tuple[int, bytes]]:
    """Whole lines, and the number of the first."""
    line, rest = 1, b""
    while more := stream.read(BLOCK):
        whole, end, rest = (rest + more).rpartition(b"\n")
        if whole.strip():
            yield line, whole
        line += whole.count(b"\n") + len(end)
        if len(rest) > LONGEST_LINE:
            raise pa.ArrowInvalid(
                f"the line {line} is longer than {LONGEST_LINE >> 20} MiB: each should hold one object"
            )
    if rest.strip():
        yield line, rest


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds both: of nothing and anything, of whole numbers and others, of days and moments."""
    if one == other:
        return one
    both = [pa.timestamp("s") if pa.types.is_date(kind) else kind for kind in (one, other)]
    try:
        schemas = [pa.schema([("", kind)]) for kind in both]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return None


def _as_written(kind: pa.DataType) -> pa.DataType:
    """JSON has no moments: what Arrow takes for one is a text, as clients send it."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_as_written(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([inner.with_type(_as_written(inner.type)) for inner in kind])
    return kind


def _found(source: str) -> tuple[str, Any, str]:
    form = _FORMATS.get(_suffix(source))
    if form is None:
        raise BaselineError(f"{source}: the name should end in one of {', '.join(sorted(_FORMATS))}")
    return form, *_located(source)


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

import argparse
import csv
import math
import sys
import time
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.analyst.documents import PERFORMANCE, STATUS, PerformanceView
from watchtower.commands import found
from watchtower.commands.labels_shown import disagreeing, told
from watchtower.commands.quantities import count
from watchtower.errors import ConfigError, WatchtowerError
from watchtower.performance.labels import (
    MOST_ERRORS,
    USUAL,
    Label,
    LabelColumns,
    LabelError,
    Parsed,
    parse_json,
    parse_lines,
    parse_rows,
)
from watchtower.store.database import Access
from watchtower.store.fault import StoreError, translated
from watchtower.store.inbox import InboxLabel, Received
from watchtower.store.state import State

EXAMPLES: Final = """\
examples:
  watchtower labels add labels.csv
  watchtower labels add outcomes.parquet --request-id id --value churned --time at --endpoint churn
  watchtower labels show --endpoint churn

CSV (with a header), JSON Lines, JSON and Parquet, by the name's end. A label has a request id, a value, and where they
are known a row within the request (0), a time (now) and an endpoint. Adding a file again changes nothing.
exit status of add: 0 all were taken, 1 only some before the store failed, 2 none was: each mistake is told with its line;
of show: 0 ok, 1 what is estimated without labels and what they say disagree, 2 wrong usage or nothing there."""

_AT_ONCE: Final = 10_000  # in memory, and in a transaction, for which others wait

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parsers = parser.add_subparsers(dest="action", metavar="add|show", required=True)
    adding = parsers.add_parser("add", help="hand labels to the analyst")
    adding.epilog, adding.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    adding.add_argument("file", metavar="FILE", type=Path)
    found.add_arguments(adding, endpoint="of labels that name none themselves; without it, whichever has the id")
    for name in LabelColumns.__struct_fields__:
        flag, default = f"--{name.replace('_', '-')}", getattr(USUAL, name)
        flag += "-column" * (name == "endpoint")
        adding.add_argument(flag, metavar="COLUMN", default=default, dest=f"column_{name}", help=f"({default})")

    showing = parsers.add_parser("show", help="what labels say of the answers, and what is estimated without them")
    showing.epilog, showing.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    found.add_arguments(showing)
    showing.add_argument("--segments", metavar="N", type=count, default=5, help="show so many of them (5)")


def main(args: argparse.Namespace) -> int:
    return _add(args) if args.action == "add" else _show(args)


def _show(args: argparse.Namespace) -> int:
    views = found.documents(args.data_dir, PERFORMANCE, PerformanceView, args.endpoint)
    if args.json:
        found.print_json(views)
    else:
        now = time.time()
        found.print_lines([line for view in views for line in (*told(view, now, args.segments), "")][:-1])
    return 1 if any(disagreeing(view) for view in views) else 0


def _add(args: argparse.Namespace) -> int:
    columns = LabelColumns(**{name: getattr(args, f"column_{name}") for name in LabelColumns.__struct_fields__})
    now_ns = time.time_ns()
    # To write makes a state where there is none, and nobody would read it; to read asks for one first.
    with found.opened(args.data_dir) as there:
        endpoints = [key.removeprefix(f"{STATUS}/") for key in there.documents(f"{STATUS}/")] or None
    if args.endpoint is not None and args.endpoint not in (endpoints or [args.endpoint]):
        raise ConfigError([f"--endpoint must be one of {', '.join(endpoints or [])}"])
    count = _checked(args.file, read(args.file, columns, now_ns, endpoints))
    with found.opened(args.data_dir, Access.WRITE) as state:
        pieces = read(args.file, columns, now_ns, endpoints)
        total = _put(state, args.file, pieces, count, args.endpoint or "")
    if args.json:
        found.print_json(dict(total))
    else:
        sys.stdout.write(", ".join(f"{number:,} {name}" for name, number in total.items()) + "\n")
    return 0


def _checked(path: Path, pieces: Iterator[Parsed]) -> int:
    """How many there are. Before one is taken, all are read: whoever corrects the file need not know which were."""
    errors: list[LabelError] = []
    right = wrong = 0
    for piece in pieces:
        errors += piece.errors[: MOST_ERRORS - len(errors)]
        right, wrong = right + len(piece.labels), wrong + sum(piece.faults.values())
    if wrong:
        told = [f"{path}:{error.line}: {error.message}" for error in errors]
        more = [f"{path}: and {wrong - len(errors)} more"] if wrong > len(errors) else []
        raise ConfigError([*told, *more, f"{path}: {wrong} of {wrong + right} are wrong: none was taken"])
    return right


def _put(state: State, path: Path, pieces: Iterator[Parsed], count: int, endpoint: str) -> Counter[str]:
    total: Counter[str] = Counter(dict.fromkeys(Received._fields, 0))
    try:
        for piece in pieces:
            for labels in _pieces(map(InboxLabel.of, _right(path, piece))):
                received = state.labels.put(one if one.endpoint else one._replace(endpoint=endpoint) for one in labels)
                total.update(received._asdict())
    except (StoreError, ConfigError) as error:
        if not (taken := total.total()):
            raise
        message = f"{error}: {taken:,} of {count:,} were taken; adding the file again is safe"
        raise WatchtowerError(message) from error
    return total


def _right(path: Path, piece: Parsed) -> list[Label]:
    if piece.errors:
        raise ConfigError([f"{path}: was changed while it was read"])
    return piece.labels


def read(path: Path, columns: LabelColumns, now_ns: int, endpoints: Collection[str] | None) -> Iterator[Parsed]:
    """In pieces, each of which is put at once. A ConfigError when it is no such file at all; mistakes in its lines are in what is given."""
    told = columns, endpoints
    try:
        with translated(path):
            match path.suffix.lower():
                case ".csv":
                    with path.open(encoding="utf-8-sig", newline="") as file:
                        rows = csv.DictReader(file)
                        for few in _pieces((rows.line_num, row) for row in rows):
                            yield parse_rows(few, now_ns, *told)
                case ".jsonl" | ".ndjson":
                    with path.open("rb") as lines:
                        lines.seek(len(BOM_UTF8) * (lines.read(len(BOM_UTF8)) == BOM_UTF8))
                        for piece in _pieces(enumerate(lines, 1)):
                            yield parse_lines(piece, now_ns, *told)
                case ".json":
                    yield parse_json(path.read_bytes().removeprefix(BOM_UTF8), now_ns, *told)
                case ".parquet" | ".pq":
                    for some in _pieces(enumerate(_parquet_rows(path, columns), 1)):
                        yield parse_rows(some, now_ns, *told)
                case _:
                    ends = ".csv, .jsonl, .ndjson, .json, .parquet or .pq"
                    raise ConfigError([f"{path}: expected a name that ends in {ends}"])
    except (StoreError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error


def _pieces(items: Iterator[T]) -> Iterator[list[T]]:
    while piece := list(islice(items, _AT_ONCE)):
        yield piece


def _parquet_rows(path: Path, columns: LabelColumns) -> Iterator[dict[str, object]]:
    """Without the columns that are no label's: there may be hundreds."""
    with pq.ParquetFile(path) as file:
        names = [name for name in msgspec.structs.astuple(columns) if name in file.schema_arrow.names]
        for batch in file.iter_batches(columns=names):
            found = dict(zip(batch.schema.names, map(_python_values, batch.columns), strict=True))
            yield from ({name: values[at] for name, values in found.items()} for at in range(batch.num_rows))


def _python_values(column: pa.Array) -> list[object]:
    """NaN for what Python has no value of, such as a time behind the year 9999: no part of a label may be that."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":  # which only pandas could take whole
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_python_value(scalar) for scalar in column]


def _python_value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return math.nan

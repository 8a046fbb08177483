import argparse
import csv
import math
import sys
import time
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.analyst.documents import PERFORMANCE, PerformanceView
from watchtower.commands import found
from watchtower.commands.labels_shown import disagreeing, told
from watchtower.commands.quantities import count
from watchtower.errors import ConfigError, WatchtowerError
from watchtower.performance.labels import USUAL, Label, LabelColumns, Parsed, parse_json, parse_lines, parse_rows
from watchtower.store.database import Access
from watchtower.store.fault import StoreError, translated
from watchtower.store.inbox import InboxLabel, Received
from watchtower.store.state import State

EXAMPLES: Final = """\
examples:
  watchtower labels add labels.csv
  watchtower labels add outcomes.parquet --request-id id --value churned --time at
  watchtower labels show --endpoint churn

CSV (with a header), JSON Lines, JSON and Parquet, by the name's end. A label has a request id, a value, and where they
are known a row within the request (0) and a time (now). Adding a file again changes nothing.
exit status of add: 0 all were taken, 1 only some before the store failed, 2 none was: each mistake is told with its line;
of show: 0 ok, 1 what is estimated without labels and what they say disagree, 2 wrong usage or nothing there."""

_AT_ONCE: Final = 10_000  # in a transaction, for which others wait


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parsers = parser.add_subparsers(dest="action", metavar="add|show", required=True)
    adding = parsers.add_parser("add", help="hand labels to the analyst")
    adding.epilog, adding.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    adding.add_argument("file", metavar="FILE", type=Path)
    found.add_arguments(adding, endpoint=None)
    for name in LabelColumns.__struct_fields__:
        flag, default = f"--{name.replace('_', '-')}", getattr(USUAL, name)
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
    parsed = read(args.file, columns, time.time_ns())
    if parsed.errors:
        wrong = sum(parsed.faults.values())
        more = [f"{args.file}: and {wrong - len(parsed.errors)} more"] if wrong > len(parsed.errors) else []
        told = [f"{args.file}:{error.line}: {error.message}" for error in parsed.errors]
        raise ConfigError(
            [*told, *more, f"{args.file}: {wrong} of {wrong + len(parsed.labels)} are wrong: none was taken"]
        )
    # To write makes a state where there is none, and nobody would read it; to read asks for one first.
    with found.opened(args.data_dir), found.opened(args.data_dir, Access.WRITE) as state:
        total = _put(state, parsed.labels)
    if args.json:
        found.print_json(dict(total))
    else:
        sys.stdout.write(", ".join(f"{count:,} {name}" for name, count in total.items()) + "\n")
    return 0


def _put(state: State, labels: Sequence[Label]) -> Counter[str]:
    total: Counter[str] = Counter(dict.fromkeys(Received._fields, 0))
    for taken in range(0, len(labels), _AT_ONCE):
        try:
            received = state.labels.put(InboxLabel.of(label) for label in labels[taken : taken + _AT_ONCE])
        except StoreError as error:
            if not taken:
                raise
            message = f"{error}: {taken:,} of {len(labels):,} were taken; adding the file again is safe"
            raise WatchtowerError(message) from error
        total.update(received._asdict())
    return total


def read(path: Path, columns: LabelColumns, now_ns: int) -> Parsed:
    """A ConfigError when it is no such file at all; mistakes in its lines are in what is given."""
    try:
        with translated(path):
            match path.suffix.lower():
                case ".csv":
                    with path.open(encoding="utf-8-sig", newline="") as file:
                        rows = csv.DictReader(file)
                        return parse_rows(((rows.line_num, row) for row in rows), now_ns, columns)
                case ".jsonl" | ".ndjson":
                    with path.open("rb") as lines:
                        lines.seek(len(BOM_UTF8) * (lines.read(len(BOM_UTF8)) == BOM_UTF8))
                        return parse_lines(lines, now_ns, columns)
                case ".json":
                    return parse_json(path.read_bytes().removeprefix(BOM_UTF8), now_ns, columns)
                case ".parquet" | ".pq":
                    return parse_rows(enumerate(_parquet_rows(path, columns), 1), now_ns, columns)
    except (StoreError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error
    raise ConfigError([f"{path}: expected a name that ends in .csv, .jsonl, .ndjson, .json, .parquet or .pq"])


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

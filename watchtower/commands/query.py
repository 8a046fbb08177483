import argparse
import csv
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any, Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.clock import SECOND
from watchtower.commands import found
from watchtower.commands.quantities import count, duration, new_file
from watchtower.store.fault import translated
from watchtower.store.query import Answer, Query
from watchtower.store.settings import StoreSettings
from watchtower.store.statement import QueryError

EXAMPLES: Final = """\
examples:
  watchtower query "show tables"
  watchtower query "select outcome, count(*) from exchanges group by outcome order by 2 desc"
  watchtower query --last 1h "select variant, quantile_cont(service_ns, 0.99) / 1e6 as p99_ms from exchanges where service_ns >= 0 group by variant"
  watchtower query --parquet rows.parquet 'select * from "rows_churn" where "in.age" > 40'"""
_WIDEST: Final = 60  # of a column of the table
_WRONG: Final = 2  # the exit status of SQL that is refused or wrong: it is how the command was used
# Sums of integers come as decimals: numbers, of any size, digit by digit.
_json: Final = msgspec.json.Encoder(enc_hook=str, decimal_format="number")

Row = Sequence[Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument(
        "sql", metavar="SQL", help="one statement that reads: SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN"
    )
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="(.watchtower)")
    found.add_config(parser)
    parser.add_argument(
        "--last", metavar="DURATION", type=duration, help="open only files with rows of the last 1h, 7d, …"
    )
    parser.add_argument(
        "--limit", metavar="N", type=count, default=1000, help="rows of the table that are shown (1000)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="leave out files of which a byte turned on the disk; slow"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a row")
    form.add_argument("--csv", action="store_true", help="print CSV with a header")
    form.add_argument("--parquet", metavar="FILE", type=new_file, help="write a Parquet file")


def main(args: argparse.Namespace) -> int:
    with _ended_at_once(args.parquet and _temporary(args.parquet)):
        return _ask(args)


@contextmanager
def _ended_at_once(half: Path | None) -> Iterator[None]:
    """By Control-C and SIGTERM, with nothing left half written.

    Python tells of signals between two of its own steps, and one of DuckDB's may take for ever. So a thread is told of them.
    """
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)

    def watch() -> None:
        if told := os.read(ear, 1):
            if half is not None:
                half.unlink(missing_ok=True)
            os._exit(128 + told[0])  # as shells have it

    numbers = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]
    handlers = {each: signal.signal(each, lambda *_: None) for each in numbers}
    earlier = signal.set_wakeup_fd(mouth)
    thread = Thread(target=watch, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(mouth)
        thread.join()
        os.close(ear)


def _ask(args: argparse.Namespace) -> int:
    since_ns = None if args.last is None else time.time_ns() - round(args.last * SECOND)
    config, data_dir = found.configured(args)
    with Query(data_dir, config.store if config else StoreSettings(), since_ns=since_ns, verify=args.verify) as query:
        for path in query.left_out:
            sys.stderr.write(f"left out, for it is damaged or gone: {path}\n")
        try:
            answer = query.run(args.sql)
            _print(answer, args)
        except QueryError as error:
            sys.stderr.write(f"{error}\n")
            return _WRONG
    return 0


def _print(answer: Answer, args: argparse.Namespace) -> None:
    if args.parquet is not None:
        rows = _write_parquet(answer, args.parquet)
        sys.stderr.write(f"{rows:,} rows written to {args.parquet}\n")
    elif args.json:
        names = _unlike(answer.schema.names)
        for row in _rows(answer):
            sys.stdout.write(_json.encode(dict(zip(names, row, strict=True))).decode() + "\n")
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.schema.names)
        writer.writerows([_plain(value) for value in row] for row in _rows(answer))
    else:
        _print_table(answer, args.limit)


def _rows(answer: Answer) -> Iterator[Row]:
    """As tuples: two columns of an answer may have the same name."""
    for batch in answer.batches():
        yield from _taken(batch)


def _taken(batch: pa.RecordBatch) -> Iterator[Row]:
    try:
        return zip(*map(_values, batch.columns), strict=True)
    except (OverflowError, ValueError) as error:  # ValueError where there is no pandas to hold nanoseconds
        raise QueryError(
            "a time in the answer has nanoseconds, or is not of the years 1 to 9999: cast it to VARCHAR"
        ) from error


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return list(map(_length, values)) if pa.types.is_interval(column.type) else values


def _length(value: pa.MonthDayNano | None) -> str | None:
    if value is None:
        return None
    parts = ((value.months, "mo"), (value.days, "d"), (value.nanoseconds / SECOND, "s"))
    return " ".join(f"{number:g}{unit}" for number, unit in parts if number) or "0s"


def _unlike(names: Sequence[str]) -> list[str]:
    """An object has each name once: of columns that share one, the second is NAME_1."""
    found: list[str] = []
    for name in names:
        free, number = name, 0
        while free in found or (number and free in names):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def _print_table(answer: Answer, limit: int) -> None:
    shown, left = _first(answer, limit)
    if _is_plan(answer, shown):
        sys.stdout.write(f"{shown[0][1]}\n")
        return
    names = [_cell(name) for name in answer.schema.names]
    texts = [[_cell(value) for value in row] for row in shown]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    align = [_aligned(field.type) for field in answer.schema]
    for cells in (names, ["─" * width for width in widths], *texts):
        line = "  ".join(put(text, width) for put, text, width in zip(align, cells, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
    if left:
        sys.stderr.write(f"{left:,} more rows; --limit, --csv and --parquet show them\n")


def _first(answer: Answer, limit: int) -> tuple[list[Row], int]:
    """The first rows, and how many there are behind them: those are counted, not looked at."""
    shown: list[Row] = []
    left = 0
    for batch in answer.batches():
        taken = batch.slice(0, limit - len(shown))
        shown += _taken(taken)
        left += batch.num_rows - taken.num_rows
    return shown, left


def _is_plan(answer: Answer, rows: Sequence[Row]) -> bool:
    return answer.schema.names == ["explain_key", "explain_value"] and len(rows) == 1


def _aligned(kind: pa.DataType) -> Callable[[str, int], str]:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return str.rjust if is_number else str.ljust


def _cell(value: Any) -> str:
    """One line, no wider than a reader bears; nothing that a client sent may steer the terminal."""
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e15 else f"{value:g}"
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in _plain(value)[: _WIDEST + 1])
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(" ").replace("+00:00", "Z")
    if isinstance(value, bytes | list | dict | bool):
        return _json.encode(value).decode()
    return str(value)


def _write_parquet(answer: Answer, path: Path) -> int:
    """Under another name until it is whole."""
    temporary = _temporary(path)
    rows = 0
    with translated(path):
        try:
            with _parquet(temporary, answer.schema) as writer:
                for batch in answer.batches():
                    writer.write_batch(batch)
                    rows += batch.num_rows
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return rows


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    try:
        return pq.ParquetWriter(path, schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise QueryError(f"Parquet has no such column, cast it to VARCHAR: {error}") from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")

"""Lines of values: CSV and lines of JSON, as MLflow, SageMaker and scripts send them.

A cell that is empty is missing, one that reads as a number is one (`nan` and `inf` included, as pandas and numpy write
them), anything else is text.
"""

import csv
from collections.abc import Iterator
from typing import Any, Final

from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.limits import MAX_COLUMNS, MAX_ROWS
from watchtower.payload.parse import as_text, bounded, check_count, check_lines, parsed
from watchtower.payload.rows import check_size, list_rows, named
from watchtower.table import EMPTY, Cell, Table

_HEAD: Final = 64 * 1024  # of a body, where its header must end
_LONGEST_INTEGER: Final = 19  # digits that may fit 64 bits


def csv_rows(body: bytes) -> list[list[Cell]]:
    """Every line that is not blank. They may differ in length: whoever asks says whether they may."""
    check_count(body)
    check_lines(body)
    rows: list[list[Cell]] = []
    # Without strict, a quote that is never closed would silently swallow what follows it.
    reader = csv.reader(_lines(as_text(body)), strict=True)
    try:
        for line in reader:
            if len(line) > MAX_COLUMNS:
                raise PayloadError(Fault.TOO_WIDE, f"{len(line)} columns, more than {MAX_COLUMNS}")
            if line:
                rows.append(line)  # type: ignore[arg-type]  # text is a cell, too
            if len(rows) > MAX_ROWS + 1:
                raise PayloadError(Fault.TOO_MANY_ROWS, f"more than {MAX_ROWS} rows")
    except csv.Error as error:
        raise PayloadError(Fault.NOT_CSV, f"line {reader.line_num}") from error
    if not rows:
        raise PayloadError(Fault.EMPTY)
    return rows


def csv_table(body: bytes, *, has_header: bool) -> Table:
    rows = csv_rows(body)
    header: list[Any] | None = None
    if has_header:
        header, rows = rows[0], rows[1:]
    if not rows:
        return EMPTY
    names = named(header) if header is not None else None
    return list_rows([list(map(value, row)) for row in rows], names)


def value(text: Any) -> Cell:
    """A cell as what it reads as."""
    try:
        number = float(text)
    except ValueError:
        return text or None
    if "_" in text:  # Python's own way to write 1_000, which no CSV means
        return str(text)
    digits = text.strip().lstrip("+-")
    return bounded(int(text)) if digits.isdecimal() and len(digits) <= _LONGEST_INTEGER else number


def _lines(text: str) -> Iterator[str]:
    """Only ends of lines end a line; `splitlines` would cut text at ten more characters."""
    return (f"{line}\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n"))


def has_header(body: bytes) -> bool:
    """Whether the first line is of names: none of them a number, none missing, none twice, and a line follows.

    But the first may be: so pandas writes the column of its index, unless it is told not to.
    """
    lines = _lines(body[:_HEAD].decode("utf-8-sig", "replace"))
    try:
        first = next(filter(None, csv.reader(lines, strict=True)), [])
    except csv.Error:
        return False
    cells = [value(name) for name in (first[1:] if first and not first[0] else first)]
    is_of_names = all(type(cell) is str for cell in cells) and len(set(cells)) == len(cells)
    return bool(cells) and is_of_names and any(line.strip() for line in lines)


def json_lines(body: bytes) -> list[Any]:
    """A document a line."""
    check_count(body)
    check_lines(body)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not lines:
        raise PayloadError(Fault.EMPTY)
    check_size(len(lines), 1)
    return [parsed(line) for line in lines]

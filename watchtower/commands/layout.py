"""Tables and numbers for a person at a terminal: aligned, at most 100 columns wide, the same in a pipe."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from watchtower.units import format_duration

WIDTH: Final = 100
NOTHING: Final = "–"
_GAP: Final = 2
_LEAST: Final = 8  # that a column is cut down to


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "", indent: int = 2) -> list[str]:
    """Lines. Columns named in `right` are numbers; where the whole is too wide, the last column is cut."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = WIDTH - indent - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    widths[-1] = max(min(widths[-1], room), _LEAST)
    numbers = [name in right.split() for name in head]
    lines = []
    for row in cells:
        put = [
            cut(cell, width).rjust(width) if is_number else cut(cell, width).ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        ]
        lines.append((" " * indent + (" " * _GAP).join(put)).rstrip())
    return lines


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def printable(text: str) -> str:
    """Nothing that a client sent may steer the terminal, or begin a line of its own."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.3e}"


def share(value: float | None) -> str:
    return NOTHING if value is None or math.isnan(value) else f"{100 * value:.3g}%"


def seconds(value: float | None) -> str:
    """A difference of times, with its sign."""
    if value is None or math.isnan(value):
        return NOTHING
    sign = "-" if value < 0 else "+"
    return "0s" if value == 0 else f"{sign}{format_duration(float(f'{abs(value):.3g}'))}"


def moment(at: float | None, now: float) -> str:
    """`2026-11-20 21:43 UTC, 3m ago`."""
    if at is None:
        return NOTHING
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC, {ago(now - at)}"


def ago(passed: float) -> str:
    if passed < 0:
        return "ahead of our clock"
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed >= 2 * length:
            return f"{passed // length:.0f}{unit} ago"
    return f"{passed:.0f}s ago"

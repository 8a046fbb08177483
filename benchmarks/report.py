"""What a part of the benchmark says: tables for people, claims that hold or fail, numbers for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """In Markdown, so that it can be pasted where it is wanted."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        header, *rows = [_line(row, widths) for row in (self.header, *self.rows)]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([f"### {self.title}", "", header, rule, *rows])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "|" + "|".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "|"


@dataclass(frozen=True, slots=True)
class Claim:
    """A value for each round, and the bound that their median must not pass; without a bound it is only told."""

    text: str
    values: tuple[float, ...]
    bound: float | None = None

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def has_failed(self) -> bool:
        return self.bound is not None and not self.value <= self.bound

    def row(self) -> tuple[str, ...]:
        verdict = "told" if self.bound is None else "FAILED" if self.has_failed else "held"
        bound = "" if self.bound is None else f"≤ {self.bound:g}"
        return self.text, f"{self.value:.3g}", f"{min(self.values):.3g} to {max(self.values):.3g}", bound, verdict


def ratio(text: str, ours: Sequence[float], theirs: Sequence[float], bound: float | None = None) -> Claim:
    """Round by round, so that what slows the machine for a while slows both sides of a ratio."""
    return Claim(text, tuple(our / their for our, their in zip(ours, theirs, strict=True)), bound)


def claims_table(claims: Sequence[Claim]) -> Table:
    header = ("claim", "median", "rounds", "must", "verdict")
    return Table("What must hold", header, [claim.row() for claim in claims])


@dataclass(frozen=True, slots=True)
class Part:
    tables: list[Table]
    claims: list[Claim]
    numbers: Any  # what `--json` writes

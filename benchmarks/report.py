"""What a part of the benchmark says: tables for people, claims that hold or fail, numbers for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb
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


class Verdict(StrEnum):
    HELD = "held"
    FAILED = "FAILED"
    UNCLEAR = "unclear"  # over the bound, and by less than the rounds differ among themselves
    TOLD = "told"  # nothing is asked of it


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
    def interval(self) -> tuple[float, float]:
        """Holds the true median in 95 of 100 runs, whatever the distribution; all that was seen when rounds are few.

        The number of rounds below the median is binomial, so the outermost values whose tail is under 2.5 % are left out.
        """
        ordered, number = sorted(self.values), len(self.values)
        left_out, tail = 0, 0.5**number
        while tail <= 0.025:
            left_out += 1
            tail += comb(number, left_out) * 0.5**number
        left_out = max(left_out - 1, 0)
        return ordered[left_out], ordered[-1 - left_out]

    @property
    def verdict(self) -> Verdict:
        if self.bound is None:
            return Verdict.TOLD
        if self.value <= self.bound:
            return Verdict.HELD
        return Verdict.FAILED if self.interval[0] > self.bound else Verdict.UNCLEAR

    def row(self) -> tuple[str, ...]:
        low, high = self.interval
        bound = "" if self.bound is None else f"≤ {self.bound:g}"
        return self.text, f"{self.value:.3g}", f"{low:.3g} to {high:.3g}", bound, self.verdict


def ratio(text: str, ours: Sequence[float], theirs: Sequence[float], bound: float | None = None) -> Claim:
    """Round by round, so that what slows the machine for a while slows both sides of a ratio."""
    return Claim(text, tuple(our / their for our, their in zip(ours, theirs, strict=True)), bound)


def claims_table(claims: Sequence[Claim]) -> Table:
    header = ("claim", "median", "of rounds, 95 %", "must", "verdict")
    return Table("What must hold", header, [claim.row() for claim in claims])


@dataclass(frozen=True, slots=True)
class Part:
    tables: list[Table]
    claims: list[Claim]
    numbers: Any  # what `--json` writes

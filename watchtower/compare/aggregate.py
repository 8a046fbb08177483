"""What all pairs of one shadow come to: whole, by segment, by output column and by path of the answer.

Everything merges by addition and is equal to the totals of all pairs at once, but for the quantile sketches of the
latencies (KLL, k = 200, rank error 1.33 % at 99 % confidence), which are equal within that error. What is over a cap is
added up under one name, and the number of differences that went there is counted.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
from datasketches import kll_doubles_sketch  # type: ignore[import-untyped]

from watchtower.compare.column_totals import ColumnTotals
from watchtower.compare.difference import COMPARED, Difference, Failure
from watchtower.compare.readings import Measure
from watchtower.compare.structure import OTHER_PATHS, Change

VERSION: Final = 1
OTHER: Final = "other"
QUANTILES: Final = (0.5, 0.95, 0.99)
_K: Final = 200


class PairTotals:
    """Pairs of one segment, or of all."""

    __slots__ = ("_waiting", "agreeing", "compared", "failures", "pairs", "rows", "rows_disagreeing", "sketches")

    def __init__(self) -> None:
        self.pairs = self.compared = self.agreeing = self.rows = self.rows_disagreeing = 0
        self.failures: Counter[Failure] = Counter()
        self.sketches: list[Any] = [kll_doubles_sketch(_K) for _ in range(3)]  # primary, shadow, their difference
        self._waiting: list[tuple[int, int]] = []  # latencies: a sketch takes an array of them 50 times as fast

    def add(self, difference: Difference) -> None:
        failure = difference.failure
        self.pairs += 1
        self.failures[failure] += 1
        if failure in COMPARED:
            self.compared += 1
            self.agreeing += difference.agrees
            self.rows += difference.rows
            self.rows_disagreeing += difference.rows_disagreeing
        elif failure is not Failure.UNREADABLE:
            return
        self._waiting.append((difference.primary_ns, difference.shadow_ns))
        if len(self._waiting) >= 4096:
            self._settle()

    @property
    def disagreement(self) -> float:
        """Share of the pairs that were compared; NaN without one."""
        return 1 - self.agreeing / self.compared if self.compared else math.nan

    def latencies(self) -> dict[str, tuple[float, ...]]:
        """Quantiles in seconds of the primary, the shadow, and of their difference in one pair."""
        self._settle()
        sketches = zip(("primary", "shadow", "difference"), self.sketches, strict=True)
        return {
            name: tuple(value / 1e9 for value in sketch.get_quantiles(list(QUANTILES)))
            for name, sketch in sketches
            if not sketch.is_empty()
        }

    def merge(self, other: "PairTotals") -> None:
        other._settle()  # noqa: SLF001  of the same class
        self._settle()
        self.pairs += other.pairs
        self.compared += other.compared
        self.agreeing += other.agreeing
        self.rows += other.rows
        self.rows_disagreeing += other.rows_disagreeing
        self.failures += other.failures
        for own, others in zip(self.sketches, other.sketches, strict=True):
            own.merge(others)

    def _settle(self) -> None:
        if not self._waiting:
            return
        times = np.array(self._waiting, np.float64)
        self._waiting.clear()
        for sketch, values in zip(self.sketches, (times[:, 0], times[:, 1], times[:, 1] - times[:, 0]), strict=True):
            sketch.update(np.ascontiguousarray(values))

    def document(self) -> tuple[Any, ...]:
        self._settle()
        numbers = (self.pairs, self.compared, self.agreeing, self.rows, self.rows_disagreeing)
        return (*numbers, dict(self.failures), [sketch.serialize() for sketch in self.sketches])

    @classmethod
    def of_document(cls, document: Iterable[Any]) -> "PairTotals":
        totals = cls()
        totals.pairs, totals.compared, totals.agreeing, totals.rows, totals.rows_disagreeing, *rest = document
        totals.failures = Counter({Failure(name): count for name, count in rest[0].items()})
        totals.sketches = [kll_doubles_sketch.deserialize(sketch) for sketch in rest[1]]
        return totals


class ShadowTotals:
    def __init__(self, max_segments: int, max_columns: int) -> None:
        self._max_segments, self._max_columns = max_segments, max_columns
        self.whole = PairTotals()
        self.segments: dict[str, PairTotals] = {}
        self.columns: dict[tuple[str, Measure], ColumnTotals] = {}
        self.equal_rows = 0  # of pairs whose bodies are the same: nobody looked at their columns, and all of them agree
        self.paths: Counter[tuple[str, Change]] = Counter()
        self.left_out: Counter[str] = Counter()  # pairs, columns and paths that went to `other`, by which cap

    def add(self, difference: Difference, segment: str | None = None) -> None:
        """One pair. `segment`: its key; None where no segments are configured."""
        self.whole.add(difference)
        if difference.agrees and not difference.columns:
            self.equal_rows += difference.rows
        if segment is not None:
            self._segment(segment).add(difference)
        for name, column in difference.columns.items():
            totals = self.columns.get((name, column[0])) or self._column(name, column[0])
            totals.add(column)
        for path, change, times in difference.paths:
            self._add_path(path, change, times)

    def _segment(self, key: str) -> PairTotals:
        totals = self.segments.get(key)
        if totals is None:
            if len(self.segments) >= self._max_segments and key != OTHER:
                self.left_out["segments"] += 1
                return self._segment(OTHER)
            totals = self.segments[key] = PairTotals()
        return totals

    def _column(self, name: str, measure: Measure) -> ColumnTotals:
        key = (name, measure)
        if key not in self.columns and len(self.columns) >= self._max_columns and name != OTHER:
            self.left_out["columns"] += 1
            key = (OTHER, measure)
        return self.columns.setdefault(key, ColumnTotals())

    def _add_path(self, path: str, change: Change, times: int) -> None:
        key = (path, change)
        if key not in self.paths and len(self.paths) >= self._max_columns and path != OTHER_PATHS:
            self.left_out["paths"] += times
            key = (OTHER_PATHS, change)
        self.paths[key] += times

    def merge(self, other: "ShadowTotals") -> None:
        """Equal to all pairs at once while no cap is reached; beyond it, whose segment was first keeps its name."""
        self.whole.merge(other.whole)
        for key, totals in other.segments.items():
            self._segment(key).merge(totals)
        for (name, measure), column in other.columns.items():
            self._column(name, measure).merge(column)
        for (path, change), times in other.paths.items():
            self._add_path(path, change, times)
        self.equal_rows += other.equal_rows
        self.left_out += other.left_out

    def state(self) -> bytes:
        segments = {key: totals.document() for key, totals in self.segments.items()}
        columns = [(name, measure, totals) for (name, measure), totals in self.columns.items()]
        paths = [(path, change, times) for (path, change), times in self.paths.items()]
        document = (VERSION, self.whole.document(), segments, columns, paths, dict(self.left_out), self.equal_rows)
        return msgspec.msgpack.encode(document)

    def restore(self, state: bytes) -> None:
        version, whole, segments, columns, paths, left_out, self.equal_rows = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a state of totals of version {version}, and {VERSION} is read")
        self.whole = PairTotals.of_document(whole)
        self.segments = {key: PairTotals.of_document(totals) for key, totals in segments.items()}
        self.columns = {(name, Measure(measure)): ColumnTotals(*totals) for name, measure, totals in columns}
        self.paths = Counter({(path, Change(change)): times for path, change, times in paths})
        self.left_out = Counter(left_out)

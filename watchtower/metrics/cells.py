"""Counting on the hot path: a series is looked up once, then a count is one addition in mapped memory.

Cells are made by one thread. An addition is not atomic between threads, so each cell is counted by one thread only.
"""

from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from watchtower.metrics.catalogue import Kind, Metric
from watchtower.metrics.files import Place, SeriesFile, series_key


class Counter:
    __slots__ = ("_index", "_view")

    def __init__(self, place: Place) -> None:
        self._view, self._index = place

    def inc(self, amount: float = 1.0) -> None:
        self._view[self._index] += amount

    @property
    def value(self) -> float:
        return self._view[self._index]


class Gauge:
    __slots__ = ("_index", "_view")

    def __init__(self, place: Place) -> None:
        self._view, self._index = place

    def set(self, value: float) -> None:
        self._view[self._index] = value

    def add(self, amount: float) -> None:
        self._view[self._index] += amount

    @property
    def value(self) -> float:
        return self._view[self._index]


class Histogram:
    """Each bucket holds its own count alone: prometheus_client adds them up when the page is made."""

    __slots__ = ("_bounds", "_buckets", "_index", "_view")

    def __init__(self, total: Place, bounds: tuple[float, ...], buckets: tuple[Place, ...]) -> None:
        self._view, self._index = total
        self._bounds = bounds
        self._buckets = buckets

    def observe(self, value: float) -> None:
        view, index = self._buckets[bisect_left(self._bounds, value)]
        view[index] += 1.0
        self._view[self._index] += value


_C = TypeVar("_C", Counter, Gauge, Histogram)


class Cells:
    """Every cell of one process, by metric and label values; asked twice, the same cell is given.

    `process` is an ordinal that is never used again in this directory (`w1`, `w2`, `supervisor`), not a pid: a pid that
    came back would overwrite what its predecessor counted.
    """

    def __init__(self, directory: Path, process: str) -> None:
        self._directory = directory
        self._process = process
        self._files: dict[str, SeriesFile] = {}
        self._cells: dict[tuple[str, tuple[str, ...]], object] = {}

    def counter(self, metric: Metric, *values: str) -> Counter:
        return self._cell(metric, Kind.COUNTER, values, lambda labels: Counter(self._place(metric, "_total", labels)))

    def gauge(self, metric: Metric, *values: str) -> Gauge:
        return self._cell(metric, Kind.GAUGE, values, lambda labels: Gauge(self._place(metric, "", labels)))

    def histogram(self, metric: Metric, *values: str) -> Histogram:
        def made(labels: dict[str, str]) -> Histogram:
            total = self._place(metric, "_sum", labels)
            places = [self._place(metric, "_bucket", {**labels, "le": str(b)}) for b in metric.buckets]
            return Histogram(total, metric.buckets, tuple(places))

        return self._cell(metric, Kind.HISTOGRAM, values, made)

    def counters(self, metric: Metric, *values: str) -> dict[str, Counter]:
        """A counter for each value of the last label, whose list is closed: all of them show at zero from the start."""
        return {last: self.counter(metric, *values, last) for last in metric.labels[-1].values}

    def gauges(self, metric: Metric, *values: str) -> dict[str, Gauge]:
        """As `counters`."""
        return {last: self.gauge(metric, *values, last) for last in metric.labels[-1].values}

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _cell(self, metric: Metric, kind: Kind, values: tuple[str, ...], make: Callable[[dict[str, str]], _C]) -> _C:
        known = self._cells.get((metric.name, values))
        if known is None:
            _check(metric, kind, values)
            labels = {label.name: str(value) for label, value in zip(metric.labels, values, strict=True)}
            known = self._cells[metric.name, values] = make(labels)
        return known  # type: ignore[return-value]  # a metric has one kind, checked when its cell was made

    def _place(self, metric: Metric, suffix: str, labels: dict[str, str]) -> Place:
        name = f"{metric.kind}_{metric.across}" if metric.kind is Kind.GAUGE else str(metric.kind)
        if name not in self._files:
            self._files[name] = SeriesFile(self._directory / f"{name}_{self._process}.db")
        return self._files[name].add(series_key(metric.family, metric.family + suffix, labels, metric.help))


def _check(metric: Metric, kind: Kind, values: tuple[str, ...]) -> None:
    if metric.kind is not kind:
        raise TypeError(f"{metric.full_name} is a {metric.kind}")
    if len(values) != len(metric.labels):
        raise ValueError(f"{metric.full_name} has {len(metric.labels)} labels, not {len(values)}")
    for label, value in zip(metric.labels, values, strict=True):
        if label.is_closed and value not in label.values:
            raise ValueError(f"{metric.full_name} has no {label.name} {value!r}")

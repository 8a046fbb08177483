"""The analyst's metrics: what was committed, told behind each commit, so that a crash counts nothing twice."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock

from watchtower.analyst.analyst import Work
from watchtower.analyst.endpoint import EndpointAnalysis
from watchtower.analyst.skip import SkipReason
from watchtower.compare.difference import Failure
from watchtower.metrics import catalogue
from watchtower.metrics.catalogue import Metric
from watchtower.metrics.cells import Cells
from watchtower.store.fault import StoreError

_DECISIONS = {"worse": -1.0, "undecided": 0.0, "within": 1.0}
_STRANGER = SkipReason.UNKNOWN_ENDPOINT.value
_Label = tuple[str, ...]


class AnalystCells:
    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._lock = Lock()
        self._endpoints: list[EndpointAnalysis] = []
        self._told: dict[tuple[Metric, _Label], float] = {}
        self._shown: set[tuple[Metric, _Label]] = set()  # gauges, behind the last commit
        self._lag = cells.gauge(catalogue.ANALYST_LAG)
        self._store_bytes = cells.gauge(catalogue.STORE_BYTES)
        self._store_failures = cells.counters(catalogue.STORE_FAILURES)
        self._defects = cells.counters(catalogue.ANALYST_DEFECTS)

    def lag(self, seconds: float) -> None:
        self._lag.set(seconds)

    def store_failed(self, error: StoreError) -> None:
        """Told by the analyst's thread and by the one that keeps the store."""
        with self._lock:
            self._store_failures[error.fault].inc()

    def defect(self, work: Work) -> None:
        self._defects[work].inc()

    def store_size(self, size: int) -> None:
        self._store_bytes.set(size)

    def resumed(self, endpoints: Iterable[EndpointAnalysis]) -> None:
        """What was counted before this process is not counted again."""
        self._endpoints = list(endpoints)
        for endpoint in self._endpoints:
            self._told |= _totals(endpoint)
        self._told |= self._unknown_labels()

    def committed(self, damage: Mapping[str, int], strangers: Mapping[str, int]) -> None:
        before, self._shown = self._shown, set()
        for endpoint in self._endpoints:
            self._count(_totals(endpoint))
            self._show_shadows(endpoint)
            self._show_drift(endpoint)
            self._show_performance(endpoint)
        for metric, labels in before - self._shown:
            self._cells.gauge(metric, *labels).set(0.0 if metric is catalogue.DRIFT_ALARM else math.nan)
        self._count(self._unknown_labels())
        self._count({(catalogue.ANALYST_JOURNAL_DAMAGE, (fault,)): count for fault, count in damage.items()})
        self._count({(catalogue.ANALYST_SKIPPED, (name, _STRANGER)): count for name, count in strangers.items()})

    def _count(self, totals: Mapping[tuple[Metric, _Label], float]) -> None:
        for (metric, labels), total in totals.items():
            if (more := total - self._told.get((metric, labels), 0.0)) > 0:
                self._cells.counter(metric, *labels).inc(more)
                self._told[metric, labels] = total

    def _show(self, metric: Metric, value: float | None, *labels: str) -> None:
        """What is not known any more must not go on standing there as it was."""
        if value is not None:
            self._cells.gauge(metric, *labels).set(value)
            self._shown.add((metric, labels))

    def _show_shadows(self, endpoint: EndpointAnalysis) -> None:
        for view in endpoint.shadow_views:
            names = (endpoint.name, view.shadow)
            if view.compared:
                self._show(catalogue.SHADOW_AGREEMENT, view.agreeing / view.compared, *names)
            for verdict in view.verdicts:
                if not view.is_twin:  # the noise that it measures would ring as somebody's fault
                    self._show(catalogue.SHADOW_VERDICT, _DECISIONS[verdict.decision], *names, verdict.budget)
                self._show(catalogue.SHADOW_VERDICT_VALUE, verdict.value, *names, verdict.budget)
                self._show(catalogue.SHADOW_VERDICT_LOW, verdict.low, *names, verdict.budget)
                self._show(catalogue.SHADOW_VERDICT_HIGH, verdict.high, *names, verdict.budget)

    def _show_drift(self, endpoint: EndpointAnalysis) -> None:
        watch, name = endpoint.parts.watch, endpoint.name
        if watch.baseline is None:
            return
        self._show(catalogue.DRIFT_EVIDENCE_THRESHOLD, watch.panel.threshold, name)
        alarmed = {alarm.column for alarm in watch.alarms}
        for column, evidence in watch.evidence().items():
            self._show(catalogue.DRIFT_EVIDENCE, evidence, name, column)
            self._show(catalogue.DRIFT_ALARM, column in alarmed, name, column)
        for column, effects in watch.effects.items():
            for label in catalogue.DRIFT_EFFECT.labels[-1].values:
                self._show(catalogue.DRIFT_EFFECT, getattr(effects, label), name, column, label)
        if watch.last is not None:
            self._show(catalogue.DRIFT_COLUMNS_LEFT_OUT, watch.last.held.profiles.left_out, name)

    def _show_performance(self, endpoint: EndpointAnalysis) -> None:
        view = endpoint.performance_view
        if view is None:
            return
        self._show(catalogue.LABEL_COVERAGE, view.coverage, endpoint.name)
        for series in view.series:
            if series.segment is not None:
                continue
            names = (endpoint.name, series.who)
            for one in series.estimates:
                self._show(catalogue.PERFORMANCE, one.value, *names, one.metric)
                self._show(catalogue.PERFORMANCE_LOW, one.low, *names, one.metric)
                self._show(catalogue.PERFORMANCE_HIGH, one.high, *names, one.metric)
            for one in series.without_labels:
                self._show(catalogue.PERFORMANCE_ESTIMATE, one.value, *names, one.metric)

    def _unknown_labels(self) -> dict[tuple[Metric, _Label], float]:
        """An id that nobody knows belongs to no endpoint, unless there is only one that it could belong to."""
        if not self._endpoints:
            return {}
        name = self._endpoints[0].name if len(self._endpoints) == 1 else ""
        return {(catalogue.LABELS, (name, "unknown")): self._endpoints[0].labels.unknown}


def _totals(endpoint: EndpointAnalysis) -> dict[tuple[Metric, _Label], float]:
    name, parts = endpoint.name, endpoint.parts
    found: dict[tuple[Metric, _Label], float] = {}
    for (metric, label), count in endpoint.totals.items():
        found[_COUNTED[metric], (name, label)] = count
    for (side, fault), count in parts.decoding.faults.items():
        found[catalogue.PAYLOAD_FAULTS, (name, side, fault)] = count
    for shadow, one in parts.comparison.shadows.items():
        whole = one.totals.whole
        results = {failure.value: count for failure, count in whole.failures.items() if failure is not Failure.NONE}
        results["agree"] = whole.agreeing
        results["disagree"] = whole.failures[Failure.NONE] - whole.agreeing
        for result, count in results.items():
            found[catalogue.PAIRS, (name, shadow, result)] = count
    unpaired: Counter[str] = Counter()
    for (_, reason), count in parts.comparison.unpaired.items():
        unpaired[reason.value] += count
    for why, count in unpaired.items():
        found[catalogue.UNPAIRED, (name, why)] = count
    for violation, count in parts.watch.violations.items():
        found[catalogue.QUALITY_VIOLATIONS, (name, violation)] = count
    found[catalogue.DRIFT_WINDOWS, (name,)] = parts.watch.windows_judged
    found[catalogue.LABELS, (name, "joined")] = parts.measuring.joined
    found[catalogue.LABELS, (name, "ambiguous")] = parts.measuring.ambiguous
    return found


_COUNTED = {
    "exchanges": catalogue.ANALYST_EXCHANGES,
    "rows": catalogue.ANALYST_ROWS,
    "skipped": catalogue.ANALYST_SKIPPED,
}

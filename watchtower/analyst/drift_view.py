"""What is watched, as it is shown."""

from collections.abc import Callable, Mapping

import msgspec

from watchtower.analyst.baselining import Baselining, baseline_facts
from watchtower.analyst.documents import (
    AlarmView,
    BaselineView,
    ColumnDriftView,
    DriftView,
    SchemaColumnView,
    SchemaView,
    ViolationView,
)
from watchtower.analyst.watching import Watch
from watchtower.clock import SECOND
from watchtower.drift.panel import Alarm, AllClear
from watchtower.table import Kind

Pages = Callable[[], Callable[[float], str | None]]  # as they lie now: by the time of an alarm, the page drawn for it


def no_pages() -> Callable[[float], str | None]:
    return lambda _: None


def drift_view(
    endpoint: str, watch: Watch, baselining: Baselining, promise: str, pages: Pages, now_ns: int
) -> DriftView:
    window = watch.last
    page_of = pages() if watch.alarms or watch.cleared else no_pages()
    return DriftView(
        endpoint=endpoint,
        updated=now_ns / SECOND,
        last_event=window.end_ns / SECOND if window else None,
        baseline=watch.label or None,
        waiting_for=baselining.waiting_for,
        windows=watch.windows_seen,
        last_window=window.start_ns / SECOND if window else None,
        promise=promise,
        threshold=watch.panel.threshold if watch.baseline else None,
        alarms=[_alarm(alarm, page_of) for alarm in watch.alarms],
        cleared=[_cleared(alarm, clear, page_of) for alarm, clear in reversed(watch.cleared)],
        columns=_columns(watch),
        quality=[
            ViolationView(column=one.column, violation=one.fault.value, rows=one.rows, of=one.of, detail=one.detail)
            for one in watch.found
            if one.is_violation
        ],
        left_out=window.held.profiles.left_out if window else 0,
    )


def baseline_view(endpoint: str, watch: Watch, baselining: Baselining, now_ns: int) -> BaselineView:
    baseline = watch.baseline
    return BaselineView(
        endpoint=endpoint,
        updated=now_ns / SECOND,
        rows=baseline.rows if baseline else 0,
        waiting_for=baselining.waiting_for,
        columns={name: kind.value for name, kind in baseline.kinds.items()} if baseline else {},
        resolution=baseline.resolution if baseline else None,
        is_seasonal=bool(baseline and baseline.seasons),
        **baseline_facts(baselining.in_force),
    )


def schema_view(endpoint: str, watch: Watch, seen: Mapping[str, Kind], now_ns: int) -> SchemaView:
    """The columns of the baseline, and those that came since."""
    known = dict(watch.baseline.kinds) if watch.baseline else {}
    return SchemaView(
        endpoint=endpoint,
        updated=now_ns / SECOND,
        columns=[
            SchemaColumnView(
                name=name,
                side="input" if name.startswith("in.") else "output",
                kind=kind.value,
                in_baseline=name in known,
            )
            for name, kind in sorted({**seen, **known}.items())
        ],
    )


def _alarm(alarm: Alarm, page_of: Callable[[float], str | None]) -> AlarmView:
    return AlarmView(
        column=alarm.column,
        way=f"{alarm.way} {alarm.label}".strip(),
        effect=alarm.effect,
        since=alarm.since_ns / SECOND,
        detected=alarm.detected_ns / SECOND,
        evidence=alarm.evidence,
        threshold=alarm.threshold,
        observations=alarm.observations,
        report=page_of(alarm.detected_ns / SECOND),
    )


def _cleared(alarm: Alarm, clear: AllClear, page_of: Callable[[float], str | None]) -> AlarmView:
    return msgspec.structs.replace(_alarm(alarm, page_of), effect=clear.effect, cleared=clear.cleared_ns / SECOND)


def _columns(watch: Watch) -> list[ColumnDriftView]:
    """Those with the most evidence come first."""
    if watch.last is None:
        return []
    evidence, alarmed = watch.evidence(), {alarm.column for alarm in watch.alarms}
    found = [
        ColumnDriftView(
            column=name,
            kind=profile.kind.value,
            rows=profile.count,
            effects=msgspec.to_builtins(watch.effects[name]) if name in watch.effects else {},
            evidence=evidence.get(name),
            is_alarm=name in alarmed,
        )
        for name, profile in watch.last.held.profiles.flat()
    ]
    return sorted(found, key=lambda one: (-(one.evidence or 0.0), one.column))

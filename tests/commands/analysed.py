"""A data_dir as an analyst leaves it, with what a test wants to be told."""

from pathlib import Path
from typing import Any

import msgspec

from watchtower.analyst.documents import (
    DRIFT,
    PERFORMANCE,
    SHADOW,
    AlarmView,
    ColumnDifferenceView,
    ColumnDriftView,
    DriftView,
    PerformanceView,
    SegmentView,
    ShadowView,
    VerdictView,
    View,
    ViolationView,
    WorstPairView,
    key,
)
from watchtower.store.state import State

NOON = 1_800_000_000.0


def verdict(**changed: Any) -> VerdictView:
    usual = VerdictView(
        budget="disagreement",
        decision="within",
        value=0.004,
        low=0.001,
        high=0.012,
        margin=0.02,
        pairs=9000,
        since=NOON - 7200,
        more=0,
    )
    return msgspec.structs.replace(usual, **changed)


def worst(**changed: Any) -> WorstPairView:
    usual = WorstPairView(
        request_id="req-1",
        at=NOON - 60,
        severity=2.5,
        failure="none",
        latency_ms=3.25,
        summary="prediction: error 0.4",
        request='{"instances": [[1]]}',
        primary='{"predictions": [0]}',
        shadow='{"predictions": [1]}',
        is_cut=False,
    )
    return msgspec.structs.replace(usual, **changed)


def shadow(**changed: Any) -> ShadowView:
    usual = ShadowView(
        endpoint="churn",
        updated=NOON,
        last_event=NOON - 3,
        shadow="v2",
        decision="within",
        alpha=0.01,
        pairs=9100,
        compared=9000,
        agreeing=8964,
        failures={"shadow_failed": 3, "status": 0},
        unpaired={"no_shadow": 7},
        not_compared=97,
        twin=None,
        disagreement_beyond_twin=None,
        latency_ms={"primary": {"p50": 2.0, "p95": 4.5, "p99": None}},
        verdicts=[verdict()],
        columns=[
            ColumnDifferenceView(
                name="prediction", measure="number", rows=9000, disagreeing=36, figures={"mean_error": 0.01}
            ),
            ColumnDifferenceView(name="unlike_none", measure="number", rows=9000, disagreeing=0, figures={}),
        ],
        segments=[
            SegmentView(name="de", pairs=100, disagreement=0.3, shadow_failures=1, primary_failures=0),
            SegmentView(name="fr", pairs=900, disagreement=0.001, shadow_failures=0, primary_failures=0),
        ],
        worst=[worst(), worst(request_id="req-2")],
    )
    return msgspec.structs.replace(usual, **changed)


def alarm(**changed: Any) -> AlarmView:
    usual = AlarmView(
        column="in.age",
        way="up",
        effect="mean +0.52 standard deviations",
        since=NOON - 3600,
        detected=NOON - 1800,
        evidence=7.25,
        threshold=5.11,
        observations=420,
    )
    return msgspec.structs.replace(usual, **changed)


def drift(**changed: Any) -> DriftView:
    usual = DriftView(
        endpoint="churn",
        updated=NOON,
        last_event=NOON - 10,
        baseline="default 1",
        waiting_for="",
        windows=1440,
        last_window=NOON - 70,
        promise="1 per 90d",
        threshold=5.11,
        alarms=[],
        cleared=[],
        columns=[
            ColumnDriftView(
                column="in.age", kind="number", rows=200, effects={"psi": 0.03, "missing": 0.0}, evidence=1.5,
                is_alarm=False,
            )
        ],
        quality=[ViolationView(column="in.zip", violation="missing", rows=40, of=200, detail="was 0.1%")],
        left_out=0,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changed)


def left_by_an_analyst(data_dir: Path, *views: View) -> Path:
    documents: dict[str, bytes | None] = {}
    for view in views:
        documents[_key(view)] = msgspec.json.encode(view)
    with State(data_dir) as state:
        state.commit(documents=documents)
    return data_dir


def _key(view: View) -> str:
    if isinstance(view, ShadowView):
        return key(SHADOW, view.endpoint, view.shadow)
    return key(PERFORMANCE if isinstance(view, PerformanceView) else DRIFT, view.endpoint)

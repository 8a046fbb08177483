"""What labels said of one endpoint, as it is shown."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from watchtower.analyst.documents import (
    BlockView,
    EstimateErrorView,
    EstimateView,
    PerformanceSeriesView,
    PerformanceView,
)
from watchtower.analyst.estimating import METRICS, Block, Estimating
from watchtower.analyst.measuring import Key, Measured, Measuring
from watchtower.clock import SECOND
from watchtower.performance.classification import Classification
from watchtower.performance.coverage import Coverage
from watchtower.performance.estimate import Estimate
from watchtower.performance.regression import Regression
from watchtower.performance.settings import Task
from watchtower.record import Role

CLASSIFICATION: Final = ("accuracy", "precision", "recall", "f1", "log_loss", "roc_auc", "calibration_error")
REGRESSION: Final = ("mae", "rmse", "mape", "r2", "bias")
_NO_PREDICTION: Final = "no label has met an answer with the column of the predictions"


def performance_view(
    endpoint: str, measuring: Measuring, unknown: int, waiting: int, now_ns: int, latest_ns: int
) -> PerformanceView:
    measured, coverage = measuring.measured, measuring.coverage.of(Role.PRIMARY)
    reading = measured.reading if measured else None
    return PerformanceView(
        endpoint=endpoint,
        updated=now_ns / SECOND,
        last_event=latest_ns / SECOND if latest_ns else None,
        labels=measuring.joined + measuring.changed,
        joined=measuring.joined,
        changed=measuring.changed,
        ambiguous=measuring.ambiguous,
        unknown=unknown,
        waiting=waiting,
        coverage=coverage.share.value,
        lag_seconds=_lags(coverage),
        task=reading.task.value if reading else None,
        is_decided=measuring.is_decided,
        why=reading.why if reading else _NO_PREDICTION if measuring.joined else "no label has met its row",
        prediction=reading.columns.prediction if reading else None,
        score=reading.score if reading else None,
        positive=reading.positive if reading else None,
        alpha=measuring.settings.alpha,
        series=_series(measuring, measured) if measured else [],
    )


def _series(measuring: Measuring, measured: Measured) -> list[PerformanceSeriesView]:
    """Who answered, whole first; a model that answers and has no labels yet is shown with what is estimated of it."""
    roles = measuring.coverage.roles()
    keys = {(who, None) for who in measured.estimates} | measured.series.keys()
    ordered = sorted(keys, key=lambda key: (roles.get(key[0]) != Role.PRIMARY, key[0], key[1] or ""))
    return [_one(measuring, measured, key, roles.get(key[0], "")) for key in ordered]


def _one(measuring: Measuring, measured: Measured, key: Key, role: str) -> PerformanceSeriesView:
    who, segment = key
    sums = measured.series.get(key)
    coverage = measuring.coverage.of(who=who) if segment is None else None
    estimating = measured.estimates.get(who) if segment is None else None
    last = estimating.blocks[-1] if estimating and estimating.blocks else None
    return PerformanceSeriesView(
        who=who,
        role=role,
        segment=segment,
        task=measured.reading.task.value,
        since=_seconds(sums.since_ns if sums else None),
        rows=coverage.rows if coverage else None,
        labelled=coverage.labelled if coverage else sums.whole.count if sums else 0,
        unusable_labels=sums.whole.unusable_labels if sums else 0,
        coverage=coverage.share.value if coverage else None,
        lag_seconds=_lags(coverage) if coverage else {},
        estimates=sums.told(partial(_metrics, measured.reading.task)) if sums else [],
        without_labels=_without_labels(estimating) if estimating else [],
        calibration=estimating.estimated.method if estimating else None,
        calibrated_on=estimating.calibrated_rows if estimating else 0,
        errors=_errors(estimating) if estimating else [],
        blocks=[_block(block) for block in estimating.blocks] if estimating else [],
        disagrees=last.disagrees if last else [],
    )


def _metrics(task: Task, sums: Classification | Regression) -> list[EstimateView]:
    return _estimates(
        {name: getattr(sums, name) for name in (REGRESSION if task is Task.REGRESSION else CLASSIFICATION)}
    )


def _estimates(found: Mapping[str, Estimate]) -> list[EstimateView]:
    return [
        EstimateView(metric=name, value=one.value, low=one.low, high=one.high, rows=one.count)
        for name, one in found.items()
        if one.value is not None
    ]


def _without_labels(estimating: Estimating) -> list[EstimateView]:
    return _estimates({metric: getattr(estimating.estimated, metric) for metric in METRICS})


def _errors(estimating: Estimating) -> list[EstimateErrorView]:
    return [
        EstimateErrorView(
            metric=metric,
            blocks=error.windows,
            bias=error.bias.value,
            bias_low=error.bias.low,
            bias_high=error.bias.high,
            mean_error=error.mean_error.value,
            held=error.held.value,
            disagreed=error.disagreed,
        )
        for metric, error in estimating.errors.items()
        if error.windows
    ]


def _block(block: Block) -> BlockView:
    return BlockView(
        since=block.since_ns / SECOND,
        until=block.until_ns / SECOND,
        rows=block.rows,
        estimated=_values(block.estimated.items()),
        realised=_values(block.realised.items()),
        disagrees=block.disagrees,
    )


def _values(found: Iterable[tuple[str, Estimate]]) -> dict[str, float | None]:
    return {metric: one.value for metric, one in found}


def _lags(coverage: Coverage) -> dict[str, float | None]:
    lag = coverage.lag
    return {"p50": lag.p50 if lag else None, "p90": lag.p90 if lag else None}


def _seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else at_ns / SECOND

"""A shadow's totals and verdicts as they are shown."""

from collections.abc import Mapping, Sequence

from watchtower.analyst.documents import ColumnDifferenceView, SegmentView, ShadowView, VerdictView, WorstPairView
from watchtower.clock import SECOND
from watchtower.compare.aggregate import PairTotals, ShadowTotals
from watchtower.compare.difference import Failure
from watchtower.compare.track import Decision
from watchtower.compare.twin import column_excess, excess
from watchtower.compare.verdict import Budget, Verdict, overall
from watchtower.compare.worst_pair import WorstPair


def shadow_view(
    endpoint: str,
    name: str,
    totals: ShadowTotals,
    verdicts: Sequence[Verdict],
    worst: Sequence[WorstPair],
    unpaired: Mapping[str, int],
    twin: tuple[str, ShadowTotals] | None,
    alpha: float,
    now_ns: int,
    latest_ns: int,
    *,
    is_twin: bool,
) -> ShadowView:
    whole = totals.whole
    return ShadowView(
        endpoint=endpoint,
        shadow=name,
        is_twin=is_twin,
        updated=now_ns / SECOND,
        last_event=latest_ns / SECOND if latest_ns else None,
        decision=overall(verdicts).value,
        alpha=alpha,
        pairs=whole.pairs,
        compared=whole.compared,
        agreeing=whole.agreeing,
        failures={failure.value: count for failure, count in whole.failures.items() if failure is not Failure.NONE},
        unpaired=dict(unpaired),
        not_compared=whole.failures[Failure.UNREADABLE] + whole.failures[Failure.TOO_LARGE],
        twin=twin[0] if twin else None,
        disagreement_beyond_twin=_beyond(totals, twin[1], alpha) if twin else None,
        latency_ms=_latencies(whole),
        verdicts=[_verdict(verdict) for verdict in verdicts],
        columns=_columns(totals, twin[1] if twin else None, alpha),
        segments=[_segment(key, one) for key, one in sorted(totals.segments.items(), key=_by_disagreement)],
        worst=[_worst(pair) for pair in worst],
    )


def _verdict(verdict: Verdict) -> VerdictView:
    return VerdictView(
        budget=verdict.budget.value,
        decision=verdict.decision.value,
        value=verdict.value,
        low=verdict.low,
        high=verdict.high,
        margin=verdict.margin,
        pairs=verdict.pairs,
        since=verdict.since_ns / SECOND if verdict.pairs else None,
        more=verdict.more,
        note="; ".join(filter(None, (verdict.changed, _unread(verdict)))),
    )


def _unread(verdict: Verdict) -> str:
    """Why it is not decided, where that is not for want of pairs."""
    if not verdict.unread or verdict.decision is not Decision.UNDECIDED:
        return ""
    if verdict.budget is Budget.SCORE:
        return f"{verdict.unread:.3%} of the pairs have a score on one side alone, or beyond its bounds"
    return f"{verdict.unread:.3%} of the pairs could not be compared, and may agree or not"


def _beyond(totals: ShadowTotals, twin: ShadowTotals, alpha: float) -> float | None:
    own, noise = totals.whole, twin.whole
    if not own.rows or not noise.rows:
        return None
    return excess((own.rows_disagreeing, own.rows), (noise.rows_disagreeing, noise.rows), alpha).value


def _latencies(whole: PairTotals) -> dict[str, dict[str, float | None]]:
    return {
        who: dict(zip(("p50", "p95", "p99"), (round(value * 1e3, 3) for value in quantiles), strict=True))
        for who, quantiles in whole.latencies().items()
    }


def _columns(totals: ShadowTotals, twin: ShadowTotals | None, alpha: float) -> list[ColumnDifferenceView]:
    """Those that disagree most come first."""
    beyond = column_excess(totals, twin, alpha) if twin else {}
    found = []
    for (name, measure), column in totals.columns.items():
        figures: dict[str, float | None] = dict(column.values(measure, totals.equal_rows))
        if (over := beyond.get((name, measure))) is not None and over.twin == over.twin:
            figures |= {"beyond_twin": over.value, "beyond_twin_low": over.low, "beyond_twin_high": over.high}
        found.append(
            ColumnDifferenceView(
                name=name,
                measure=measure.value,
                rows=column.rows + totals.equal_rows,
                disagreeing=column.disagreeing,
                figures=figures,
            )
        )
    found += [
        ColumnDifferenceView(name=path, measure=change.value, rows=times, disagreeing=times, figures={})
        for (path, change), times in totals.paths.items()
    ]
    return sorted(found, key=lambda one: (-one.disagreeing, one.name))


def _segment(key: str, totals: PairTotals) -> SegmentView:
    return SegmentView(
        name=key,
        pairs=totals.pairs,
        disagreement=totals.disagreement if totals.compared else None,
        shadow_failures=totals.failures[Failure.SHADOW],
        primary_failures=totals.failures[Failure.PRIMARY],
    )


def _by_disagreement(item: tuple[str, PairTotals]) -> tuple[float, str]:
    key, totals = item
    return (-totals.disagreement if totals.compared else 0.0, key)


def _worst(pair: WorstPair) -> WorstPairView:
    parts = [f"{name}: {', '.join(f'{k} {v:.6g}' for k, v in found.items())}" for name, found in pair.details.items()]
    parts += [f"{path} {change}" for path, change, _ in pair.paths]
    return WorstPairView(
        request_id=pair.request_id.decode("utf-8", "replace"),
        at=pair.at_ns / SECOND,
        severity=pair.severity,
        failure=pair.failure,
        latency_ms=pair.latency_ns / 1e6,
        summary="; ".join(parts) or pair.failure,
        request=pair.request.decode("utf-8", "replace"),
        primary=pair.primary.decode("utf-8", "replace"),
        shadow=pair.shadow.decode("utf-8", "replace"),
        is_cut=pair.is_cut,
    )

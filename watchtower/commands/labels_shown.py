"""What labels say of the answers, as a person reads it: no number without how many rows it is of, and how many lack a label."""

from collections.abc import Iterator, Mapping

from watchtower.analyst.documents import EstimateView, PerformanceSeriesView, PerformanceView
from watchtower.commands.layout import NOTHING, moment, number, printable, share, table
from watchtower.units import format_duration

_WRONG_BY = ("estimate is wrong", "blocks", "bias", "its interval", "mean error", "held", "disagreed")


def told(view: PerformanceView, now: float, segments: int) -> Iterator[str]:
    yield f"{view.endpoint}: {_headline(view)}"
    waiting = f"{view.waiting:,} wait for their row, {view.unknown:,} never found one"
    ambiguous = f", {view.ambiguous:,} of an id that several requests have" if view.ambiguous else ""
    yield f"  {view.joined:,} labels joined, {view.changed:,} corrected later{ambiguous}; of all endpoints, {waiting}"
    yield f"  of the rows of the label period {share(view.coverage)} have one; {_lag(view.lag_seconds)}"
    if view.task is not None:
        decided = "" if view.is_decided else ", not decided yet"
        yield f"  {view.task}{decided}: {printable(view.why)}"
        yield f"  labels are of {printable(view.prediction or NOTHING)}; each interval misses {share(view.alpha)} of the time"
    whole = [series for series in view.series if series.segment is None]
    parts = [series for series in view.series if series.segment is not None]
    for series in [*whole, *parts[:segments]]:
        yield ""
        yield from _series(series, now)
    if len(parts) > segments:
        yield f"  {len(parts) - segments:,} more segments; --segments and --json show them"


def disagreeing(view: PerformanceView) -> list[str]:
    return [f"{_who(one)}: {', '.join(one.disagrees)}" for one in view.series if one.disagrees]


def _headline(view: PerformanceView) -> str:
    if found := disagreeing(view):
        return f"WHAT IS ESTIMATED AND WHAT LABELS SAY DISAGREE for {printable('; '.join(found))}"
    return f"nothing is measured yet: {printable(view.why)}" if view.task is None else "what labels say of the answers"


def _series(series: PerformanceSeriesView, now: float) -> Iterator[str]:
    since = "" if series.since is None else f", since {moment(series.since, now)}"
    if series.segment is None:
        of = NOTHING if series.rows is None else f"{series.rows:,}"
        yield f"  {printable(_who(series))}: {series.labelled:,} of {of} rows have labels ({share(series.coverage)}){since}"
        yield f"  {_lag(series.lag_seconds)}"
    else:
        yield f"  {printable(_who(series))}: {series.labelled:,} rows have labels{since}"
    if series.unusable_labels:
        yield f"  {series.unusable_labels:,} labels name none of the classes, or no number: they are in no metric"
    by_labels = {one.metric: one for one in series.estimates}
    without = {one.metric: one for one in series.without_labels}
    rows = [
        (
            name,
            *_estimate(by_labels.get(name)),
            *_estimate(without.get(name))[:2],
            "DISAGREES" if name in series.disagrees else "",
        )
        for name in dict.fromkeys([*by_labels, *without])
    ]
    if rows:
        head = ("metric", "labels", "interval", "rows", "without", "its interval", "")
        yield from table(head, rows, "labels rows without")
    yield from _errors(series)


def _errors(series: PerformanceSeriesView) -> Iterator[str]:
    if series.calibration is not None:
        by = (
            f"by {series.calibrated_on:,} labelled rows ({series.calibration})"
            if series.calibrated_on
            else "by nothing"
        )
        of = max((one.rows for one in series.without_labels), default=0)
        yield f"  without: estimated of {of:,} rows of the last days, calibrated {by}"
    rows = [
        (
            one.metric,
            f"{one.blocks:,}",
            number(one.bias),
            _interval(one.bias_low, one.bias_high),
            number(one.mean_error),
            share(one.held),
            f"{one.disagreed:,}",
        )
        for one in series.errors
    ]
    if rows:
        yield from table(_WRONG_BY, rows, "blocks bias held disagreed")


def _who(series: PerformanceSeriesView) -> str:
    segment = "" if series.segment is None else f", {series.segment}"
    return f"{series.who} ({series.role}){segment}" if series.role else f"{series.who}{segment}"


def _estimate(one: EstimateView | None) -> tuple[str, str, str]:
    if one is None:
        return NOTHING, "", ""
    return number(one.value), _interval(one.low, one.high), f"{one.rows:,}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None and high is None else f"{number(low)} to {number(high)}"


def _lag(lags: Mapping[str, float | None]) -> str:
    half, most = lags.get("p50"), lags.get("p90")
    if half is None or most is None:
        return "nobody knows how late labels come"
    return f"half of the labels came within {_rounded(half)}, nine in ten within {_rounded(most)}"


def _rounded(seconds: float) -> str:
    return format_duration(float(f"{seconds:.3g}"))

from typing import Annotated, Literal

import msgspec

from watchtower.units import UNIT, Bytes, Count, Ratio, Seconds, SecondsOrZero, Share, Weight

MeasureName = Literal["number", "score", "label", "probabilities", "ranking", "vector", "text", "structure"]
Alpha = Annotated[float, msgspec.Meta(gt=0, le=0.5, extra={UNIT: "share"})]


class ScoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The output column whose mean is watched, and its bounds: beyond them nobody knows by how much two scores differ."""

    column: str  # its name
    low: float = 0.0  # the smallest that it can be
    high: float = 1.0  # the largest


class LatencyMargin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much slower a shadow may be: the larger of the two, so that one rule serves models of 1 ms and of 10 s."""

    absolute: SecondsOrZero = 0.0  # slower by so much; a duration in the section's place means this
    relative: Ratio = 0.0  # of the primary's own quantile: 10% is a tenth slower


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The margin of each verdict; null leaves a verdict out, and gives its share of alpha to the others."""

    disagreement: Share | None = 0.02  # share of a request's rows that disagree, on average
    errors: Share | None = 0.005  # failed requests, shadow's share minus the primary's
    p50: LatencyMargin | None = LatencyMargin(absolute=0.002, relative=0.1)  # of the latency: its median
    p95: LatencyMargin | None = LatencyMargin(absolute=0.005, relative=0.2)  # of the latency: what 95 % are faster than
    score: Weight | None = None  # mean of the score, either way; in the score's own unit


class CompareSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as the same answer, and how much difference a shadow may make."""

    tolerance: Weight = 1e-6  # two numbers agree within this, or within the next
    relative_tolerance: Weight = 1e-6  # of the larger; unless it is raised, whole numbers agree only when equal
    threshold: float = 0.5  # a score on the other side of it is another decision
    cosine: Share = 0.999  # embeddings agree from this similarity on
    similarity: Share = 1.0  # texts agree from this edit similarity on; 1 asks for equal ones, up to case and spaces
    top_k: Count = 10  # of a ranked list, what is looked at
    columns: dict[str, MeasureName] = {}  # how to compare a column where its values do not say it
    ignore: tuple[str, ...] = ()  # paths as in capture.redact, or names of columns
    unordered: tuple[str, ...] = ()  # lists whose order means nothing, named likewise
    segments: tuple[str, ...] = ()  # input columns, or headers as `header:NAME`, by whose values pairs are told apart
    max_segments: Count = 50  # further ones are counted as one
    max_columns: Count = 200  # of columns, and of paths: further ones are counted as left out
    wait: Seconds = 30.0  # for the other side of a pair, in event time; beyond the longest timeout of a shadow
    max_pending: Bytes = 64 * 1024**2  # of answers that wait; beyond it the oldest are given up, and counted
    worst: Count = 50  # pairs kept for reading
    max_worst: Bytes = 8 * 1024**2  # of their bodies
    score: ScoreSettings | None = None  # the number whose mean is watched
    budgets: BudgetSettings = BudgetSettings()  # how much worse than the primary a shadow may be
    alpha: Alpha = 0.01  # chance that any verdict on a shadow is ever wrong, however often it is read

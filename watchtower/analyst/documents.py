"""What the analyst shows: it writes these into the state database, the admin API and the commands read them there.

One document for each endpoint and subject, and one for each of its shadows; `key` says under which name. Times are
seconds since 1970. A number that cannot be said is null, and what it is made of stands beside it.
"""

from typing import Final

import msgspec

STATUS: Final = "status"
DRIFT: Final = "drift"
BASELINE: Final = "baseline"
SCHEMA: Final = "schema"
PERFORMANCE: Final = "performance"
SHADOW: Final = "shadow"


def key(subject: str, endpoint: str, shadow: str = "") -> str:
    return "/".join((subject, endpoint, shadow) if shadow else (subject, endpoint))


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What every document begins with."""

    endpoint: str
    updated: float  # when it was written
    last_event: float | None = None  # of the newest exchange that it knows


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """Bodies that could not be read for one reason, and the last of them as the journal keeps it: redacted."""

    side: str
    reason: str
    count: int
    detail: str
    request_id: str
    beginning: str


class ProtocolView(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    protocol: str
    why: str


class AnalysisView(View, frozen=True, kw_only=True):
    """How far the analyst is, and what it could not read."""

    exchanges: int
    rows: int
    skipped: dict[str, int]  # exchanges that were only counted, by reason
    late_rows: int  # that came after their window was closed
    left_out_columns: int  # cells' columns beyond the thousand that an endpoint may have: neither kept nor watched
    protocols: list[ProtocolView]
    faults: list[FaultView]


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """One budget of one shadow. Reading it at any time, and as often as one likes, costs nothing of its error rate."""

    budget: str
    decision: str  # within, worse, undecided
    value: float | None
    low: float | None
    high: float | None
    margin: float
    pairs: int
    since: float | None
    more: int | None  # about how many more pairs, where it is undecided
    note: str = ""


class ColumnDifferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """One output column or path of the answers' structure."""

    name: str
    measure: str  # how it was compared; of a path, what became of it
    rows: int
    disagreeing: int
    figures: dict[str, float | None]


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    pairs: int
    disagreement: float | None
    shadow_failures: int
    primary_failures: int


class WorstPairView(msgspec.Struct, frozen=True, kw_only=True):
    """Bodies are as the journal keeps them: redacted."""

    request_id: str
    at: float
    severity: float
    failure: str
    latency_ms: float  # the shadow's minus the primary's
    summary: str
    request: str
    primary: str
    shadow: str
    is_cut: bool


class ShadowView(View, frozen=True, kw_only=True):
    """A shadow's answers beside the primary's."""

    shadow: str
    is_twin: bool = False  # a second instance of the primary: it measures, and is judged by nobody
    decision: str  # worse if any budget is, within if all are, else undecided
    alpha: float  # chance that any of these verdicts is ever wrong
    pairs: int
    compared: int  # of them, with two answers that could be read
    agreeing: int  # of those
    failures: dict[str, int]  # both_failed, primary_failed, shadow_failed, …
    unpaired: dict[str, int]  # by reason
    not_compared: int  # pairs of which a body could not be read, or was too large
    twin: str | None  # the shadow that measures the primary's own noise
    disagreement_beyond_twin: float | None
    latency_ms: dict[str, dict[str, float | None]]  # primary, shadow → p50, p95, p99
    verdicts: list[VerdictView]
    columns: list[ColumnDifferenceView]
    segments: list[SegmentView]
    worst: list[WorstPairView]


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    column: str
    way: str
    effect: str
    since: float
    detected: float
    evidence: float  # decimal logarithms, both
    threshold: float
    observations: int
    cleared: float | None = None  # when it was over
    report: str | None = None  # the page that was drawn when it was raised, below the data folder


class ColumnDriftView(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the last window that was closed."""

    column: str
    kind: str
    rows: int
    effects: dict[str, float | None]
    evidence: float | None
    is_alarm: bool


class ViolationView(msgspec.Struct, frozen=True, kw_only=True):
    column: str
    violation: str
    rows: int  # with it
    of: int  # that could have had it
    detail: str


class DriftView(View, frozen=True, kw_only=True):
    """How the traffic of now differs from the baseline."""

    baseline: str | None  # name and version; null while there is none
    waiting_for: str  # why there is none yet
    windows: int  # closed since the baseline was set
    last_window: float | None
    promise: str  # of false alarms
    threshold: float | None
    alarms: list[AlarmView]
    cleared: list[AlarmView]  # the last that are over
    columns: list[ColumnDriftView]
    quality: list[ViolationView]
    left_out: int  # columns beyond `drift.max_columns`


class BaselineView(View, frozen=True, kw_only=True):
    name: str | None
    version: int | None
    source: str
    made: float | None
    rows: int
    waiting_for: str
    columns: dict[str, str]  # name → kind
    resolution: float | None  # its own sampling error: no smaller change of a share can be told
    is_seasonal: bool  # whether each hour of the week is held against its own rows


class SchemaColumnView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    side: str
    kind: str
    in_baseline: bool


class SchemaView(View, frozen=True, kw_only=True):
    columns: list[SchemaColumnView]


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int


class EstimateErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """How far estimates without labels were off, over the blocks of rows whose labels came."""

    metric: str
    blocks: int
    bias: float | None  # estimate less realised value: a small change of concept shows here before a block disagrees
    bias_low: float | None
    bias_high: float | None
    mean_error: float | None
    held: float | None  # share of blocks whose realised value lay within the estimate's interval
    disagreed: int


class BlockView(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled rows in the order in which their labels came: what was estimated for them, and what they said."""

    since: float
    until: float
    rows: int
    estimated: dict[str, float | None]
    realised: dict[str, float | None]
    disagrees: list[str]


class PerformanceSeriesView(msgspec.Struct, frozen=True, kw_only=True):
    """Of one variant or shadow, whole or one of its segments."""

    who: str
    role: str
    segment: str | None
    task: str
    since: float | None  # when the first of the labels that are counted here was joined
    rows: int | None  # that it answered within the label period; of a segment nobody counts them
    labelled: int  # of these; of a segment, that are counted here
    unusable_labels: int  # that name none of the classes, or no number: they are in no metric
    coverage: float | None
    lag_seconds: dict[str, float | None]
    estimates: list[EstimateView]
    without_labels: list[EstimateView]  # of all rows of the last one to two days
    calibration: str | None  # none, platt or isotonic; with none, scores are taken at their word and have no interval
    calibrated_on: int  # labelled rows
    errors: list[EstimateErrorView]
    blocks: list[BlockView]
    disagrees: list[str]  # metrics whose estimate and whose labels differ beyond both intervals, in the last block


class PerformanceView(View, frozen=True, kw_only=True):
    labels: int  # that found their row, each counted once
    joined: int  # of them, the first of each row: in the metrics where it has a prediction
    changed: int  # of them, corrections of labels that were: they stand in the table of labels alone
    ambiguous: int  # that several requests or endpoints may be meant by, and that are in no metric
    unknown: int  # whose id had no row when their period ended; of all endpoints, as they belong to none
    waiting: int  # for their row; of all endpoints, too
    coverage: float | None  # share of the period's rows that have a label
    lag_seconds: dict[str, float | None]  # between the prediction and its label: p50, p90
    task: str | None  # null until there is a label
    is_decided: bool  # until then, the task is what the few labels so far look like
    why: str
    prediction: str | None  # the column that labels are of
    score: str | None
    positive: str | None
    alpha: float  # chance that an interval misses, looked at once
    series: list[PerformanceSeriesView]

"""Every metric, named once: the page, the dashboards, the rules and the documentation are made or checked from this list.

Labels come from closed lists or from the configuration's names, so that no client can make a series.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.compare.pairing import Reason
from watchtower.compare.settings import BudgetSettings
from watchtower.http1.refusal import Refusal
from watchtower.journal.appender import DropReason
from watchtower.journal.format import Fault as JournalFault
from watchtower.journal.retention import RemovalReason
from watchtower.payload.fault import Fault
from watchtower.record import BodyNote, Outcome, Role, ShadowOutcome
from watchtower.table import Side

PREFIX: Final = "watchtower_"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """How the gauges of several processes become one; those of a dead process are gone. prometheus_client's names."""

    SUM = "livesum"
    MAX = "livemax"


class Unit(StrEnum):
    NONE = ""
    SECONDS = "seconds"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Label:
    name: str
    values: tuple[str, ...] = ()  # the closed list
    source: str = ""  # where the values come from when they are not listed

    @property
    def is_closed(self) -> bool:
        return bool(self.values)


@dataclass(frozen=True, slots=True)
class Metric:
    name: str  # without the prefix, and a counter's without `_total`
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: Unit = Unit.NONE
    buckets: tuple[float, ...] = ()  # upper bounds; the last is infinity
    across: Across = Across.SUM

    @property
    def family(self) -> str:
        """As prometheus_client names it: a counter without its `_total`."""
        return PREFIX + self.name

    @property
    def full_name(self) -> str:
        """As it is queried; a histogram's has `_bucket`, `_sum` and `_count` behind it."""
        return self.family + ("_total" if self.kind is Kind.COUNTER else "")


# OpenTelemetry's for http.server.request.duration.
DURATION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf)
# What we add is tens of microseconds: with the bounds above, every request would fall into the first bucket.
# fmt: off
OVERHEAD_BUCKETS: Final = (
    1e-5, 2.5e-5, 5e-5, 7.5e-5, 1e-4, 2.5e-4, 5e-4, 7.5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, math.inf,
)
# fmt: on

_ENDPOINT: Final = Label("endpoint", source="endpoints[].name")
_VARIANT: Final = Label("variant", source="endpoints[].variants[].name")
_SHADOW: Final = Label("shadow", source="endpoints[].shadows[].name")
_UPSTREAM: Final = Label("upstream", source="the name of a variant or a shadow")
_CODE: Final = Label("code", source="the answer's HTTP status, 0 when there was no answer")
_PROCESS: Final = Label(
    "process", source="supervisor, analyst, or a worker's place: 1 to the configured number of workers"
)
_WHO: Final = Label("variant", source="the name of a variant or a shadow")
_COLUMN: Final = Label("column", source="the baseline's columns, at most drift.max_columns of them")


def _counter(name: str, text: str, *labels: Label, unit: Unit = Unit.NONE) -> Metric:
    return Metric(name, Kind.COUNTER, text, labels, unit)


def _gauge(name: str, text: str, *labels: Label, unit: Unit = Unit.NONE, across: Across = Across.SUM) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels, unit, across=across)


def _histogram(name: str, text: str, *labels: Label, buckets: tuple[float, ...] = DURATION_BUCKETS) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, labels, Unit.SECONDS, buckets)


def _closed(name: str, *values: str) -> Label:
    return Label(name, tuple(map(str, values)))


REQUESTS: Final = _counter("requests", "Requests by the status that the client was sent.", _ENDPOINT, _VARIANT, _CODE)
REQUEST_OUTCOMES: Final = _counter(
    "request_outcomes",
    "Requests by how they ended: exactly one outcome for each.",
    _ENDPOINT,
    _VARIANT,
    _closed("outcome", *Outcome),
)
REQUEST_DURATION: Final = _histogram(
    "request_duration_seconds", "From the request's head to the end of the answer.", _ENDPOINT, _VARIANT
)
REQUEST_FIRST_BYTE: Final = _histogram(
    "request_first_byte_seconds", "From the request's head to the answer's first byte.", _ENDPOINT, _VARIANT
)
OVERHEAD: Final = _histogram(
    "overhead_seconds",
    "Time a request spent in watchtower, the upstream's excluded.",
    _ENDPOINT,
    buckets=OVERHEAD_BUCKETS,
)
REQUESTS_IN_FLIGHT: Final = _gauge("requests_in_flight", "Requests that have begun and not ended.", _ENDPOINT)
REQUEST_BODY_BYTES: Final = _counter(
    "request_body_bytes", "Bytes of request bodies received.", _ENDPOINT, unit=Unit.BYTES
)
RESPONSE_BODY_BYTES: Final = _counter(
    "response_body_bytes", "Bytes of answers' bodies passed on.", _ENDPOINT, _VARIANT, unit=Unit.BYTES
)
UPGRADES: Final = _counter("upgrades", "Connections that became tunnels (WebSocket).", _ENDPOINT)
TUNNELS_OPEN: Final = _gauge("tunnels_open", "Tunnels open now.")

UPSTREAM_CONNECTIONS: Final = _gauge(
    "upstream_connections",
    "Connections to an upstream by state.",
    _ENDPOINT,
    _UPSTREAM,
    _closed("state", "idle", "busy", "connecting"),
)
UPSTREAM_WAITING: Final = _gauge("upstream_waiting", "Requests waiting for a connection.", _ENDPOINT, _UPSTREAM)
UPSTREAM_CONNECTS: Final = _counter(
    "upstream_connects",
    "Attempts to connect to an upstream.",
    _ENDPOINT,
    _UPSTREAM,
    _closed("result", "ok", "failed", "timed_out"),
)
UPSTREAM_RETRIES: Final = _counter(
    "upstream_retries", "Requests sent once more because a kept connection was closed under them.", _ENDPOINT, _VARIANT
)

SHADOW_OUTCOMES: Final = _counter(
    "shadow_outcomes",
    "How requests fared at a shadow: exactly one outcome for each request that its endpoint took.",
    _ENDPOINT,
    _SHADOW,
    _closed("outcome", *ShadowOutcome),
)
SHADOW_DURATION: Final = _histogram(
    "shadow_duration_seconds", "From a shadow's request to the end of its answer.", _ENDPOINT, _SHADOW
)
SHADOW_QUEUE_BYTES: Final = _gauge(
    "shadow_queue_bytes", "Bytes of requests queued for a shadow.", _ENDPOINT, _SHADOW, unit=Unit.BYTES
)
SHADOW_QUEUE_REQUESTS: Final = _gauge("shadow_queue_requests", "Requests queued for a shadow.", _ENDPOINT, _SHADOW)
SHADOW_IN_FLIGHT: Final = _gauge("shadow_in_flight", "Requests that a shadow is answering.", _ENDPOINT, _SHADOW)
SHADOW_BREAKER_STATE: Final = _gauge(
    "shadow_breaker_state",
    "A shadow's breaker, the worst of all workers: 0 closed, 1 probing, 2 open.",
    _ENDPOINT,
    _SHADOW,
    across=Across.MAX,
)

JOURNAL_RECORDS: Final = _counter("journal_records", "Records offered to the journal.", _closed("role", *Role))
JOURNAL_SAMPLED_OUT: Final = _counter("journal_sampled_out", "Exchanges that capture.sample left out.")
JOURNAL_WRITTEN: Final = _counter("journal_written", "Records written.")
JOURNAL_UNSYNCED: Final = _counter(
    "journal_unsynced", "Records that were written, but that a failed fsync left in doubt."
)
WORKER_DIED: Final = "worker_died"  # told by the supervisor, where the others are the writer's own reasons
JOURNAL_DROPPED: Final = _counter(
    "journal_dropped", "Records that could not be written, by reason.", _closed("reason", *DropReason, WORKER_DIED)
)
JOURNAL_BYTES: Final = _counter("journal_bytes", "Bytes of records written.", unit=Unit.BYTES)
JOURNAL_BODIES: Final = _counter(
    "journal_bodies", "Bodies in records, by why they are or are not what was sent.", _closed("note", *BodyNote)
)
JOURNAL_BUFFERED_BYTES: Final = _gauge(
    "journal_buffered_bytes", "Bytes of records waiting for the disk.", unit=Unit.BYTES
)
JOURNAL_LAG: Final = _gauge(
    "journal_lag_seconds",
    "Age of the oldest record that waits for the disk.",
    unit=Unit.SECONDS,
    across=Across.MAX,
)
JOURNAL_DISK_BYTES: Final = _gauge("journal_disk_bytes", "Bytes of the journal's segments on disk.", unit=Unit.BYTES)
JOURNAL_REMOVED_SEGMENTS: Final = _counter(
    "journal_removed_segments", "Segments removed by retention.", _closed("reason", *RemovalReason)
)
JOURNAL_REMOVED_UNREAD: Final = _counter(
    "journal_removed_unread", "Records removed before the analyst had read them, because the disk budget demanded it."
)

CLIENT_CONNECTIONS: Final = _gauge("client_connections", "Connections of clients open now.")
CLIENT_CONNECTIONS_OPENED: Final = _counter("client_connections_opened", "Connections of clients accepted.")
REFUSALS: Final = _counter(
    "refusals",
    "Requests that watchtower answered itself, by reason.",
    _closed("reason", *Refusal),
)

# Of the analyst. Where a list is written out and not made from its enumeration, the enumeration stands in a module that
# imports numpy or pyarrow, which a worker must not load; a test compares the two.
_SIDE: Final = _closed("side", *Side)
_BUDGET: Final = _closed("budget", *BudgetSettings.__struct_fields__)
# fmt: off
_MEASURE: Final = _closed(
    "measure",
    "psi", "jensen_shannon", "hellinger", "total_variation", "chi_square", "cramers_v", "wasserstein", "ks",
    "mean_shift", "missing", "missing_change", "odd", "new_words", "out_of_range",
)
_METRIC: Final = _closed(
    "metric",
    "accuracy", "precision", "recall", "f1", "log_loss", "roc_auc", "calibration_error",
    "mae", "rmse", "mape", "r2", "bias",
)
_STORE_FAULT: Final = _closed("reason", "disk_full", "read_only", "folder_gone", "busy", "damaged", "io_error")
# fmt: on


def _latest(name: str, text: str, *labels: Label, unit: Unit = Unit.NONE) -> Metric:
    """What the analyst found last; there is one of it."""
    return _gauge(name, text, *labels, unit=unit, across=Across.MAX)


ANALYST_STARTS: Final = _counter(
    "analyst_starts", "Analysts started, by reason.", _closed("reason", "start", "crash", "reload", "memory")
)
ANALYST_EXCHANGES: Final = _counter(
    "analyst_exchanges",
    "Exchanges that were read and decoded; what was only kept is in analyst_skipped.",
    _ENDPOINT,
    _closed("role", *Role),
)
ANALYST_LAG: Final = _latest(
    "analyst_lag_seconds", "Age of the newest exchange that was read, while there are more.", unit=Unit.SECONDS
)
ANALYST_SKIPPED: Final = _counter(
    "analyst_skipped",
    "Exchanges that were kept, but not decoded, by reason.",
    _ENDPOINT,
    _closed("reason", "test_traffic", "behind", "unknown_endpoint", "no_inference", "defect"),
)
ANALYST_DEFECTS: Final = _counter(
    "analyst_defects",
    "Defects of ours that cost what they touched, by what was worked on: please report them with the log's trace.",
    _closed("work", "record", "batch", "time", "show", "labels", "baseline"),
)
ANALYST_ROWS: Final = _counter("analyst_rows", "Rows that bodies were decoded to.", _ENDPOINT, _SIDE)
ANALYST_JOURNAL_DAMAGE: Final = _counter(
    "analyst_journal_damage", "Places in the journal that could not be read.", _closed("fault", *JournalFault)
)
PAYLOAD_FAULTS: Final = _counter(
    "payload_faults", "Bodies that could not be read as rows, by reason.", _ENDPOINT, _SIDE, _closed("reason", *Fault)
)

# fmt: off
PAIRS: Final = _counter(
    "pairs",
    "Primary and shadow exchanges that met, by what came of it: exactly one result for each pair.",
    _ENDPOINT,
    _SHADOW,
    _closed(
        "result",
        "agree", "disagree", "both_failed", "primary_failed", "shadow_failed", "status", "shadow_unreadable",
        "unreadable", "too_large", "not_asked",
    ),
)
# fmt: on
UNPAIRED: Final = _counter(
    "unpaired", "Exchanges that never met their counterpart, by reason.", _ENDPOINT, _closed("reason", *Reason)
)
SHADOW_AGREEMENT: Final = _latest(
    "shadow_agreement_ratio", "Share of the compared pairs that agree.", _ENDPOINT, _SHADOW
)
SHADOW_VERDICT: Final = _latest(
    "shadow_verdict",
    "Whether a shadow keeps within a budget: 1 it does, 0 not decided yet, -1 it is worse. A twin is not judged.",
    _ENDPOINT,
    _SHADOW,
    _BUDGET,
)
SHADOW_VERDICT_VALUE: Final = _latest(
    "shadow_verdict_value", "What a budget bounds, as measured; latencies in seconds.", _ENDPOINT, _SHADOW, _BUDGET
)
SHADOW_VERDICT_LOW: Final = _latest(
    "shadow_verdict_low", "Lower end of the value's interval, valid at every moment.", _ENDPOINT, _SHADOW, _BUDGET
)
SHADOW_VERDICT_HIGH: Final = _latest(
    "shadow_verdict_high", "Upper end of the value's interval, valid at every moment.", _ENDPOINT, _SHADOW, _BUDGET
)

DRIFT_EFFECT: Final = _latest(
    "drift_effect", "How far a column is from the baseline, in the last window.", _ENDPOINT, _COLUMN, _MEASURE
)
DRIFT_EVIDENCE: Final = _latest(
    "drift_evidence", "Evidence that a column has changed, as a decimal logarithm.", _ENDPOINT, _COLUMN
)
DRIFT_EVIDENCE_THRESHOLD: Final = _latest(
    "drift_evidence_threshold", "Evidence at which an alarm is raised, as a decimal logarithm.", _ENDPOINT
)
DRIFT_ALARM: Final = _latest("drift_alarm", "Whether a column's alarm stands: 1 while it does.", _ENDPOINT, _COLUMN)
DRIFT_WINDOWS: Final = _counter("drift_windows", "Windows that were closed and judged.", _ENDPOINT)
DRIFT_COLUMNS_LEFT_OUT: Final = _latest(
    "drift_columns_left_out", "Columns beyond drift.max_columns: nobody watches them.", _ENDPOINT
)
QUALITY_VIOLATIONS: Final = _counter(
    "quality_violations",
    "Windows of a column that break the baseline's form, by what is broken.",
    _ENDPOINT,
    _closed(
        "violation",
        "new_column",
        "missing_column",
        "retyped_column",
        "out_of_range",
        "missing",
        "unknown_category",
    ),
)

PERFORMANCE: Final = _latest("performance", "Measured with the labels that have come.", _ENDPOINT, _WHO, _METRIC)
PERFORMANCE_LOW: Final = _latest("performance_low", "Lower end of its interval.", _ENDPOINT, _WHO, _METRIC)
PERFORMANCE_HIGH: Final = _latest("performance_high", "Upper end of its interval.", _ENDPOINT, _WHO, _METRIC)
PERFORMANCE_ESTIMATE: Final = _latest(
    "performance_estimate", "The same without labels, told from the model's own confidence.", _ENDPOINT, _WHO, _METRIC
)
LABEL_COVERAGE: Final = _latest(
    "label_coverage_ratio", "Share of the label period's rows that have a label.", _ENDPOINT
)
LABELS: Final = _counter(
    "labels",
    "Labels by what became of them: joined to their row, of an id that several requests have, or their period ended without one.",
    _ENDPOINT,
    _closed("result", "joined", "ambiguous", "unknown"),
)

STORE_BYTES: Final = _latest("store_bytes", "Bytes of the store's tables on disk.", unit=Unit.BYTES)
STORE_FAILURES: Final = _counter(
    "store_failures", "Times that the store could not be written, by reason.", _STORE_FAULT
)

REPORTS: Final = _counter(
    "reports",
    "Evidently's pages by what became of them: written, or why not.",
    _closed(
        "result",
        *("written", "not_installed", "no_baseline", "no_rows", "no_columns", "unreadable", "timed_out"),
        *("out_of_memory", "stopped", "failed"),
    ),
)

BUILD_INFO: Final = _gauge(
    "build_info",
    "Always 1; the labels say what runs.",
    Label("version", source="watchtower"),
    Label("python", source="the interpreter"),
    across=Across.MAX,
)
WORKERS: Final = _gauge(
    "workers", "Workers by state.", _closed("state", "starting", "ready", "hanging", "retiring", "waiting")
)
WORKER_STARTS: Final = _counter(
    "worker_starts", "Workers started, by reason.", _closed("reason", "start", "crash", "reload")
)
CONFIG_RELOADS: Final = _counter("config_reloads", "Reloads of the configuration.", _closed("result", "ok", "refused"))
PROCESS_MEMORY: Final = _gauge(
    "process_resident_memory_bytes", "Memory that a process holds.", _PROCESS, unit=Unit.BYTES
)
PROCESS_CPU: Final = _counter("process_cpu_seconds", "CPU time that a process used.", _PROCESS, unit=Unit.SECONDS)
PROCESS_OPEN_FDS: Final = _gauge("process_open_fds", "File descriptors that a process holds open.", _PROCESS)
PROCESS_START_TIME: Final = _gauge(
    "process_start_time_seconds",
    "When a process was started, in seconds since 1970.",
    _PROCESS,
    unit=Unit.SECONDS,
    across=Across.MAX,
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

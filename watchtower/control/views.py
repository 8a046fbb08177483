"""What the admin API says and is told; the OpenAPI document is made from these types."""

from typing import Annotated

import msgspec

from watchtower.control.routes_file import Weights


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457: why a request was not answered as asked."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    at: float  # when it was drawn; on an alarm, when that was raised
    occasion: str  # schedule, alarm or asked
    size: int


class ReportsView(msgspec.Struct, frozen=True, kw_only=True):
    """Evidently's pages of an endpoint, the newest first."""

    reports: list[ReportView]
    every: float | None  # seconds between two that are drawn by the clock
    waiting_for: str  # why none will be drawn; empty where they will


class LabelMistake(msgspec.Struct, frozen=True, kw_only=True):
    index: int  # in the list that was sent, from 0
    reason: str
    message: str


class LabelsRefused(Problem, frozen=True, kw_only=True):
    """What is wrong with labels, each with its place; none was taken."""

    mistakes: list[LabelMistake] = []  # the first hundred; none where the body as a whole is wrong


class LabelsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of labels; sending them again is safe."""

    accepted: int  # new
    updated: int  # another value for a row that had a label
    unchanged: int  # the same value again
    outdated: int  # another value that is older than the one that is there


class LabelSent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was true of one row of one request."""

    request_id: str
    value: bool | int | float | str
    row: int = 0  # within the request, from 0
    time: float | str | None = None  # when it became known: seconds since 1970 or RFC 3339; without it, now
    endpoint: str | None = None  # needed where requests of several endpoints may have the same id


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: str = "alive"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    is_ready: bool
    waiting_for: list[str]  # what is not ready, in words


class MatchView(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    path: str


class VariantView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    weight: float


class MirrorView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint. As the admin server is given it, the weights are the configuration's."""

    name: str
    match: MatchView
    variants: list[VariantView]
    shadows: list[MirrorView] = []

    def weights(self) -> dict[str, float]:
        return {variant.name: variant.weight for variant in self.variants}


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    endpoints: list[EndpointView]


class WeightsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Variants that are not named keep their weight."""

    weights: Annotated[Weights, msgspec.Meta(min_length=1)]


class WeightsView(msgspec.Struct, frozen=True, kw_only=True):
    weights: Weights
    is_override: bool  # whether they were changed while running


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    place: int
    generation: int
    state: str
    restarts: int
    ordinal: int | None
    pid: int | None
    memory_bytes: int | None


class AnalystView(msgspec.Struct, frozen=True, kw_only=True):
    state: str  # off, starting, running, waiting
    restarts: int
    pid: int | None
    memory_bytes: int | None
    lag_seconds: float | None  # null while none runs, for nobody knows


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    requests: int
    outcomes: dict[str, int]
    shadows: dict[str, dict[str, int]]  # outcomes by shadow


class JournalStatus(msgspec.Struct, frozen=True, kw_only=True):
    records: dict[str, int]  # by role
    dropped: dict[str, int]  # by reason
    bytes_written: int
    disk_bytes: int
    lag_seconds: float


class ReloadView(msgspec.Struct, frozen=True, kw_only=True):
    at: float  # seconds since 1970
    is_adopted: bool
    mistakes: list[str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    uptime_seconds: float
    is_draining: bool
    workers: list[WorkerView]
    analyst: AnalystView
    endpoints: list[EndpointStatus]
    journal: JournalStatus
    last_reload: ReloadView | None

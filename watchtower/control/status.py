"""The answer to "what is going on?", made of what the processes counted."""

from collections.abc import Iterable

from watchtower import __version__
from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.control.generation import WorkerStatus
from watchtower.control.supervisor import ReloadStatus
from watchtower.control.views import (
    AnalystView,
    EndpointStatus,
    EndpointView,
    JournalStatus,
    ReloadView,
    Status,
    WorkerView,
)
from watchtower.metrics.catalogue import (
    ANALYST_LAG,
    JOURNAL_BYTES,
    JOURNAL_DISK_BYTES,
    JOURNAL_DROPPED,
    JOURNAL_LAG,
    JOURNAL_RECORDS,
    REQUEST_OUTCOMES,
    SHADOW_OUTCOMES,
)
from watchtower.metrics.collect import Totals
from watchtower.metrics.process import usage


def worker_view(worker: WorkerStatus) -> WorkerView:
    return WorkerView(
        place=worker.place,
        generation=worker.generation,
        state=worker.state,
        restarts=worker.restarts,
        ordinal=worker.ordinal,
        pid=worker.pid,
        memory_bytes=_memory(worker.pid),
    )


def analyst_view(analyst: AnalystStatus, counted: Totals) -> AnalystView:
    return AnalystView(
        state=analyst.state,
        restarts=analyst.restarts,
        pid=analyst.pid,
        memory_bytes=_memory(analyst.pid),
        lag_seconds=counted.value(ANALYST_LAG) if analyst.state is AnalystState.RUNNING else None,
    )


def reload_view(last: ReloadStatus | None) -> ReloadView | None:
    return ReloadView(at=last.at, is_adopted=last.is_adopted, mistakes=list(last.mistakes)) if last else None


def endpoint_status(endpoint: EndpointView, counted: Totals) -> EndpointStatus:
    shadows = {
        shadow.name: _whole(counted.by(SHADOW_OUTCOMES, "outcome", endpoint=endpoint.name, shadow=shadow.name))
        for shadow in endpoint.shadows
    }
    outcomes = _whole(counted.by(REQUEST_OUTCOMES, "outcome", endpoint=endpoint.name))
    return EndpointStatus(name=endpoint.name, requests=sum(outcomes.values()), outcomes=outcomes, shadows=shadows)


def journal_status(counted: Totals) -> JournalStatus:
    return JournalStatus(
        records=_whole(counted.by(JOURNAL_RECORDS, "role")),
        dropped=_whole(counted.by(JOURNAL_DROPPED, "reason")),
        bytes_written=int(counted.value(JOURNAL_BYTES)),
        disk_bytes=int(counted.value(JOURNAL_DISK_BYTES)),
        lag_seconds=counted.value(JOURNAL_LAG),
    )


def status(
    counted: Totals,
    endpoints: Iterable[EndpointView],
    workers: Iterable[WorkerStatus],
    analyst: AnalystStatus,
    last_reload: ReloadStatus | None,
    *,
    uptime: float,
    is_draining: bool,
) -> Status:
    return Status(
        version=__version__,
        uptime_seconds=round(uptime, 3),
        is_draining=is_draining,
        workers=[worker_view(worker) for worker in workers],
        analyst=analyst_view(analyst, counted),
        endpoints=[endpoint_status(endpoint, counted) for endpoint in endpoints],
        journal=journal_status(counted),
        last_reload=reload_view(last_reload),
    )


def _memory(pid: int | None) -> int | None:
    found = usage(pid) if pid is not None else None
    return found.memory_bytes if found else None


def _whole(counts: dict[str, float]) -> dict[str, int]:
    return {name: int(count) for name, count in counts.items()}

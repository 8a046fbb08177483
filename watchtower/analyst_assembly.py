"""Puts the analyst together from the configuration; the sidecar's and the one over recorded journals are the same."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Protocol

from watchtower.analyst.analyst import READER, Analyst, AnalystObserver, Work
from watchtower.analyst.baselining import Baselining
from watchtower.analyst.comparing import Comparison
from watchtower.analyst.decoding import Decoding
from watchtower.analyst.endpoint import EndpointAnalysis, EndpointParts
from watchtower.analyst.labelling import Labelling
from watchtower.analyst.measuring import Measuring
from watchtower.analyst.watching import Watch
from watchtower.baselines import no_beat
from watchtower.clock import SECOND, Clock, patient
from watchtower.config.model import Config, EndpointConfig
from watchtower.report_keeper import alarm_pages
from watchtower.store.fault import StoreError
from watchtower.store.housekeeping import Housekeeper
from watchtower.store.schemas import TableName
from watchtower.store.store import Store

KEEP_HOUSE_S: Final = 30.0
FOR_EVER_NS: Final = 1 << 62
LEAVE_S: Final = 5.0  # for a merge that is under way; half of one is no harm, for no manifest names it

logger = logging.getLogger(__name__)


class AssemblyObserver(AnalystObserver, Protocol):
    def resumed(self, endpoints: Iterable[EndpointAnalysis]) -> None:
        """As the last commit left them; nothing of them is new."""

    def store_size(self, size: int) -> None: ...


@contextmanager
def assembled(
    config: Config,
    data_dir: Path,
    clock: Clock,
    observer: AssemblyObserver,
    *,
    journal: Path | None = None,
    beat: Callable[[], object] = no_beat,
) -> Iterator[Analyst]:
    """`journal`: a recorded one, read from its beginning and left as it is; else the sidecar's own, which is followed.

    `beat` is called now and then while something long is done at one go.
    """
    with Store(data_dir, config.store) as store, store_kept(store.housekeeper(), clock, observer):
        if store.strangers:
            logger.info("what a crash left before its commit is removed", extra={"files": len(store.strangers)})
        labels = Labelling(
            store, {one.name: Measuring(one.performance) for one in config.endpoints}, clock, _settle_s(config)
        )
        defect = partial(observer.defect, Work.BASELINE)
        # Of a recording that somebody keeps, bodies are kept as well.
        bodies_ns = round(config.capture.retention * SECOND) if journal is None else FOR_EVER_NS
        endpoints = {
            one.name: _endpoint(one, store, labels, clock, data_dir, beat, defect, bodies_ns)
            for one in config.endpoints
        }
        for name, endpoint in endpoints.items():
            endpoint.restore(store.state.blobs(f"{name}/"), clock.wall_ns())
        observer.resumed(endpoints.values())
        yield Analyst(
            config.analyst,
            journal or data_dir / "journal",
            store,
            endpoints,
            labels,
            clock,
            observer,
            gone=_gone(config, store),
            is_followed=journal is None,
            reader_name=READER if journal is None else None,
        )


@contextmanager
def store_kept(
    housekeeper: Housekeeper, clock: Clock, observer: AssemblyObserver, every_s: float = KEEP_HOUSE_S
) -> Iterator[None]:
    """Removes what is too old or too much, and merges small files, in a thread beside what writes them."""
    over = Event()
    now_ns = patient(clock)

    def work() -> None:
        while not over.wait(every_s):
            try:
                while not (step := housekeeper.step(now_ns())).is_done and not over.is_set():
                    pass
                observer.store_size(step.size)
            except StoreError as error:
                observer.store_failed(error)
                logger.warning("the store could not be tended", extra={"error": str(error)})
            except Exception:  # whatever it was, the next round tries again
                logger.exception("the store could not be tended")

    thread = Thread(target=work, name="store", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LEAVE_S)
        housekeeper.close()


def _gone(config: Config, store: Store) -> list[str]:
    """Documents on what is configured no more: a command would tell its last alarm or verdict for ever, and end by it."""
    there: set[tuple[str, ...]] = {(one.name,) for one in config.endpoints}
    there |= {(one.name, shadow.name) for one in config.endpoints for shadow in one.shadows}
    return [key for key in store.state.documents() if tuple(key.split("/")[1:]) not in there]


def _settle_s(config: Config) -> float:
    """A shadow's answer comes later than the primary's; where there are none, nobody is waited for."""
    return max((one.compare.wait + _longest_s(one) for one in config.endpoints if one.shadows), default=0.0)


def _longest_s(endpoint: EndpointConfig) -> float:
    """That a shadow may take."""
    return max((shadow.timeout for shadow in endpoint.shadows), default=0.0)


def _endpoint(
    settings: EndpointConfig,
    store: Store,
    labels: Labelling,
    clock: Clock,
    data_dir: Path,
    beat: Callable[[], object],
    defect: Callable[[], object],
    bodies_ns: int,
) -> EndpointAnalysis:
    name = settings.name

    def keep(table: TableName, columns: Mapping[str, Any]) -> None:
        store.tables.add(table, name, columns, clock.monotonic_ns())

    is_seasonal = settings.baseline.seasonal == "auto"
    watch = Watch(name, settings.drift, partial(keep, TableName.WINDOWS), is_seasonal=is_seasonal)
    parts = EndpointParts(
        Decoding(settings.protocol, settings.mapping, settings.performance.classes),
        Comparison(
            name,
            settings.compare,
            {shadow.name: shadow.twin for shadow in settings.shadows},
            {shadow.name: repr((shadow.url, shadow.path, shadow.host)) for shadow in settings.shadows},
            partial(keep, TableName.PAIRS),
            _longest_s(settings),
            repr((settings.protocol, settings.mapping)),
        ),
        watch,
        Baselining(name, settings.baseline, settings.drift, store.state.baselines, watch.adopt, beat, defect),
        labels.measurings[name],
    )
    drift = settings.drift
    return EndpointAnalysis(
        name, parts, labels, drift.window, drift.false_alarms, keep, bodies_ns, partial(alarm_pages, data_dir, name)
    )

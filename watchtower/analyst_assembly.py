"""Puts the analyst together from the configuration; the sidecar's and the one over recorded journals are the same."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from watchtower.analyst.analyst import READER, Analyst, AnalystObserver
from watchtower.analyst.baselining import Baselining
from watchtower.analyst.comparing import Comparison
from watchtower.analyst.decoding import Decoding
from watchtower.analyst.endpoint import EndpointAnalysis, EndpointParts
from watchtower.analyst.watching import Watch
from watchtower.clock import Clock
from watchtower.config.model import Config, EndpointConfig
from watchtower.store.schemas import TableName
from watchtower.store.store import Store


class AssemblyObserver(AnalystObserver, Protocol):
    def resumed(self, endpoints: Iterable[EndpointAnalysis]) -> None:
        """As the last commit left them; nothing of them is new."""


@contextmanager
def assembled(
    config: Config,
    data_dir: Path,
    clock: Clock,
    observer: AssemblyObserver,
    *,
    journal: Path | None = None,
) -> Iterator[Analyst]:
    """`journal`: a recorded one, read from its beginning and left as it is; else the sidecar's own, which is followed."""
    with Store(data_dir, config.store) as store:
        endpoints = {one.name: _endpoint(one, store, clock) for one in config.endpoints}
        for name, endpoint in endpoints.items():
            endpoint.restore(store.state.blobs(f"{name}/"), clock.wall_ns())
        observer.resumed(endpoints.values())
        yield Analyst(
            config.analyst,
            journal or data_dir / "journal",
            store,
            endpoints,
            clock,
            observer,
            may_sample=journal is None,
            reader_name=READER if journal is None else None,
        )


def _endpoint(settings: EndpointConfig, store: Store, clock: Clock) -> EndpointAnalysis:
    name = settings.name

    def keep(table: TableName, columns: Mapping[str, Any]) -> None:
        store.tables.add(table, name, columns, clock.monotonic_ns())

    watch = Watch(settings.drift, partial(keep, TableName.WINDOWS))
    parts = EndpointParts(
        Decoding(settings.protocol, settings.mapping),
        Comparison(
            name,
            settings.compare,
            {shadow.name: shadow.twin for shadow in settings.shadows},
            partial(keep, TableName.PAIRS),
        ),
        watch,
        Baselining(name, settings.baseline, settings.drift, store.state.baselines, watch.adopt),
    )
    return EndpointAnalysis(name, parts, settings.drift.window, settings.drift.false_alarms, keep)

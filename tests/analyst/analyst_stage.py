"""The analyst as it is put together for the sidecar, over a journal that a test writes, and what a test asks of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from recording import ORIGIN_NS, Recording

from watchtower.analyst import documents
from watchtower.analyst.analyst import Analyst
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.clock import ManualClock
from watchtower.config.load import load
from watchtower.config.model import Config
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import Totals, totals
from watchtower.record import Exchange
from watchtower.store.database import Access
from watchtower.store.query import Query
from watchtower.store.state import State

ENDPOINT_FILE = "watchtower.json"  # JSON is YAML
ENDPOINT = {
    "name": "churn",
    "variants": [{"name": "blue", "url": "http://127.0.0.1:8000"}],
    "shadows": [{"name": "v2", "url": "http://127.0.0.1:8001"}],
}


def configured(folder: Path, data_dir: Path, endpoint: Mapping[str, Any], **config: Any) -> Config:
    """From a file, as an operator writes it."""
    path = folder / ENDPOINT_FILE
    own = {"data_dir": str(data_dir), "endpoints": [{**ENDPOINT, **endpoint}]}
    path.write_text(json.dumps({**own, **config}))
    return load(path, {})


class Stage:
    """One data folder. Time stands still unless a test moves `clock`."""

    def __init__(self, folder: Path, endpoint: Mapping[str, Any] | None = None, **config: Any) -> None:
        self.data_dir = folder / "data"
        self.journal = self.data_dir / "journal"
        self.journal.mkdir(parents=True, exist_ok=True)
        self.metrics = folder / "metrics"
        self.metrics.mkdir(exist_ok=True)
        self.clock = ManualClock(epoch_ns=ORIGIN_NS)
        self._folder = folder
        self._runs = count(1)
        self.configure(endpoint or {}, **config)

    def configure(self, endpoint: Mapping[str, Any], **config: Any) -> None:
        """For the next start."""
        self.config = configured(self._folder, self.data_dir, endpoint, **config)

    def record(self, exchanges: Iterable[Exchange], stream: str = "w1-1") -> None:
        """A stream's next segment, which is then final."""
        with Recording(self.journal, stream) as recording:
            recording.add(exchanges)

    @contextmanager
    def started(self, recorded: Path | None = None) -> Iterator[Analyst]:
        """One life of the analyst's process. What it has not committed at the end is lost, as by a kill."""
        cells = Cells(self.metrics, f"a{next(self._runs)}")
        observer = AnalystCells(cells)
        with assembled(self.config, self.data_dir, self.clock.clock(), observer, journal=recorded) as analyst:
            try:
                yield analyst
            finally:
                analyst.close()
                cells.close()

    def analyse(self, *exchanges: Iterable[Exchange]) -> None:
        """A whole life: reads what lies there and was recorded now, commits, and ends."""
        for each in exchanges:
            self.record(each)
        with self.started() as analyst:
            while analyst.step():
                pass
            assert analyst.commit()

    def document(self, subject: str, shadow: str = "") -> Any:
        with State(self.data_dir, Access.READ) as state:
            found = state.document(documents.key(subject, "churn", shadow))
        assert found is not None, f"nothing is shown of {subject} {shadow}"
        return msgspec.json.decode(found)

    def shadow(self, name: str = "v2") -> Any:
        return self.document(documents.SHADOW, name)

    def drift(self) -> Any:
        return self.document(documents.DRIFT)

    def status(self) -> Any:
        return self.document(documents.STATUS)

    def faults(self) -> dict[tuple[str, str], int]:
        return {(each["side"], each["reason"]): each["count"] for each in self.status()["faults"]}

    def documents(self) -> dict[str, Any]:
        with State(self.data_dir, Access.READ) as state:
            return {key: msgspec.json.decode(found) for key, found in state.documents().items()}

    def query(self, sql: str) -> list[dict[str, Any]]:
        with Query(self.data_dir, self.config.store) as query:
            rows: list[dict[str, Any]] = query.run(sql).table().to_pylist()
        return rows

    def totals(self) -> Totals:
        return totals(self.metrics)

"""The threads beside the analyst, by a clock that is set ahead while they run."""

from pathlib import Path

from sidecar import until
from watchtower.analyst_assembly import store_kept
from watchtower.analyst_cells import AnalystCells
from watchtower.clock import SECOND, ManualClock
from watchtower.metrics.cells import Cells
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings
from watchtower.store.store import Store

DAY = 86_400 * SECOND


def kept(store: Store, at_ns: int) -> str:
    """The path of a file that holds one row."""
    row = {"request_id": ["1"], "row": 0, "variant": "blue", "role": "primary", "started": [at_ns]}
    store.tables.add(TableName.ROWS, "churn", row, now_ns=at_ns)
    (entry,) = store.commit()
    return entry.path


def test_a_clock_that_is_set_ahead_removes_no_rows(tmp_path: Path) -> None:
    clock = ManualClock()
    observer = AnalystCells(Cells(tmp_path, "a1"))
    with Store(tmp_path, StoreSettings()) as store:
        young = kept(store, clock.wall_ns() - DAY)
        with store_kept(store.housekeeper(), clock.clock(), observer, every_s=0.01):
            clock.epoch_ns += 365 * DAY
            old = kept(store, clock.wall_ns() - (365 + 31) * DAY)
            assert until(lambda: old not in {entry.path for entry in store.state.files()})  # it was looked at since

            assert young in {entry.path for entry in store.state.files()}

"""A store as the analyst leaves it: rows of an endpoint, a baseline, and the alarms that stand."""

from pathlib import Path

import msgspec

from watchtower.analyst.documents import DRIFT, AlarmView, DriftView, key
from watchtower.clock import SECOND
from watchtower.drift.baseline import build
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings
from watchtower.store.store import Store

NOON = 1_800_000_000.0
DAY = 86400.0
AGES = [float(20 + number % 50) for number in range(200)]


def analysed(data_dir: Path, *alarms: float, sample: int = 100, now: float = NOON) -> None:
    """Rows of the last three hours until now, and a baseline of now."""
    baseline = build(
        [(["in.age"], [AGES])], name="spring", source="a test", made_at_ns=round(now * SECOND), sample=sample
    )
    columns = {
        "request_id": [str(number) for number in range(200)],
        "row": 0,
        "variant": "blue",
        "role": "primary",
        "started": [round((now - 54 * number) * SECOND) for number in range(200)],
        "in.age": AGES,
    }
    with Store(data_dir, StoreSettings()) as store:
        store.tables.add(TableName.ROWS, "churn", columns, now_ns=0)
        store.commit(documents={key(DRIFT, "churn"): msgspec.json.encode(drift(*alarms))})
        store.state.baselines.add("churn", "spring", "a test", baseline.to_bytes(), round(now * SECOND))


def drift(*alarms: float) -> DriftView:
    return DriftView(
        endpoint="churn", updated=NOON, baseline="spring 1", waiting_for="", windows=9, last_window=NOON,
        promise="1 per 90d", threshold=5.0, cleared=[], columns=[], quality=[], left_out=0,
        alarms=[
            AlarmView(
                column="in.age", way="up", effect="more", since=at - 60, detected=at, evidence=7.0, threshold=5.0,
                observations=100,
            )
            for at in alarms
        ],
    )  # fmt: skip

"""Labels for the analyst's stage: put where the API puts them, and what is shown of them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analyst_stage import Stage
from recording import ORIGIN_NS, primary, shadow

from watchtower.analyst import documents
from watchtower.analyst.analyst import Analyst
from watchtower.clock import SECOND
from watchtower.record import Exchange
from watchtower.store.inbox import InboxLabel, Received, Value
from watchtower.store.state import State

SETTLED = 60  # seconds: longer than a shadow's answer is waited for
Key = int | tuple[int, int]  # the exchange's number, or that and the row
KEPT = "SELECT request_id, row, variant, value, prediction, score FROM labels ORDER BY request_id, row, variant"


class LabelStage(Stage):
    """Its clock stands behind everything that is recorded."""

    def __init__(self, folder: Path, endpoint: Mapping[str, Any] | None = None, **config: Any) -> None:
        # Recorded long ago is no reason to leave rows out.
        super().__init__(folder, endpoint, **{"analyst": {"max_lag": "100d"}, **config})
        self.clock.advance(SETTLED)

    def label(self, values: Mapping[Key, Value], at_s: float = 30.0, endpoint: str = "") -> Received:
        at_ns = ORIGIN_NS + round(at_s * SECOND)
        with State(self.data_dir) as state:
            return state.labels.put(
                InboxLabel(f"{key:06d}", 0, value, at_ns, endpoint=endpoint)
                if isinstance(key, int)
                else InboxLabel(f"{key[0]:06d}", key[1], value, at_ns, endpoint=endpoint)
                for key, value in values.items()
            )

    @contextmanager
    def measured(self) -> Iterator[Analyst]:
        """A life in which everything that is there is read and joined, twice for what the first look moves on."""
        with self.started() as analyst:
            settle(analyst)
            yield analyst

    def measure(self, exchanges: Iterable[Exchange] = ()) -> Any:
        self.record(exchanges)
        with self.measured():
            pass
        return self.performance()

    def performance(self) -> Any:
        return self.document(documents.PERFORMANCE)


def settle(analyst: Analyst) -> None:
    """Reads, commits, looks up and commits, until nothing moves."""
    for _ in range(3):
        while analyst.step():
            pass
        assert analyst.commit()
    analyst.step()
    assert analyst.commit()


def answered(number: int, prediction: object, at_s: float = 0.0, **asked: object) -> Exchange:
    return primary(number, {"instances": [{"age": number % 50, **asked}]}, {"predictions": [prediction]}, at_s)


def shadowed(number: int, prediction: object, at_s: float = 0.0) -> Exchange:
    return shadow(number, {"predictions": [prediction]}, at_s)


def series(shown: Any, who: str = "blue", segment: str | None = None) -> Any:
    [found] = [each for each in shown["series"] if (each["who"], each["segment"]) == (who, segment)]
    return found


def values(shown: Any, who: str = "blue", segment: str | None = None) -> dict[str, float]:
    return {each["metric"]: each["value"] for each in series(shown, who, segment)["estimates"]}


def counts(shown: Any) -> dict[str, int]:
    return {name: shown[name] for name in ("joined", "changed", "unknown", "waiting")}

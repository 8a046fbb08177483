"""The page that Prometheus reads: what all processes have counted, living and dead, as one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from watchtower.metrics.bury import standing
from watchtower.metrics.catalogue import ALL, Kind, Metric


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    content_type: str


class Totals:
    """The page's values, for those who want numbers instead of text."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._samples = [sample for family in families for sample in family.samples]

    def value(self, metric: Metric, **labels: str) -> float:
        """The sum of all series of a metric that have these labels."""
        return sum(self.by(metric, "", **labels).values())

    def by(self, metric: Metric, label: str, **labels: str) -> dict[str, float]:
        """The same for each value of one label; of a histogram, its count."""
        name = metric.full_name + ("_count" if metric.kind is Kind.HISTOGRAM else "")
        sums: dict[str, float] = {}
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                key = sample.labels.get(label, "")
                sums[key] = sums.get(key, 0.0) + sample.value
        return sums


class _Families(Collector):
    """Every family of the catalogue in its order, also those that nothing has counted yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Family]:
        found = {family.name: family for family in _families(self._directory)}
        for metric in ALL:
            yield found.get(metric.family) or Family(metric.family, metric.help, metric.kind)


def render(directory: Path, accept: str = "") -> Page:
    """Text format 0.0.4, or OpenMetrics for those who ask for it."""
    encode, content_type = choose_encoder(accept)
    return Page(encode(_Families(directory)), content_type)


def totals(directory: Path) -> Totals:
    return Totals(_families(directory))


def _families(directory: Path) -> Iterable[Family]:
    files = [str(path) for path in standing(directory)]
    merged: Iterable[Family] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    return merged

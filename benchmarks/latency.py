"""The latency that each proxy adds at 2,000 requests a second, whether the answers come back soon or not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.awake import awake
from benchmarks.bodies import json_body
from benchmarks.models import nginx_model
from benchmarks.open_loop import RATE, open_loop
from benchmarks.pace import Pace
from benchmarks.peers import ENVOY, NGINX, WATCHTOWER, Peer, Way, serving_both_ways
from benchmarks.process import note
from benchmarks.report import Claim, Part, Table, ratio

_HEADER: Final = (
    "proxy", "does", "p50 µs", "p99 µs", "added p50 µs", "added p99 µs", "failed", "unanswered", "sent late by, p99 µs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    p50_us: float
    p99_us: float
    lag_us: float
    failed: int
    unanswered: int


Results = dict[Way, list[Round]]

_DIRECT: Final = Way("no proxy", mirrors=False)
_OURS: Final = Way(WATCHTOWER.name, mirrors=True)
_RIVALS: Final = {Way(ENVOY.name, mirrors=True): 1.0, Way(NGINX.name, mirrors=False): None}


def measure(pace: Pace, peers: Sequence[Peer], folder: Path) -> Part:
    body = json_body(100)
    with (
        awake(),
        nginx_model(body, folder / "model") as model,
        nginx_model(body, folder / "shadow") as shadow,
        serving_both_ways(peers, folder, model.port, shadow.port) as proxies,
    ):
        ports = {_DIRECT: model.port, **{way: proxy.site.listen for way, proxy in proxies.items()}}
        results: Results = {way: [] for way in ports}
        for number, way in pace.in_seconds().turns(list(ports)):
            note(f"latency, round {number + 1}: {way.peer} {way.does}")
            results[way].append(_round(ports[way]))
    numbers = [{**asdict(way), "rounds": [asdict(one) for one in rounds]} for way, rounds in results.items()]
    return Part([_table(results)], _claims(results), numbers)


def _round(port: int) -> Round:
    timing = open_loop(port, seconds=1)
    return Round(timing.quantile_us(0.5), timing.quantile_us(0.99), timing.lag_p99_us, timing.failed, timing.unanswered)


def _added(results: Results, way: Way, name: str) -> list[float]:
    pairs = zip(results[way], results[_DIRECT], strict=True)
    return [getattr(through, name) - getattr(direct, name) for through, direct in pairs]


def _table(results: Results) -> Table:
    rows = []
    for way, rounds in results.items():
        figures = [median(one.p50_us for one in rounds), median(one.p99_us for one in rounds)]
        figures += [median(_added(results, way, name)) for name in ("p50_us", "p99_us")]
        failed, unanswered = sum(one.failed for one in rounds), sum(one.unanswered for one in rounds)
        lag = median(one.lag_us for one in rounds)
        shown = [f"{figure:.0f}" for figure in figures]
        rows.append((way.peer, "" if way == _DIRECT else way.does, *shown, str(failed), str(unanswered), f"{lag:.0f}"))
    return Table(f"Latency at {RATE:,} requests/s, open loop, 100 B", _HEADER, rows)


def _claims(results: Results) -> list[Claim]:
    # Both have gone to the same model: who adds less has the lower p99.
    if _OURS not in results:
        return []
    ours = [one.p99_us for one in results[_OURS]]
    return [
        ratio(
            f"p99 at {RATE:,}/s, {_OURS.peer} {_OURS.does} / {rival.peer} {rival.does}",
            ours,
            [one.p99_us for one in results[rival]],
            bound,
        )
        for rival, bound in _RIVALS.items()
        if rival in results
    ]

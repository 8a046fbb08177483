"""What a bad shadow does to the client and to the proxy's memory, beside no shadow at all."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import usage
from benchmarks.bodies import json_body
from benchmarks.models import nginx_model
from benchmarks.open_loop import RATE, open_loop
from benchmarks.pace import Pace
from benchmarks.peers import AIOHTTP, WATCHTOWER, Peer, Proxy, serving
from benchmarks.process import LOAD_CORE, free_port, note, running
from benchmarks.report import Claim, Part, Table, ratio

_NONE: Final = "none"
_NONE_AGAIN: Final = "none, again"  # the same thing twice: what differs here is the machine's noise
_FAULTS: Final = ("stalled", "slow", "dead", "huge")
_SHADOWS: Final = (_NONE, _NONE_AGAIN, "healthy", *_FAULTS)

# One second's p99 differs from the next one's by 10 to 20 %; to tell 5 % takes the median of many pairs of them.
_TIMES: Final = 6

_MIB: Final = 1 << 20
_HEADER: Final = (
    "proxy", "shadow", "p50 µs", "p99 µs", "p99 / none", "95 %", "peak RSS MiB", "failed", "unanswered",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    p50_us: float
    p99_us: float
    peak_rss: int  # of the data plane, since its start
    failed: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class Way:
    peer: str
    shadow: str


Results = dict[Way, list[Round]]


def measure(pace: Pace, peers: Sequence[Peer], folder: Path) -> Part:
    results: Results = {}
    for number, peer in enumerate(peer for peer in peers if peer.can_mirror and peer != AIOHTTP):
        # The others stand here to show what may happen: one round of each is enough, and some take long to drain.
        rounds = pace.in_seconds(_TIMES) if peer == WATCHTOWER else Pace(1, 1)
        results |= _with_peer(rounds, peer, folder / f"peer-{number}")
    numbers = [{**asdict(way), "rounds": [asdict(one) for one in rounds]} for way, rounds in results.items()]
    return Part([_table(results)], _claims(results), numbers)


def _with_peer(pace: Pace, peer: Peer, folder: Path) -> Results:
    folder.mkdir()
    body = json_body(100)
    with ExitStack() as stack:
        model = stack.enter_context(nginx_model(body, folder / "model"))
        healthy = stack.enter_context(nginx_model(body, folder / "healthy"))
        shadows = {_NONE: None, _NONE_AGAIN: None, "healthy": healthy.port, "dead": free_port()}
        for fault in ("stalled", "slow", "huge"):
            shadows[fault] = stack.enter_context(_faulty_model(fault, folder / fault))
        proxies: dict[Way, Proxy] = {}
        for number, shadow in enumerate(_SHADOWS):
            proxy = serving(peer, folder / f"beside-{number}", model.port, shadows[shadow])
            proxies[Way(peer.name, shadow)] = stack.enter_context(proxy)
        results: Results = {way: [] for way in proxies}
        for number, way in pace.turns(list(proxies)):
            note(f"shadow faults, round {number + 1}: {way.peer}, {way.shadow}")
            results[way].append(_round(proxies[way]))
    return results


@contextmanager
def _faulty_model(behaviour: str, folder: Path) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.faulty_model", "--port", str(port), "--behaviour", behaviour]
    with running(command, port=port, core=LOAD_CORE, folder=folder):
        yield port


def _round(proxy: Proxy) -> Round:
    timing = open_loop(proxy.site.listen, seconds=1)
    plane = usage.data_plane(proxy.pid)
    usage.settle(plane)
    peak = usage.peak_rss(plane)
    return Round(timing.quantile_us(0.5), timing.quantile_us(0.99), peak, timing.failed, timing.unanswered)


def _p99(rounds: Sequence[Round]) -> list[float]:
    return [one.p99_us for one in rounds]


def _p99_alone(results: Results, peer: str) -> list[float]:
    """Without a shadow, in each round: both times that it is measured, together. One alone is as uncertain as what it judges."""
    pairs = zip(_p99(results[Way(peer, _NONE)]), _p99(results[Way(peer, _NONE_AGAIN)]), strict=True)
    return [sqrt(first * second) for first, second in pairs]


def _table(results: Results) -> Table:
    rows = []
    for way, rounds in results.items():
        p50, p99 = median(one.p50_us for one in rounds), median(_p99(rounds))
        beside_none = ratio("", _p99(rounds), _p99_alone(results, way.peer))
        low, high = beside_none.interval
        peak = f"{rounds[-1].peak_rss / _MIB:.1f}"
        failed, unanswered = sum(one.failed for one in rounds), sum(one.unanswered for one in rounds)
        figures = (
            f"{p50:.0f}",
            f"{p99:.0f}",
            f"{beside_none.value:.2f}",
            f"{low:.2f} to {high:.2f}",
            peak,
            str(failed),
            str(unanswered),
        )
        rows.append((way.peer, way.shadow, *figures))
    return Table(f"A bad shadow, at {RATE:,} requests/s, open loop, 100 B", _HEADER, rows)


def _claims(results: Results) -> list[Claim]:
    alone = results.get(Way(WATCHTOWER.name, _NONE))
    if not alone:
        return []
    claims = []
    for shadow in (_NONE_AGAIN, "healthy", *_FAULTS):
        rounds, is_judged = results[Way(WATCHTOWER.name, shadow)], shadow in _FAULTS
        growth = (max(one.peak_rss for one in rounds) - max(one.peak_rss for one in alone)) / _MIB
        hurt = sum(one.failed + one.unanswered for one in rounds)
        claims += [
            ratio(
                f"client's p99, shadow {shadow} / none",
                _p99(rounds),
                _p99_alone(results, WATCHTOWER.name),
                1.05 if is_judged else None,
            ),
            Claim(f"client's failed and unanswered requests, shadow {shadow}", (hurt,), 0 if is_judged else None),
            Claim(f"peak RSS in MiB, shadow {shadow} − none", (growth,), 16 if is_judged else None),
        ]
    return claims

"""What a bad shadow does to the client and to the proxy's memory, beside no shadow at all."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import usage
from benchmarks.awake import awake
from benchmarks.bodies import json_body
from benchmarks.models import nginx_model
from benchmarks.open_loop import RATE, Timing, open_loops
from benchmarks.pace import Pace
from benchmarks.peers import AIOHTTP, WATCHTOWER, Peer, Proxy, serving
from benchmarks.process import LOAD_CORE, free_port, note, running
from benchmarks.report import Claim, Part, Table, ratio

_NONE: Final = "none"  # beside none: what differs there is the machine's noise
_FAULTS: Final = ("stalled", "slow", "dead", "huge")
_SHADOWS: Final = (_NONE, "healthy", *_FAULTS)

# One second's p99 differs from the next one's by 10 to 20 %; to tell 5 % takes the median of many pairs of them.
_TIMES: Final = 6

_MIB: Final = 1 << 20
_HEADER: Final = (
    "proxy", "shadow", "p50 µs", "p99 µs", "p99 µs of none beside it", "ratio", "95 %", "peak RSS MiB", "failed", "unanswered",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one proxy, in one round."""

    p50_us: float
    p99_us: float
    peak_rss: int  # of the data plane, since its start
    failed: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class Round:
    """Two proxies, asked in turns within the same second."""

    with_shadow: Seen
    without: Seen


@dataclass(frozen=True, slots=True)
class Way:
    peer: str
    shadow: str


Results = dict[Way, list[Round]]


def measure(pace: Pace, peers: Sequence[Peer], folder: Path) -> Part:
    results: Results = {}
    with awake():
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
        shadows = {_NONE: None, "healthy": healthy.port, "dead": free_port()}
        for fault in ("stalled", "slow", "huge"):
            shadows[fault] = stack.enter_context(_faulty_model(fault, folder / fault))
        without = stack.enter_context(serving(peer, folder / "without", model.port))
        proxies: dict[Way, Proxy] = {}
        for number, shadow in enumerate(_SHADOWS):
            proxy = serving(peer, folder / f"beside-{number}", model.port, shadows[shadow])
            proxies[Way(peer.name, shadow)] = stack.enter_context(proxy)
        results: Results = {way: [] for way in proxies}
        for number, way in pace.turns(list(proxies)):
            note(f"shadow faults, round {number + 1}: {way.peer}, {way.shadow}")
            results[way].append(_round(proxies[way], without, is_first=number % 4 < 2))
    return results


@contextmanager
def _faulty_model(behaviour: str, folder: Path) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.faulty_model", "--port", str(port), "--behaviour", behaviour]
    with running(command, port=port, core=LOAD_CORE, folder=folder):
        yield port


def _round(beside: Proxy, without: Proxy, *, is_first: bool) -> Round:
    """Each is the first of the two as often as the second."""
    both = [beside, without] if is_first else [without, beside]
    timings = open_loops([proxy.site.listen for proxy in both], seconds=1)
    seen = {proxy.pid: _seen(proxy, timing) for proxy, timing in zip(both, timings, strict=True)}
    return Round(seen[beside.pid], seen[without.pid])


def _seen(proxy: Proxy, timing: Timing) -> Seen:
    plane = usage.data_plane(proxy.pid)
    usage.settle(plane)
    peak = usage.peak_rss(plane)
    return Seen(timing.quantile_us(0.5), timing.quantile_us(0.99), peak, timing.failed, timing.unanswered)


def _beside_none(text: str, rounds: Sequence[Round], bound: float | None = None) -> Claim:
    return ratio(text, [one.with_shadow.p99_us for one in rounds], [one.without.p99_us for one in rounds], bound)


def _table(results: Results) -> Table:
    rows = []
    for way, rounds in results.items():
        beside = _beside_none("", rounds)
        low, high = beside.interval
        figures = (
            f"{median(one.with_shadow.p50_us for one in rounds):.0f}",
            f"{median(one.with_shadow.p99_us for one in rounds):.0f}",
            f"{median(one.without.p99_us for one in rounds):.0f}",
            f"{beside.value:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{rounds[-1].with_shadow.peak_rss / _MIB:.1f}",
            str(sum(one.with_shadow.failed for one in rounds)),
            str(sum(one.with_shadow.unanswered for one in rounds)),
        )
        rows.append((way.peer, way.shadow, *figures))
    return Table(f"A bad shadow, at {RATE:,} requests/s, open loop, 100 B", _HEADER, rows)


def _claims(results: Results) -> list[Claim]:
    claims = []
    for shadow in _SHADOWS:
        rounds, is_judged = results.get(Way(WATCHTOWER.name, shadow), ()), shadow in _FAULTS
        if not rounds:
            continue
        most = max(one.with_shadow.peak_rss for one in rounds) - max(one.without.peak_rss for one in rounds)
        hurt = sum(one.with_shadow.failed + one.with_shadow.unanswered for one in rounds)
        claims += [
            _beside_none(f"client's p99, shadow {shadow} / none", rounds, 1.05 if is_judged else None),
            Claim(f"client's failed and unanswered requests, shadow {shadow}", (hurt,), 0 if is_judged else None),
            Claim(f"peak RSS in MiB, shadow {shadow} − none", (most / _MIB,), 16 if is_judged else None),
        ]
    return claims

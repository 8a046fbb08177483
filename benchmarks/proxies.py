"""CPU a request, throughput and latency of every proxy when its core is full, forwarding and mirroring."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import accounts, usage
from benchmarks.accounts import Account
from benchmarks.bodies import SIZES, json_body
from benchmarks.load import closed_loop
from benchmarks.models import Model, nginx_model
from benchmarks.pace import Pace
from benchmarks.peers import WATCHTOWER, Peer, Proxy, Way, serving_both_ways
from benchmarks.process import note
from benchmarks.report import Claim, Part, Table, ratio

_JUDGED: Final = ("100 B", "4 KB")  # at 1 MB the kernel's copies are the cost, and every proxy pays them
_RIVALS: Final = (("Envoy", False, 1.0), ("Envoy", True, 0.9), ("nginx", True, 0.65))
_HEADER: Final = (
    "proxy", "does", "CPU µs/request", "of it data plane", "requests/s", "p50 ms", "p99 ms", "reached the shadow",
    "errors", "lost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    cpu_us: float  # of all processes, for each request
    plane_us: float  # of the data plane alone
    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    shadowed: float  # requests that the shadow met, for each that was answered
    lost: dict[str, int]  # records, by why; what the others lose, they do not say


Results = dict[Way, list[Round]]


def measure(pace: Pace, peers: Sequence[Peer], folder: Path) -> Part:
    results = {label: _with_body(label, pace, peers, folder / f"body-{SIZES[label]}") for label in SIZES}
    tables = [_table(label, rounds) for label, rounds in results.items()]
    claims = [claim for label, rounds in results.items() for claim in _claims(label, rounds)]
    numbers = [
        {"body": label, **asdict(way), "rounds": [asdict(one) for one in rounds]}
        for label, ways in results.items()
        for way, rounds in ways.items()
    ]
    return Part(tables, claims, numbers)


def _with_body(label: str, pace: Pace, peers: Sequence[Peer], folder: Path) -> Results:
    folder.mkdir()
    content = json_body(SIZES[label])
    body = folder / "body.json"
    body.write_bytes(content)
    with (
        nginx_model(content, folder / "model") as model,
        nginx_model(content, folder / "shadow") as shadow,
        serving_both_ways(peers, folder, model.port, shadow.port) as proxies,
    ):
        results: Results = {way: [] for way in proxies}
        for number, way in pace.turns(list(proxies)):
            note(f"{label}, round {number + 1}: {way.peer} {way.does}")
            results[way].append(_round(proxies[way], shadow, body, pace.seconds))
    return results


def _round(proxy: Proxy, shadow: Model, body: Path, seconds: int) -> Round:
    family, plane = usage.tree(proxy.pid), usage.data_plane(proxy.pid)
    met, account = shadow.requests(), _account(proxy)
    cpu, plane_cpu = usage.cpu_seconds(family), usage.cpu_seconds(plane)
    seen = closed_loop(proxy.site.listen, body, seconds)
    usage.settle(family)
    cpu, plane_cpu = usage.cpu_seconds(family) - cpu, usage.cpu_seconds(plane) - plane_cpu
    return Round(
        cpu_us=cpu / seen.requests * 1e6,
        plane_us=plane_cpu / seen.requests * 1e6,
        rate=seen.requests / seen.seconds,
        p50_ms=seen.p50_us / 1e3,
        p99_ms=seen.p99_us / 1e3,
        errors=seen.errors,
        shadowed=(shadow.requests() - met - 1) / seen.requests,
        lost=_lost_since(account, proxy, seen.requests),
    )


def _account(proxy: Proxy) -> Account | None:
    return accounts.read(proxy.site.admin) if proxy.peer == WATCHTOWER else None


def _lost_since(before: Account | None, proxy: Proxy, answered: int) -> dict[str, int]:
    after = _account(proxy)
    return after.lost_since(before, answered) if after and before else {}


def _lost(rounds: Sequence[Round]) -> str:
    total = Counter[str]()
    for one in rounds:
        total.update(one.lost)
    return ", ".join(f"{reason} {number}" for reason, number in total.items()) or "0"


def _table(label: str, results: Results) -> Table:
    rows = []
    for way, rounds in results.items():
        shadowed = f"{median(one.shadowed for one in rounds):.1%}" if way.mirrors else ""
        lost = _lost(rounds) if way.peer == WATCHTOWER.name else ""
        row = (
            way.peer,
            way.does,
            f"{median(one.cpu_us for one in rounds):.1f}",
            f"{median(one.plane_us for one in rounds):.1f}",
            f"{median(one.rate for one in rounds):,.0f}",
            f"{median(one.p50_ms for one in rounds):.2f}",
            f"{median(one.p99_ms for one in rounds):.2f}",
            shadowed,
            str(sum(one.errors for one in rounds)),
            lost,
        )
        rows.append(row)
    return Table(f"CPU a request, {label}", _HEADER, rows)


def _claims(label: str, results: Results) -> list[Claim]:
    claims = []
    for peer, mirrors, bound in _RIVALS:
        ours, theirs = results.get(Way(WATCHTOWER.name, mirrors)), results.get(Way(peer, mirrors))
        if ours and theirs:
            does = "mirrored, both answers journaled" if mirrors else "forwarded and journaled"
            text = f"{label}: data plane's CPU, {does} / {peer} {'mirrors' if mirrors else 'forwards'}"
            plane = [one.plane_us for one in ours]
            claims.append(ratio(text, plane, [one.cpu_us for one in theirs], bound if label in _JUDGED else None))
    for way, rounds in results.items():
        if way.peer == WATCHTOWER.name:
            lost = tuple(float(sum(one.lost.values()) + one.errors) for one in rounds)
            claims.append(Claim(f"{label}: lost while it {way.does}", lost, 0 if label in _JUDGED else None))
    return claims

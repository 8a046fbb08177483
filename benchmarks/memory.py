"""What a proxy costs while nothing happens: its start, its rest, and 10,000 connections that wait."""

import resource
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import usage
from benchmarks.bodies import json_body, post
from benchmarks.models import nginx_model
from benchmarks.pace import Pace
from benchmarks.peers import HAPROXY_TCP, WATCHTOWER, WHOLE_WATCHTOWER, Peer, Proxy, serving
from benchmarks.process import BenchmarkError, note
from benchmarks.report import Claim, Part, Table

_IDLE: Final = 10_000
_OWN_FILES: Final = 100
_REST_SECONDS: Final = 5  # one tick of the kernel's clock is then 0.2 % of a core
_MB: Final = 1_000_000
_HEADER: Final = (
    "proxy", "first answer, s", "data plane RSS, MB", "whole PSS, MB", "% of a core at rest", f"{_IDLE:,} idle, MB more",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Footprint:
    peer: str
    first_answer_s: float  # since the command was given
    plane_rss: int
    whole_pss: int
    resting_core: float  # share of a core, all processes
    idle_rss: int  # that idle connections added to the data plane


def measure(_: Pace, peers: Sequence[Peer], folder: Path) -> Part:
    _raise_file_limit()
    body = json_body(100)
    found = []
    with nginx_model(body, folder / "model") as model, nginx_model(body, folder / "shadow") as shadow:
        # HAProxy in TCP mode would hold a second connection for each idle one.
        for number, peer in enumerate(peer for peer in peers if peer != HAPROXY_TCP):
            note(f"memory: {peer.name}")
            began = time.monotonic()
            with serving(
                WHOLE_WATCHTOWER if peer == WATCHTOWER else peer,
                folder / f"proxy-{number}",
                model.port,
                shadow.port if peer.can_mirror else None,
            ) as proxy:
                found.append(_footprint(proxy, began))
    return Part([_table(found)], _claims(found), [asdict(one) for one in found])


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < _IDLE + _OWN_FILES:
        raise BenchmarkError(f"{_IDLE:,} connections need a higher `ulimit -Hn` than {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _footprint(proxy: Proxy, began: float) -> Footprint:
    port = proxy.site.listen
    _ask(port).close()
    first_answer = time.monotonic() - began
    time.sleep(_REST_SECONDS)  # watchtower's analyst starts behind the first answers
    family, plane = usage.tree(proxy.pid), usage.data_plane(proxy.pid)
    usage.settle(family)
    cpu = usage.cpu_seconds(family)
    time.sleep(_REST_SECONDS)
    resting = (usage.cpu_seconds(family) - cpu) / _REST_SECONDS
    plane_rss, whole_pss = usage.rss(plane), usage.pss(family)
    streams = [_ask(port) for _ in range(_IDLE)]
    usage.settle(family)
    idle_rss = usage.rss(plane) - plane_rss
    for stream in streams:
        stream.close()
    return Footprint(proxy.peer.name, first_answer, plane_rss, whole_pss, resting, idle_rss)


def _ask(port: int) -> socket.socket:
    """A connection that has had one answer, and waits."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    stream.sendall(post(port, json_body(100)))
    status = stream.recv(65536)[:12]
    if status != b"HTTP/1.1 200":
        raise BenchmarkError(f"an idle connection was answered {status!r}")
    return stream


def _table(found: Sequence[Footprint]) -> Table:
    rows = []
    for one in found:
        sizes = [f"{size / _MB:.1f}" for size in (one.plane_rss, one.whole_pss)]
        figures = [f"{one.first_answer_s:.2f}", *sizes, f"{one.resting_core:.1%}", f"{one.idle_rss / _MB:.1f}"]
        rows.append((one.peer, *figures))
    return Table("At rest", _HEADER, rows)


def _claims(found: Sequence[Footprint]) -> list[Claim]:
    return [
        claim
        for one in found
        if one.peer == WATCHTOWER.name
        for claim in (
            Claim("start to first answer, s", (one.first_answer_s,), 1.0),
            Claim("a worker's RSS at rest, MB", (one.plane_rss / _MB,), 60),
            Claim("the whole sidecar's PSS at rest, MB", (one.whole_pss / _MB,), 250),
            Claim("share of a core at rest", (one.resting_core,), 0.01),
            Claim(f"RSS that {_IDLE:,} idle connections add, MB", (one.idle_rss / _MB,), 200),
        )
    ]

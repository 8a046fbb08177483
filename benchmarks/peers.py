"""Every proxy that is measured, and the command that starts it as its users would.

Each has one worker, keeps its connections to the model, writes no access log, and does nothing that was not asked for.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.configure import write, write_nginx
from benchmarks.process import PROXY_CORE, free_port, running

BIN: Final = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Site:
    """Where a proxy stands: the folder that is its own, where it listens, and where the models are."""

    folder: Path
    listen: int
    admin: int
    upstream: int
    shadow: int | None


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    program: str
    command: Callable[[Site], list[str]]
    can_mirror: bool = True

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.program) is not None


@dataclass(frozen=True, slots=True)
class Proxy:
    """A peer that runs."""

    peer: Peer
    site: Site
    pid: int


@contextmanager
def serving(peer: Peer, folder: Path, upstream: int, shadow: int | None = None) -> Iterator[Proxy]:
    folder.mkdir()
    site = Site(folder, free_port(), free_port(), upstream, shadow)
    with running(peer.command(site), port=site.listen, core=PROXY_CORE, folder=folder) as pid:
        yield Proxy(peer, site, pid)


@dataclass(frozen=True, slots=True)
class Way:
    """What is compared: a proxy that forwards, or one that also mirrors."""

    peer: str
    mirrors: bool

    @property
    def does(self) -> str:
        return "mirrors" if self.mirrors else "forwards"


@contextmanager
def serving_both_ways(peers: Sequence[Peer], folder: Path, upstream: int, shadow: int) -> Iterator[dict[Way, Proxy]]:
    proxies: dict[Way, Proxy] = {}
    with ExitStack() as stack:
        for number, peer in enumerate(peers):
            forwarding = serving(peer, folder / f"forwards-{number}", upstream)
            proxies[Way(peer.name, mirrors=False)] = stack.enter_context(forwarding)
            if peer.can_mirror:
                mirroring = serving(peer, folder / f"mirrors-{number}", upstream, shadow)
                proxies[Way(peer.name, mirrors=True)] = stack.enter_context(mirroring)
        yield proxies


def _nginx(site: Site) -> list[str]:
    template = "nginx_forward.conf" if site.shadow is None else "nginx_mirror.conf"
    return write_nginx(template, site.folder, listen=site.listen, upstream=site.upstream, shadow=site.shadow)


def _haproxy(template: str) -> Callable[[Site], list[str]]:
    def command(site: Site) -> list[str]:
        path = write(template, site.folder, listen=site.listen, upstream=site.upstream)
        return ["haproxy", "-q", "-db", "-f", str(path)]

    return command


def _envoy(site: Site) -> list[str]:
    template = "envoy_forward.yaml" if site.shadow is None else "envoy_mirror.yaml"
    path = write(template, site.folder, listen=site.listen, upstream=site.upstream, shadow=site.shadow)
    return [str(BIN / "envoy"), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]


def _aiohttp(site: Site) -> list[str]:
    models = ["--upstream", _url(site.upstream)]
    if site.shadow is not None:
        models += ["--shadow", _url(site.shadow)]
    return [sys.executable, "-m", "benchmarks.aiohttp_proxy", "--port", str(site.listen), *models]


def _watchtower_alone(site: Site) -> list[str]:
    return [*_watchtower(site), "--config", str(write("watchtower.yaml", site.folder))]


def _watchtower(site: Site) -> list[str]:
    models = ["--upstream", _url(site.upstream)]
    if site.shadow is not None:
        models += ["--shadow", f"v2={_url(site.shadow)}"]
    ours = ["--listen", f"127.0.0.1:{site.listen}", "--admin", f"127.0.0.1:{site.admin}"]
    return [str(BIN / "watchtower"), "run", *models, *ours, "--data-dir", str(site.folder / "data")]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


HAPROXY_TCP: Final = Peer("HAProxy TCP", "haproxy", _haproxy("haproxy_tcp.cfg"), can_mirror=False)
HAPROXY: Final = Peer("HAProxy", "haproxy", _haproxy("haproxy_http.cfg"), can_mirror=False)
NGINX: Final = Peer("nginx", "nginx", _nginx)
ENVOY: Final = Peer("Envoy", str(BIN / "envoy"), _envoy)
AIOHTTP: Final = Peer("aiohttp", sys.executable, _aiohttp)
WATCHTOWER: Final = Peer("watchtower", str(BIN / "watchtower"), _watchtower_alone)
WHOLE_WATCHTOWER: Final = Peer("watchtower", str(BIN / "watchtower"), _watchtower)  # with its analyst

PEERS: Final = (HAPROXY_TCP, HAPROXY, NGINX, ENVOY, AIOHTTP, WATCHTOWER)

"""Whether requests can be sent here: all workers accept, and every endpoint has a variant that answers the probe."""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import aiohttp

from watchtower.control.generation import WorkerStatus
from watchtower.control.views import Readiness
from watchtower.control.worker_process import WorkerState
from watchtower.proxy.settings import VariantSettings
from watchtower.upstream.address import parse_url
from watchtower.upstream.tls import client_context


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    endpoint: str
    variant: str
    url: str  # the probe's, whole
    unix_path: str | None = None
    tls: ssl.SSLContext | None = None
    server_name: str | None = None  # that the certificate must have, where it is not the URL's


def probe_target(endpoint: str, variant: VariantSettings, path: str) -> ProbeTarget:
    """Made once for a configuration: to read certificates takes milliseconds, and whoever may ask us could spend them."""
    address = parse_url(variant.url)
    if address.scheme == "unix":
        return ProbeTarget(endpoint, variant.name, f"http://localhost{path}", unix_path=address.socket)
    if not address.is_tls:
        return ProbeTarget(endpoint, variant.name, f"{address}{path}")
    tls, name = client_context(variant.tls), variant.tls.server_name
    return ProbeTarget(endpoint, variant.name, f"{address}{path}", tls=tls, server_name=name)


@dataclass(frozen=True, slots=True)
class Unreachable:
    endpoint: str
    variant: str
    why: str


def readiness(
    workers: Iterable[WorkerStatus],
    targets: Sequence[ProbeTarget],
    unreachable: Sequence[Unreachable],
    *,
    is_draining: bool,
) -> Readiness:
    """One variant that answers is enough: a dead canary must not take the sound one out of service."""
    waiting_for = ["draining"] if is_draining else []
    current = [worker for worker in workers if worker.state is not WorkerState.RETIRING]
    waiting_for += [
        f"worker {worker.place}: {worker.state}" for worker in current if worker.state is not WorkerState.READY
    ]
    if not current and not is_draining:
        waiting_for.append("workers")
    dead = {(one.endpoint, one.variant) for one in unreachable}
    alive = {target.endpoint for target in targets if (target.endpoint, target.variant) not in dead}
    waiting_for += [f"{one.endpoint}/{one.variant}: {one.why}" for one in unreachable if one.endpoint not in alive]
    return Readiness(is_ready=not waiting_for, waiting_for=waiting_for)


async def probe(targets: Iterable[ProbeTarget], timeout: float) -> list[Unreachable]:  # noqa: ASYNC109  a value of the configuration
    """Those that do not answer below 400 in time."""
    found = await asyncio.gather(*(_why_not(target, timeout) for target in targets))
    return [one for one in found if one]


async def _why_not(target: ProbeTarget, seconds: float) -> Unreachable | None:
    connector = aiohttp.UnixConnector(target.unix_path) if target.unix_path else aiohttp.TCPConnector(force_close=True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.get(
                target.url, ssl=target.tls or True, server_hostname=target.server_name, allow_redirects=False
            ) as answer,
        ):
            why = "" if answer.status < 400 else f"status {answer.status}"
    except TimeoutError:
        why = f"no answer within {seconds:g} s"
    except (aiohttp.ClientError, OSError) as error:
        why = str(error) or type(error).__name__
    return Unreachable(target.endpoint, target.variant, why) if why else None

"""Bodies much larger than what any buffer holds pass in constant memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from background import background
from sidecar import Memory, Sidecar, endpoint, running_sidecar

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
SIZE = 64 * MIB
BLOCK = bytes(range(256)) * 1024
BOUND = 12 * MIB


async def sent() -> AsyncIterator[bytes]:
    for _ in range(SIZE // len(BLOCK)):
        yield BLOCK


async def digest_of(parts: AsyncIterator[bytes]) -> str:
    digest = hashlib.blake2b()
    async for part in parts:
        digest.update(part)
    return digest.hexdigest()


EXPECTED = asyncio.run(digest_of(sent()))


async def digest_or_bulk(request: web.Request) -> web.StreamResponse:
    """To a POST the body's digest, to a GET as many bytes, in chunks."""
    if request.method == "POST":
        return web.Response(text=await digest_of(request.content.iter_any()))
    answer = web.StreamResponse()
    await answer.prepare(request)
    async for part in sent():
        await answer.write(part)
    return answer


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    app = web.Application()
    app.router.add_route("*", "/", digest_or_bulk)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    with background() as at:
        at.run(runner.setup())
        at.run(web.TCPSite(runner, "127.0.0.1", 0).start())
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        mirrored = [{"name": "v2", "url": url}]
        with running_sidecar(tmp_path, {"endpoints": [endpoint(url, shadows=mirrored)]}) as made:
            yield made
        at.run(runner.cleanup())


async def exchanged(sidecar: Sidecar, method: str, body: AsyncIterator[bytes] | None = None, size: int = 0) -> str:
    """The digest of what came back, or what the model says was its digest."""
    fields = {"Content-Length": str(size)} if size else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, sidecar.url, data=body, headers=fields) as answer,
    ):
        if method == "POST":
            return await answer.text()
        return await digest_of(answer.content.iter_any())


def test_an_upload_with_a_length_passes_in_constant_memory(sidecar: Sidecar) -> None:
    memory = Memory(sidecar.workers()[0])
    digest = asyncio.run(exchanged(sidecar, "POST", sent(), SIZE))

    assert digest == EXPECTED
    assert memory.peak_growth() < BOUND
    assert sidecar.differences(1) == []


def test_a_chunked_upload_passes_in_constant_memory(sidecar: Sidecar) -> None:
    memory = Memory(sidecar.workers()[0])
    digest = asyncio.run(exchanged(sidecar, "POST", sent()))

    assert digest == EXPECTED
    assert memory.peak_growth() < BOUND
    assert sidecar.differences(1) == []


def test_a_large_answer_passes_in_constant_memory(sidecar: Sidecar) -> None:
    memory = Memory(sidecar.workers()[0])
    digest = asyncio.run(exchanged(sidecar, "GET"))

    assert digest == EXPECTED
    assert memory.peak_growth() < BOUND
    assert sidecar.differences(1) == []

"""A proxy as one writes it in an afternoon: aiohttp's server and client on uvloop, whole bodies in memory.

With a shadow it reads that answer too, and forgets it.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientError, ClientSession, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict, CIMultiDictProxy

_NOT_FORWARDED = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "host"})

_SESSION = web.AppKey("session", ClientSession)
_MIRRORED = web.AppKey("mirrored", set[asyncio.Task[None]])


def application(upstream: str, shadow: str | None) -> web.Application:
    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        if shadow is not None:
            task = asyncio.create_task(_mirror(shadow, request, body))
            request.app[_MIRRORED].add(task)
            task.add_done_callback(request.app[_MIRRORED].discard)
        return await _ask(upstream, request, body)

    app = web.Application(client_max_size=2**30)
    app[_MIRRORED] = set()
    app.cleanup_ctx.append(_client)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


async def _client(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(
        connector=TCPConnector(limit=0), cookie_jar=DummyCookieJar(), auto_decompress=False
    ) as app[_SESSION]:
        yield


async def _ask(model: str, request: web.Request, body: bytes) -> web.Response:
    async with request.app[_SESSION].request(
        request.method, model + request.path_qs, headers=_forwarded(request.headers), data=body, allow_redirects=False
    ) as answer:
        return web.Response(status=answer.status, headers=_forwarded(answer.headers), body=await answer.read())


async def _mirror(shadow: str, request: web.Request, body: bytes) -> None:
    try:
        await _ask(shadow, request, body)
    except ClientError:
        return


def _forwarded(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_FORWARDED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--shadow")
    options = parser.parse_args()
    uvloop.install()
    app = application(options.upstream, options.shadow)
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    main()

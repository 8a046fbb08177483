"""A shadow as one fears it: one that never answers, one that answers late, one that answers with 100 MB.

It runs when nobody else wants its core: the harm to be measured goes through the proxy, not through a core that the
load generator shares with it.
"""

import argparse
import asyncio
import os
from typing import Final

LATE_SECONDS: Final = 1.5  # within the 2 s that watchtower gives a shadow
_HUGE: Final = 100_000_000
_PART: Final = bytes(1 << 20)


async def _stall(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await _has_request(reader):
        await asyncio.sleep(LATE_SECONDS)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def _answer_hugely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await _has_request(reader):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _HUGE)
        for start in range(0, _HUGE, len(_PART)):
            writer.write(_PART[: _HUGE - start])
            await writer.drain()


async def _has_request(reader: asyncio.StreamReader) -> bool:
    """Reads one, unless the client has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    except asyncio.IncompleteReadError:
        return False
    return True


_BEHAVIOURS: Final = {"stalled": _stall, "slow": _answer_late, "huge": _answer_hugely}


async def _serve(port: int, behaviour: str) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _BEHAVIOURS[behaviour](reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--behaviour", choices=_BEHAVIOURS, required=True)
    options = parser.parse_args()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(_serve(options.port, options.behaviour))


if __name__ == "__main__":
    main()

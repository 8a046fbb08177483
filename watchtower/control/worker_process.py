"""One worker process as its supervisor sees it.

What the two have agreed on:

- The worker inherits the listening sockets of its place (bound; the worker calls listen, and may do so again on a socket
  that listens already) and a pipe, on which it writes a byte when it accepts connections, and then one every `BEAT_S`.
- Its standard input carries a length of 4 bytes, big-endian, and then its plan; after that it stays open as a life line:
  its end means that the supervisor is gone, and the worker drains.
- SIGTERM: drain. SIGUSR1: retire. Both mean: accept what is queued already, close the sockets (close, not shut down: others
  have them too), finish what is in flight, exit with 0.
- An analyst may end with `BEGIN_ANEW`: all is committed, and another is to go on with less memory.
- It has a session of its own, so that Control-C at a terminal reaches the supervisor alone.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from watchtower.control.pulse import Pulse

BEGIN_ANEW: Final = os.EX_TEMPFAIL


class WorkerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    HANGING = "hanging"  # ready, but its loop does not go round
    RETIRING = "retiring"
    WAITING = "waiting"  # for the next start


@dataclass(frozen=True, slots=True)
class Seat:
    """What tells one worker from the others."""

    place: int  # 1 to the number of workers; a replacement takes the same one
    ordinal: int  # never used again while the supervisor lives
    generation: int  # of the configuration
    listen_fds: tuple[int, ...]
    ready_fd: int  # the pipe that it beats on
    kind: str = "w"  # a worker; "a" for the analyst

    @property
    def process(self) -> str:
        """Its name in metrics' files and the journal's segments."""
        return f"{self.kind}{self.ordinal}"


class WorkerProcess:
    def __init__(self, seat: Seat, process: asyncio.subprocess.Process, read_fd: int) -> None:
        self.seat = seat
        self.pulse = Pulse()
        self._process = process
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(read_fd, self._hear, read_fd)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        return self._ready.done() and self._ready.result()

    @property
    def is_gone(self) -> bool:
        """Before it was ready."""
        return self._ready.done() and not self._ready.result()

    async def ready(self, deadline: float) -> bool:
        """Whether it accepts connections within some seconds; one that does not is killed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._ready), deadline)
        if not self.is_ready:
            self.tell(signal.SIGKILL)
        return self.is_ready

    def tell(self, what: signal.Signals) -> None:
        # Not by Popen: it looks first whether the process has ended, and then asyncio never learns how.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)

    async def exited(self) -> int:
        return await self._process.wait()

    def _hear(self, read_fd: int) -> None:
        beats = os.read(read_fd, 4096)
        self.pulse.beat()
        if not beats:  # it has closed the other end, or died
            asyncio.get_running_loop().remove_reader(read_fd)
            os.close(read_fd)
        if not self._ready.done():
            self._ready.set_result(bool(beats))


async def spawn(
    command: Sequence[str],
    seat: Seat,
    encode: Callable[[Seat], bytes],
    environ: Mapping[str, str] | None = None,
) -> WorkerProcess:
    """Starts a worker for a seat; its `ready_fd` is filled in here. Without an `environ` it has ours."""
    read_fd, write_fd = os.pipe()
    seat = replace(seat, ready_fd=write_fd)
    try:
        plan = encode(seat)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(*seat.listen_fds, write_fd),
            start_new_session=True,
            env=environ,
        )
    except BaseException:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    if process.stdin is not None:
        process.stdin.write(len(plan).to_bytes(4) + plan)
    return WorkerProcess(seat, process, read_fd)


def cause(code: int) -> str:
    """Of its end: what it ended with, or the signal that ended it."""
    return signal.Signals(-code).name if code < 0 else str(code)

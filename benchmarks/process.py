"""Programs that a benchmark starts: each pinned to a core, awaited until it listens, gone when the benchmark is."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks import usage

_CORES: Final = sorted(os.sched_getaffinity(0))
PROXY_CORE: Final = _CORES[0]
LOAD_CORE: Final = _CORES[-1]  # of the load generator and the models

_START_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 5.0


class BenchmarkError(Exception):
    """A program did not start, or did not do what was measured."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(command: Sequence[str], core: int) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *command]


@contextmanager
def running(command: Sequence[str], *, port: int, core: int, folder: Path) -> Iterator[int]:
    """The process id of a program that listens on the port."""
    log = folder / "output.txt"
    with log.open("ab") as output:
        process = subprocess.Popen(
            pinned(command, core), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await_listening(process, port, log)
        yield process.pid
    finally:
        _stop(process)


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"{process.args!r} ended with {process.returncode}:\n{_tail(log)}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise BenchmarkError(f"{process.args!r} does not listen after {_START_SECONDS} s:\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = usage.tree(process.pid)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for orphan in family[1:]:
        try:
            os.kill(orphan, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def note(text: str) -> None:
    """Says what is going on to the person who waits; a pipe gets the results alone."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()

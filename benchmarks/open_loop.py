"""The open loop: requests leave on a fixed schedule, and each is timed from when it should have left.

A closed loop stops asking while it waits, and so leaves out the very requests that would have waited most. This one
runs as a process of its own. It waits with `select`, whose time-outs count microseconds: epoll's count milliseconds,
more than most of what is to be measured.
"""

import argparse
import ctypes
import gc
import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from benchmarks.bodies import json_body, post
from benchmarks.process import LOAD_CORE, BenchmarkError, pinned

RATE: Final = 2000
_CONNECTIONS: Final = 500
_ATTEMPTS: Final = 2
_CALM_LAG_US: Final = 100.0
_GRACE_SECONDS: Final = 1.0  # for the last answers; what has none by then has waited until now
_PR_SET_TIMERSLACK: Final = 29  # else the kernel may wake us 50 µs late
_HEAD_END: Final = b"\r\n\r\n"


class Timing(msgspec.Struct, frozen=True):
    latencies_us: list[float]
    lag_p99_us: float  # how late requests left: the generator's own error
    failed: int  # closed connections, and every status of 400 and more
    unanswered: int

    def quantile_us(self, share: float) -> float:
        return quantile(self.latencies_us, share)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def open_loop(port: int, seconds: int) -> Timing:
    """The least disturbed of a few runs: when the generator itself was kept waiting, its figures are not the proxy's."""
    timings: list[Timing] = []
    while len(timings) < _ATTEMPTS and not any(timing.lag_p99_us <= _CALM_LAG_US for timing in timings):
        timings.append(_run(port, seconds))
    return min(timings, key=lambda timing: timing.lag_p99_us)


def _run(port: int, seconds: int) -> Timing:
    command = [sys.executable, "-m", "benchmarks.open_loop", "--port", str(port), "--seconds", str(seconds)]
    done = subprocess.run(pinned(command, LOAD_CORE), capture_output=True, timeout=seconds + 30, check=False)
    if done.returncode:
        raise BenchmarkError(f"the open loop failed: {done.stderr.decode()}")
    return msgspec.json.decode(done.stdout, type=Timing)


@dataclass(slots=True, eq=False)
class _Connection:
    stream: socket.socket
    due: float = 0.0
    answer: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        return self.stream.fileno()

    def receive(self) -> int | None:
        """The status of a whole answer, 0 of a closed connection."""
        try:
            part = self.stream.recv(65536)
        except OSError:
            return 0
        if not part:
            return 0
        self.answer += part
        end = self.answer.find(_HEAD_END)
        if end < 0:
            return None
        head = bytes(self.answer[:end]).lower()
        _, named, value = head.partition(b"\r\ncontent-length:")
        if not named:
            raise BenchmarkError(f"an answer without Content-Length: {head!r}")
        if len(self.answer) < end + len(_HEAD_END) + int(value.split(b"\r\n", 1)[0]):
            return None
        return int(head[9:12])


class _Generator:
    def __init__(self, port: int, seconds: int) -> None:
        self._request = post(port, json_body(100))
        self._address = ("127.0.0.1", port)
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._late: deque[float] = deque()  # due, but every connection is busy
        self._schedule = deque(number / RATE for number in range(RATE * seconds))
        self._latencies: list[float] = []
        self._lags: list[float] = []
        self._failed = 0

    def run(self) -> Timing:
        start = time.perf_counter() + 0.05
        self._schedule = deque(start + offset for offset in self._schedule)
        end = self._schedule[-1] + _GRACE_SECONDS
        while (now := time.perf_counter()) < end and (self._schedule or self._busy or self._late):
            while self._schedule and self._schedule[0] <= now:
                self._lags.append(now - self._schedule[0])
                self._late.append(self._schedule.popleft())
            while self._late and (self._idle or len(self._busy) < _CONNECTIONS):
                self._send(self._late.popleft())
            wake = self._schedule[0] if self._schedule else end
            readable, _, _ = select.select(self._busy, (), (), max(0.0, wake - time.perf_counter()))
            for connection in readable:
                self._receive(connection)
        waiting = [connection.due for connection in self._busy] + list(self._late)
        latencies = self._latencies + [now - due for due in waiting]
        lag = quantile(self._lags, 0.99) * 1e6
        return Timing([round(value * 1e6, 1) for value in latencies], lag, self._failed, len(waiting))

    def _send(self, due: float) -> None:
        connection = self._idle.pop() if self._idle else _Connection(socket.create_connection(self._address))
        connection.due = due
        connection.stream.sendall(self._request)
        self._busy.add(connection)

    def _receive(self, connection: _Connection) -> None:
        status = connection.receive()
        if status is None:
            return
        self._latencies.append(time.perf_counter() - connection.due)
        self._busy.discard(connection)
        self._failed += status == 0 or status >= 400
        if status:
            connection.answer.clear()
            self._idle.append(connection)
        else:
            connection.stream.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
    gc.disable()
    timing = _Generator(options.port, options.seconds).run()
    print(json.dumps(msgspec.to_builtins(timing)))


if __name__ == "__main__":
    main()

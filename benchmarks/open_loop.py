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
from collections.abc import Sequence
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
    return open_loops([port], seconds)[0]


def open_loops(ports: Sequence[int], seconds: int) -> list[Timing]:
    """One for each port, in turns from one request to the next: what the machine does meanwhile, it does to all alike.

    The least disturbed of a few runs: when the generator itself was kept waiting, its figures are not the proxy's.
    """
    runs: list[list[Timing]] = []
    while len(runs) < _ATTEMPTS and not any(timings[0].lag_p99_us <= _CALM_LAG_US for timings in runs):
        runs.append(_run(ports, seconds))
    return min(runs, key=lambda timings: timings[0].lag_p99_us)


def _run(ports: Sequence[int], seconds: int) -> list[Timing]:
    where = ["--ports", *map(str, ports), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "benchmarks.open_loop", *where]
    done = subprocess.run(pinned(command, LOAD_CORE), capture_output=True, timeout=seconds + 30, check=False)
    if done.returncode:
        raise BenchmarkError(f"the open loop failed: {done.stderr.decode()}")
    return msgspec.json.decode(done.stdout, type=list[Timing])


@dataclass(slots=True, eq=False)
class _Connection:
    stream: socket.socket
    target: "_Target"
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


class _Target:
    """One port, and what was seen there."""

    def __init__(self, port: int, busy: set[_Connection]) -> None:
        self._request = post(port, json_body(100))
        self._address = ("127.0.0.1", port)
        self._idle: list[_Connection] = []
        self._busy = busy  # of all targets
        self._busy_here = 0
        self._late: deque[float] = deque()  # due, but every connection is busy
        self._latencies: list[float] = []
        self._failed = 0

    @property
    def is_waiting(self) -> bool:
        return bool(self._late)

    def due(self, when: float) -> None:
        self._late.append(when)
        self.send()

    def send(self) -> None:
        while self._late and (self._idle or self._busy_here < _CONNECTIONS):
            connection = self._idle.pop() if self._idle else self._connect()
            connection.due = self._late.popleft()
            connection.stream.sendall(self._request)
            self._busy.add(connection)
            self._busy_here += 1

    def receive(self, connection: _Connection) -> None:
        status = connection.receive()
        if status is None:
            return
        self._latencies.append(time.perf_counter() - connection.due)
        self._busy.discard(connection)
        self._busy_here -= 1
        self._failed += status == 0 or status >= 400
        if status:
            connection.answer.clear()
            self._idle.append(connection)
        else:
            connection.stream.close()

    def timing(self, lag_p99: float) -> Timing:
        now = time.perf_counter()
        waiting = [connection.due for connection in self._busy if connection.target is self] + list(self._late)
        latencies = self._latencies + [now - due for due in waiting]
        return Timing([round(value * 1e6, 1) for value in latencies], lag_p99 * 1e6, self._failed, len(waiting))

    def _connect(self) -> _Connection:
        return _Connection(socket.create_connection(self._address), self)


def _generate(ports: Sequence[int], seconds: int) -> list[Timing]:
    busy: set[_Connection] = set()
    targets = [_Target(port, busy) for port in ports]
    rate = RATE * len(targets)
    start = time.perf_counter() + 0.05
    schedule = deque((start + number / rate, targets[number % len(targets)]) for number in range(rate * seconds))
    end = schedule[-1][0] + _GRACE_SECONDS
    lags: list[float] = []
    while (now := time.perf_counter()) < end and (schedule or busy or any(target.is_waiting for target in targets)):
        while schedule and schedule[0][0] <= now:
            due, target = schedule.popleft()
            lags.append(now - due)
            target.due(due)
        wake = schedule[0][0] if schedule else end
        readable, _, _ = select.select(busy, (), (), max(0.0, wake - time.perf_counter()))
        for connection in readable:
            connection.target.receive(connection)
            connection.target.send()
    lag = quantile(lags, 0.99)
    return [target.timing(lag) for target in targets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    parser.add_argument("--seconds", type=int, required=True)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
    gc.disable()
    timings = _generate(options.ports, options.seconds)
    print(json.dumps(msgspec.to_builtins(timings)))


if __name__ == "__main__":
    main()

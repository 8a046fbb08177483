"""The closed loop: wrk keeps 32 connections busy, so that the proxy's core is what limits it."""

import json
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bodies import PATH
from benchmarks.process import LOAD_CORE, BenchmarkError, pinned

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).with_name("post.lua")
_MARK: Final = "summary: "


class Load(msgspec.Struct, frozen=True):
    """What the client saw of one run."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: int  # refused and broken connections, time-outs, and every status of 400 and more


def closed_loop(port: int, body: Path, seconds: int) -> Load:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
    command += [f"http://127.0.0.1:{port}{PATH}", "--", str(body)]
    done = subprocess.run(pinned(command, LOAD_CORE), capture_output=True, text=True, timeout=seconds + 30, check=False)
    _, mark, summary = done.stdout.partition(_MARK)
    if not mark:
        raise BenchmarkError(f"wrk gave no summary: {done.stdout}{done.stderr}")
    load = msgspec.convert(json.loads(summary), Load)
    if not load.requests:
        raise BenchmarkError(f"nothing was answered in {seconds} s: {load}")
    return load

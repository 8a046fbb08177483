"""The machine and the versions, without which a figure means nothing."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.peers import ENVOY, HAPROXY, NGINX, WATCHTOWER, Peer

_ASKED: Final = {NGINX: "-v", HAPROXY: "-v", ENVOY: "--version"}
_VERSION: Final = re.compile(r"\d+\.\d+(\.\d+)+")


def describe() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    programs = [f"{peer.name} {_version(peer, option)}" for peer, option in _ASKED.items() if peer.is_installed]
    libraries = [f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "httptools")]
    ours = f"{WATCHTOWER.name} {version('watchtower-sidecar')}"
    return ", ".join([machine, f"Python {platform.python_version()}", *programs, *libraries, ours])


def _version(peer: Peer, option: str) -> str:
    done = subprocess.run([peer.program, option], capture_output=True, text=True, check=False)
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"

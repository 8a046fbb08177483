"""CPU time and memory of a program with all its children, as the kernel counts them in /proc."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields of /proc/PID/stat behind the name, which may hold spaces

WATCHTOWER_WORKER: Final = "watchtower.worker"


def tree(root: int) -> list[int]:
    """The process and all that descend from it, itself first."""
    found = [root]
    for pid in found:
        try:
            lists = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
            found += [int(child) for children in lists for child in children.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def data_plane(root: int) -> list[int]:
    """Of watchtower its workers; of every other proxy, all that it has."""
    family = tree(root)
    return [pid for pid in family if WATCHTOWER_WORKER in _command_line(pid)] or family


def cpu_seconds(pids: Iterable[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[_UTIME]) + int(fields[_STIME])
    return ticks / _TICKS_A_SECOND


def settle(pids: list[int], deadline: float = 3.0, quiet: float = 0.2) -> None:
    """Returns when what the load left behind is done: mirrored requests, records that wait for the disk."""
    end = time.monotonic() + deadline
    before = -1.0
    while time.monotonic() < end and (now := cpu_seconds(pids)) - before > 1 / _TICKS_A_SECOND:
        before = now
        time.sleep(quiet)


def rss(pids: Iterable[int]) -> int:
    return sum(_kilobytes(pid, "status", "VmRSS") for pid in pids) * 1024


def peak_rss(pids: Iterable[int]) -> int:
    return sum(_kilobytes(pid, "status", "VmHWM") for pid in pids) * 1024


def pss(pids: Iterable[int]) -> int:
    """Resident memory in which a page that several processes share counts once."""
    return sum(_kilobytes(pid, "smaps_rollup", "Pss") for pid in pids) * 1024


def _kilobytes(pid: int, file: str, key: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    return 0


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        return ""

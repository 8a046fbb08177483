"""What Linux says of a process: memory, CPU time, open files. A process that is gone has nothing to say."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    memory_bytes: int
    cpu_seconds: float
    open_fds: int
    started_at: float  # seconds since 1970


def usage(pid: int, proc: Path = Path("/proc")) -> ProcessUsage | None:
    try:
        text = (proc / str(pid) / "stat").read_text()
        open_fds = sum(1 for _ in (proc / str(pid) / "fd").iterdir())
        return parse_stat(text, open_fds, boot_time(proc))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def boot_time(proc: Path = Path("/proc")) -> float:
    lines = (proc / "stat").read_text().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def parse_stat(text: str, open_fds: int, booted_at: float) -> ProcessUsage:
    """Of proc_pid_stat(5), counted from behind the name, which may hold spaces and brackets itself."""
    fields = text.rpartition(")")[2].split()
    user, system, start, pages = (int(fields[number - 3]) for number in (14, 15, 22, 24))
    return ProcessUsage(pages * _PAGE, (user + system) / _TICKS, open_fds, booted_at + start / _TICKS)

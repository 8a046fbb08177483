"""`python -m watchtower.reports.limited PARENT BYTES SECONDS PROGRAM ARGUMENT…`: a program that draws, with bounds.

It has so much memory and CPU time, and ends with the thread that started it, for then nobody keeps the deadline. It becomes
the program, so the bounds hold from its first instruction, and no code runs between a fork and an exec of a process that
has threads. The CPU time is for a parent that is there, but stands still.
"""

import ctypes
import os
import resource
import signal
import sys

_NICENESS = 10  # traffic first
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent, memory, seconds, *program = sys.argv[1:]
    _end_with(int(parent))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)
    os.execv(program[0], program)  # noqa: S606  the program is ours, and no shell is wanted


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it had ended before that
        raise SystemExit


if __name__ == "__main__":
    main()

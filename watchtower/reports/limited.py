"""`python -m watchtower.reports.limited BYTES SECONDS PROGRAM ARGUMENT…`: a program with a bound on its memory and CPU time.

It becomes the program, so the bounds hold from its first instruction, and no code runs between a fork and an exec of a
process that has threads. The CPU time is for the case that its parent is no longer there to keep the deadline.
"""

import os
import resource
import sys

_NICENESS = 10  # traffic first


def main() -> None:
    memory, seconds, *program = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)
    os.execv(program[0], program)  # noqa: S606  the program is ours, and no shell is wanted


if __name__ == "__main__":
    main()

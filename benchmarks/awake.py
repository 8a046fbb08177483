"""Keeps the cores from going to sleep while latencies are measured.

A virtual machine gives an idle core back to its host, which may take a millisecond to run it again; with a request every
500 µs, that is most of what a p99 would tell. Linux has a switch for it, for the time that it is held open.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LATENCY: Final = Path("/dev/cpu_dma_latency")
_NONE_MICROSECONDS: Final = bytes(4)


@contextmanager
def awake() -> Iterator[None]:
    try:
        held = _LATENCY.open("wb", buffering=0)
    except OSError as error:
        sys.stderr.write(f"The cores may sleep, and a p99 will tell of it: {error}\n")
        yield
        return
    with held:
        held.write(_NONE_MICROSECONDS)
        yield

"""The analyst's memory budget: the last bound, above those of its parts, and the only one that covers what nobody foresaw."""

import ctypes
import gc
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]

_STATM: Final = Path("/proc/self/statm")

logger = logging.getLogger(__name__)


def resident() -> int:
    """Bytes; none where the system does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class MemoryBudget:
    def __init__(self, most: int, held: Callable[[], int] = resident) -> None:
        self._most = most
        self._held = held

    def is_over(self) -> bool:
        """Also when what libraries keep for later was given back."""
        if self._held() <= self._most:
            return False
        gc.collect()
        pa.default_memory_pool().release_unused()
        with suppress(AttributeError):  # glibc's alone
            ctypes.CDLL(None).malloc_trim(0)
        held = self._held()
        if held > self._most:
            logger.warning("the analyst is over its memory budget", extra={"bytes": held, "max_memory": self._most})
        return held > self._most

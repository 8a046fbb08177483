"""A process's file descriptors: room for them, and whether one is left.

Without one, libuv accepts connections only to close them, and tells nobody.
"""

import fcntl
import logging
import os
import resource
from typing import Final

logger = logging.getLogger(__name__)

_MOST_ROOM: Final = 65_536  # half a megabyte of the kernel's


def make_room() -> None:
    """Takes all descriptors that the system gives us, and lets the kernel make its table of them now.

    It doubles the table when it is full, and where threads share it, waits until none can still be reading the old one:
    whoever opened the 64th, the 128th or the 256th connection waited 8 to 11 ms for that, and the whole loop with it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.close(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, min(most, _MOST_ROOM) - 1))


class Descriptors:
    def __init__(self) -> None:
        self._is_short = False

    def look(self) -> None:
        """Says when the last one is gone, and when there are some again."""
        is_short = _is_short()
        if is_short and not self._is_short:
            logger.error("no file descriptor is left: new connections are closed unanswered")
        elif self._is_short and not is_short:
            logger.warning("there are file descriptors again")
        self._is_short = is_short


def _is_short() -> bool:
    try:
        os.close(os.dup(0))
    except OSError:
        return True
    return False

"""Whether a process can still open a file. Without one left, libuv accepts connections only to close them, and tells nobody."""

import logging
import os

logger = logging.getLogger(__name__)


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

"""The storage's errors, whichever library met them, as one: with the reason that a metric counts and a person acts on."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from watchtower.errors import WatchtowerError


class StoreFault(StrEnum):
    """Also the metric's label."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    FOLDER_GONE = "folder_gone"
    BUSY = "busy"  # another process writes, and did not end in time
    DAMAGED = "damaged"  # what lies there is not what was written
    IO_ERROR = "io_error"


class StoreError(WatchtowerError):
    """The storage's. What was not committed is as if it had never been tried: trying again is always allowed."""

    def __init__(self, fault: StoreFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


_BY_NUMBER: Final = {
    errno.ENOSPC: StoreFault.DISK_FULL,
    errno.EDQUOT: StoreFault.DISK_FULL,
    errno.EFBIG: StoreFault.DISK_FULL,
    errno.EROFS: StoreFault.READ_ONLY,
    errno.EACCES: StoreFault.READ_ONLY,
    errno.EPERM: StoreFault.READ_ONLY,
    errno.ENOENT: StoreFault.FOLDER_GONE,
    errno.ENOTDIR: StoreFault.FOLDER_GONE,
}
# SQLite's primary result codes; the extended ones keep them in their lowest byte.
_BY_SQLITE: Final = {
    sqlite3.SQLITE_FULL: StoreFault.DISK_FULL,
    sqlite3.SQLITE_READONLY: StoreFault.READ_ONLY,
    sqlite3.SQLITE_PERM: StoreFault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: StoreFault.FOLDER_GONE,
    sqlite3.SQLITE_BUSY: StoreFault.BUSY,
    sqlite3.SQLITE_LOCKED: StoreFault.BUSY,
    sqlite3.SQLITE_CORRUPT: StoreFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: StoreFault.DAMAGED,
}


# Arrow's exceptions are known by where they come from: the supervisor, which only asks SQLite, must not load Arrow and
# numpy, for their threads would take the signals that are meant for it.
_ARROW: Final = "pyarrow.lib"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """The one boundary for what the file system, Arrow and SQLite raise while they work on `path`."""
    try:
        yield
    except sqlite3.Error as error:
        # Errors that SQLite did not report itself have no code: a closed connection, a text that is none.
        fault = _BY_SQLITE.get(getattr(error, "sqlite_errorcode", -1) & 0xFF, StoreFault.IO_ERROR)
        raise StoreError(fault, f"{path}: {error}") from error
    except OSError as error:
        # Arrow raises these too: with a number when the system failed, without one when a file is not what it should be.
        fault = StoreFault.DAMAGED if error.errno is None else _BY_NUMBER.get(error.errno, StoreFault.IO_ERROR)
        raise StoreError(fault, f"{path}: {error}") from error
    except Exception as error:
        if type(error).__module__ != _ARROW:
            raise
        raise StoreError(StoreFault.DAMAGED, f"{path}: {error}") from error

"""One supervisor for a data_dir: a second one would wipe the metrics of the first, and both would prune one journal."""

import fcntl
import os
from pathlib import Path
from typing import IO

from watchtower.errors import StartError


def claim(data_dir: Path) -> IO[bytes]:
    """Holds the folder, which is made where it is missing, until the file is closed or the process ends, however it ends."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "supervisor.lock").open("ab")
    except OSError as error:
        raise StartError(f"{data_dir} cannot be used as data_dir: {error.strerror or error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StartError(f"another watchtower uses {data_dir}: stop it, or give this one its own data_dir") from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n".encode())
    lock.flush()
    return lock

"""Where the metrics' files are kept: in memory where the machine has a place for that.

A mapped file on a disk makes a count wait for the disk: the first write to a page after each write-back takes the file
system's locks, and on a full or stuck disk it waits for as long as that lasts (the JVM's hsperfdata in /tmp is the known
precedent). Nothing here needs to outlive the processes that count.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  made below with the owner's rights alone, and checked


def metrics_directory(data_dir: Path, shared_memory: Path = SHARED_MEMORY) -> Path:
    """A folder of our own in shared memory, the same for the same data_dir; without shared memory, in data_dir."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    candidate = shared_memory / f"watchtower-{os.getuid()}-{digest}"
    return candidate if _is_ours(candidate) else data_dir / "metrics"


def _is_ours(path: Path) -> bool:
    """Whether the folder is there, or could be made, and belongs to us: anyone may write to its parent."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077

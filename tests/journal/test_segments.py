import fcntl
import os
from pathlib import Path
from threading import Thread

from watchtower.journal.segments import hold, is_held


def test_whoever_looks_at_the_same_moment_does_not_take_the_mark_away(tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.touch()
    written, looked_at, asked = (os.open(path, os.O_RDONLY) for _ in range(3))
    fcntl.flock(looked_at, fcntl.LOCK_SH)  # as `is_held` does for a moment
    holding = Thread(target=hold, args=(written,))
    holding.start()
    holding.join(0.05)  # so long it may try
    fcntl.flock(looked_at, fcntl.LOCK_UN)
    holding.join()

    assert is_held(asked)
    for file in (written, looked_at, asked):
        os.close(file)

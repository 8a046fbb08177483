"""What a dead process had counted is added to the totals of the dead, so that its files can go and nothing is lost.

Three steps for each kind of file, and one of them decides:

1. The totals and the dead one's counts are written to a draft.
2. The draft is renamed to `KIND_buried+PROCESS.db`. From now on, this file stands for `KIND_buried.db` and for
   `KIND_PROCESS.db`, and readers pass over both (`standing`). Before, nothing had happened.
3. `KIND_PROCESS.db` is removed, then the new file takes the name `KIND_buried.db`.

Killed at any point, every count is in exactly one file that readers look at, and the next burial finishes this one.
A process must be dead when it is buried. One process buries, and reads between burials, not beside them.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from watchtower.metrics.files import read_series, write_series

_PENDING: Final = re.compile(r"(counter|histogram)_buried\+(\w+)\.db")


def wipe(directory: Path) -> None:
    """An empty directory to begin with; what is in it is from a supervisor that is gone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in [*directory.glob("*.db"), *directory.glob("*.draft")]:
        path.unlink(missing_ok=True)


def bury(directory: Path, process: str) -> None:
    _finish(directory)
    for path in directory.glob(f"gauge_*_{process}.db"):
        path.unlink()
    for kind in ("counter", "histogram"):
        _merge(directory, kind, process)
    _finish(directory)


def standing(directory: Path) -> list[Path]:
    """The files that hold each count exactly once."""
    paths = sorted(directory.glob("*.db"))
    passed_over = set()
    for path in paths:
        if pending := _PENDING.fullmatch(path.name):
            kind, process = pending.groups()
            passed_over |= {f"{kind}_buried.db", f"{kind}_{process}.db"}
    return [path for path in paths if path.name not in passed_over]


def total(paths: Iterable[Path]) -> dict[str, float]:
    """The sum of every series over some files."""
    sums: dict[str, float] = {}
    for path in paths:
        for key, value in read_series(path.read_bytes()):
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _merge(directory: Path, kind: str, process: str) -> None:
    dead = directory / f"{kind}_{process}.db"
    if dead.exists():
        buried = directory / f"{kind}_buried.db"
        draft = directory / f"{kind}_buried.draft"
        write_series(draft, total(path for path in (buried, dead) if path.exists()))
        draft.rename(directory / f"{kind}_buried+{process}.db")


def _finish(directory: Path) -> None:
    for path in directory.glob("*_buried+*.db"):
        if pending := _PENDING.fullmatch(path.name):
            kind, process = pending.groups()
            (directory / f"{kind}_{process}.db").unlink(missing_ok=True)
            path.replace(directory / f"{kind}_buried.db")

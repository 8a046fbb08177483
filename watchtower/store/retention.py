"""Which files go, by age and by size, the oldest first. Decisions only.

A file goes when its newest row is older than the retention. Beyond the disk's share, the oldest files of all tables go,
whatever table they are of: what is left is then everything since one moment.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from watchtower.clock import SECOND
from watchtower.store.files import FileEntry
from watchtower.store.settings import StoreSettings


class RemovalReason(StrEnum):
    AGE = "age"
    SIZE = "size"
    DAMAGED = "damaged"  # cannot be read, and would fail every query that meets it


@dataclass(frozen=True, slots=True)
class Removal:
    entry: FileEntry
    reason: RemovalReason


def plan(present: Collection[FileEntry], now_ns: int, settings: StoreSettings) -> Iterator[Removal]:
    """What should go, in this order."""
    excess = sum(entry.bytes for entry in present) - settings.max_disk
    for entry in sorted(present, key=lambda entry: (entry.max_ns, entry.sequence)):
        is_old = now_ns - entry.max_ns > settings.retention * SECOND
        if not is_old and excess <= 0:
            return
        excess -= entry.bytes
        yield Removal(entry, RemovalReason.AGE if is_old else RemovalReason.SIZE)

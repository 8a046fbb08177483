"""Keeps the journal within its age and its share of the disk. One process does it for all writers, every few seconds.

A segment goes when all of it is older than the retention and every reader that has ever committed has read it. When the
journal is over its budget, the oldest segments go first: those that were read, then, if it must be, those that were
not; their records are counted. Without any reader, age and size alone decide. A segment that a writer holds never goes,
so the journal may be over its budget by one segment for each writer; writers end their segments by age, too.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from watchtower.clock import SECOND
from watchtower.journal.format import Record
from watchtower.journal.offsets import Offsets, Position, load_all
from watchtower.journal.segments import TEMPORARY, Segment, Stored, is_held, scan, survey
from watchtower.journal.settings import CaptureSettings

_LEFTOVER_NS: Final = 3600 * SECOND  # a temporary file lives for milliseconds, unless its process was killed


class RemovalReason(StrEnum):
    AGE = "age"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Removal:
    stored: Stored
    reason: RemovalReason
    unread_from: int | None = None  # the offset up to which every reader has read it; `None` when all have read it all


@dataclass(frozen=True, slots=True)
class Removed:
    removal: Removal
    unread_records: int


@dataclass(frozen=True, slots=True)
class Swept:
    removed: tuple[Removed, ...]
    segments: int  # that are left
    size: int


def plan(
    present: Collection[Stored], readers: Collection[Offsets], now_ns: int, settings: CaptureSettings
) -> Iterator[Removal]:
    """What should go, in this order."""
    excess = sum(each.size for each in present) - settings.max_disk
    unread = []
    for each in sorted((each for each in present if not each.is_held), key=lambda each: each.written_ns):
        read_to = min((_read_to(offsets, each) for offsets in readers), default=each.size)
        is_old = now_ns - each.written_ns > settings.retention * SECOND
        if read_to < each.size:
            unread.append(Removal(each, RemovalReason.SIZE, read_to))
        elif is_old or excess > 0:
            excess -= each.size
            yield Removal(each, RemovalReason.AGE if is_old else RemovalReason.SIZE)
    for removal in unread:
        if excess > 0:
            excess -= removal.stored.size
            yield removal


def sweep(directory: Path, settings: CaptureSettings, now_ns: int) -> Swept:
    present = {stored.segment: stored for stored in survey(directory)}
    removed = []
    for removal in plan(present.values(), load_all(directory).values(), now_ns, settings):
        segment = removal.stored.segment
        with suppress(OSError):  # a read-only or vanished folder: the next sweep tries again
            unread = 0 if removal.unread_from is None else _records(segment, removal.unread_from)
            segment.path.unlink()
            removed.append(Removed(removal, unread))
            del present[segment]
    _remove_leftovers(directory, now_ns)
    return Swept(tuple(removed), len(present), sum(stored.size for stored in present.values()))


def _read_to(offsets: Offsets, stored: Stored) -> int:
    at = offsets.get(stored.segment.stream, Position())
    if at.sequence == stored.segment.sequence:
        return at.offset
    return stored.size if at.sequence > stored.segment.sequence else 0


def _records(segment: Segment, offset: int) -> int:
    return sum(isinstance(item, Record) for item in scan(segment.path, offset))


def _remove_leftovers(directory: Path, now_ns: int) -> None:
    for path in directory.glob(f".*{TEMPORARY}"):
        # A held one is a segment about to get its name: should a clock that is set make it look old, it must not go.
        with suppress(OSError), path.open("rb") as file:
            if now_ns - os.fstat(file.fileno()).st_mtime_ns > _LEFTOVER_NS and not is_held(file.fileno()):
                path.unlink()

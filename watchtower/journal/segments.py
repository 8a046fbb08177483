"""A journal's folder: which segments lie there, in which order, and which of them a writer still holds.

A segment's name is `STREAM.SEQUENCE.wtj`, so that names sort by stream and sequence. Whoever writes a segment holds an
exclusive `flock` on it, which the kernel gives back however the writer ends; a segment that nobody holds is final.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchtower.journal.format import Damage, Record, Scanner
from watchtower.journal.stored import SegmentHead

READ_SIZE: Final = 1024 * 1024
TEMPORARY: Final = ".tmp"

_STREAM: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAME: Final = re.compile(rf"(?P<stream>{_STREAM.pattern})\.(?P<sequence>\d{{8,}})\.wtj")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    stream: str
    sequence: int
    path: Path

    @classmethod
    def named(cls, directory: Path, stream: str, sequence: int) -> "Segment":
        return cls(stream, sequence, directory / f"{stream}.{sequence:08}.wtj")


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment as it lies on the disk."""

    segment: Segment
    size: int
    written_ns: int  # wall clock, of the last append
    is_held: bool  # a writer may still append


def segments(directory: Path) -> list[Segment]:
    """By stream and sequence. A folder that is not there holds none."""
    try:
        matches = [_NAME.fullmatch(path.name) for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(Segment(match["stream"], int(match["sequence"]), directory / match[0]) for match in matches if match)


def check_stream(stream: str) -> None:
    """Refuses a name whose segments no reader would find."""
    if not _STREAM.fullmatch(stream):
        raise ValueError(f"a stream's name has letters, digits, - and _ only, not {stream!r}")


def survey(directory: Path) -> Iterator[Stored]:
    for segment in segments(directory):
        with suppress(FileNotFoundError), segment.path.open("rb") as file:
            held = is_held(file.fileno())
            status = os.fstat(file.fileno())
            yield Stored(segment, status.st_size, status.st_mtime_ns, held)


def hold(file: int) -> None:
    """Marks an open segment as being written. A file system without locks only loses the mark.

    It waits for whoever asks `is_held` just now: a segment without the mark would be taken for one that has ended.
    """
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)


def is_held(file: int) -> bool:
    """Whether a writer may still append to the segment that was opened as `file`."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def scan(path: Path, offset: int = 0) -> Iterator[Record | Damage | SegmentHead]:
    """What a segment holds from an offset to its present end; the last is a `Damage` when that is not a clean one."""
    scanner = Scanner(offset)
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while data := file.read(READ_SIZE):
            scanner.feed(data)
            yield from scanner.found()
    if rest := scanner.finish():
        yield rest

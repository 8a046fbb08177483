"""Appends batches of records to segments: opens and rolls them, syncs them, and gives one up when the disk fails.

Nothing here waits, retries or raises: what could not be written is an `Appended` that says why, and the next batch is
tried on a new segment. A segment that failed is never written again, so no reader meets a torn frame in the middle.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from watchtower.clock import SECOND, Clock
from watchtower.journal.format import encode_head, whole_frames
from watchtower.journal.segments import TEMPORARY, Segment, check_stream, hold, segments
from watchtower.journal.settings import CaptureSettings
from watchtower.journal.stored import SegmentHead

AT_ONCE: Final = 1024  # parts for one writev: Linux's IOV_MAX
KEEP_CACHED: Final = 8 * 1024 * 1024


class DropReason(StrEnum):
    """Why a record that was offered is not in the journal."""

    BUFFER_FULL = "buffer_full"
    TOO_LARGE = "too_large"  # over the format's limit
    UNENCODABLE = "unencodable"  # not what an exchange should hold
    DISK_FULL = "disk_full"  # the disk, the quota or the largest size of a file
    READ_ONLY = "read_only"  # the file system, or what this user may do
    DIRECTORY_GONE = "directory_gone"  # and it could not be made again
    IO_ERROR = "io_error"
    SHUTTING_DOWN = "shutting_down"  # offered after the close, or still waiting at its deadline


_REASONS: Final = {
    errno.ENOSPC: DropReason.DISK_FULL,
    errno.EDQUOT: DropReason.DISK_FULL,
    errno.EFBIG: DropReason.DISK_FULL,
    errno.EROFS: DropReason.READ_ONLY,
    errno.EACCES: DropReason.READ_ONLY,
    errno.EPERM: DropReason.READ_ONLY,
    errno.ENOENT: DropReason.DIRECTORY_GONE,
    errno.ENOTDIR: DropReason.DIRECTORY_GONE,
    errno.EEXIST: DropReason.DIRECTORY_GONE,  # a file lies where the folder was
    errno.ESTALE: DropReason.DIRECTORY_GONE,
}


class Appended(NamedTuple):
    """What became of a batch."""

    records: int
    size: int
    lost: int = 0
    reason: DropReason | None = None


@dataclass(slots=True)
class _Open:
    """The segment that is being written."""

    segment: Segment
    file: int
    size: int
    roll_ns: int
    sync_ns: int | None = None  # when the oldest write that is not synced should be
    unsynced: int = 0
    forgotten: int = 0  # up to this offset, the page cache was given back

    def is_gone(self) -> bool:
        """Whether its name is; writing to a file without one would succeed, and keep nothing."""
        try:
            named = self.segment.path.stat()
        except OSError:
            return True
        held = os.fstat(self.file)
        return (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino)


class Appender:
    def __init__(self, settings: CaptureSettings, directory: Path, stream: str, clock: Clock) -> None:
        check_stream(stream)
        self._settings = settings
        self._sync_after = None if settings.fsync == "never" else round(settings.fsync * SECOND)
        self._directory = directory
        self._stream = stream
        self._clock = clock
        self._sequence = 0
        self._doubtful = 0
        self._open: _Open | None = None

    @property
    def due_ns(self) -> int | None:
        """When `tend` has something to do, by the monotonic clock."""
        if self._open is None:
            return None
        return self._open.roll_ns if self._open.sync_ns is None else min(self._open.roll_ns, self._open.sync_ns)

    def append(self, parts: Sequence[bytes], records: int) -> Appended:
        """A batch of whole frames, cut anywhere."""
        size = sum(map(len, parts))
        done = 0
        try:
            opened = self._segment_for(size)
            for start in range(0, len(parts), AT_ONCE):
                for written in _write_all(opened.file, parts[start : start + AT_ONCE]):
                    done += written
        except OSError as error:
            kept, size = self._give_up(b"".join(parts)[:done])
            return Appended(kept, size, records - kept, _REASONS.get(error.errno or 0, DropReason.IO_ERROR))
        opened.size += done
        opened.unsynced += records
        if self._sync_after is not None and opened.sync_ns is None:
            opened.sync_ns = self._clock.monotonic_ns() + self._sync_after
        return Appended(records, done)

    def tend(self) -> None:
        """Does what is due."""
        if self._open is None:
            return
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._open.roll_ns:
            self.close()
        elif self._open.sync_ns is not None and now_ns >= self._open.sync_ns:
            self._sync()

    def close(self) -> None:
        """Ends the segment."""
        self._sync()
        if self._open:
            os.close(self._open.file)
            self._open = None

    def take_doubtful(self) -> int:
        """How many records, since it was last asked, are written but did not reach the disk for certain."""
        doubtful, self._doubtful = self._doubtful, 0
        return doubtful

    def _segment_for(self, size: int) -> _Open:
        if self._open:
            is_full = self._open.size + size > self._settings.segment_size
            if is_full or self._clock.monotonic_ns() >= self._open.roll_ns or self._open.is_gone():
                self.close()
        if self._open is None:
            self._open = self._create()
        return self._open

    def _create(self) -> _Open:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = (segment.sequence for segment in segments(self._directory) if segment.stream == self._stream)
        segment = Segment.named(self._directory, self._stream, max(self._sequence, *known, 0) + 1)
        head = encode_head(SegmentHead(self._stream, segment.sequence, self._clock.wall_ns()))
        # It gets its name once it is held and has its head, so that no reader takes it for one that was left.
        temporary = segment.path.with_name(f".{segment.path.name}{TEMPORARY}")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            hold(file)
            written = 0
            while written < len(head):
                written += os.write(file, head[written:])
            temporary.rename(segment.path)
        except OSError:
            os.close(file)
            with suppress(OSError):
                temporary.unlink()
            raise
        self._sequence = segment.sequence
        if self._sync_after is not None:
            sync_directory(self._directory)
        age_ns = round(self._settings.segment_age * SECOND)
        return _Open(segment, file, len(head), self._clock.monotonic_ns() + age_ns)

    def _give_up(self, done: bytes | bytearray) -> tuple[int, int]:
        """Cuts what was written to its last whole record, and leaves the segment. Gives the records and bytes kept."""
        if self._open is None:
            return 0, 0
        opened, self._open = self._open, None
        kept, size = whole_frames(done)
        with suppress(OSError):
            os.ftruncate(opened.file, opened.size + size)
        with suppress(OSError):
            os.close(opened.file)
        return kept, size

    def _sync(self) -> None:
        if self._open is None or self._open.sync_ns is None:
            return
        try:
            os.fsync(self._open.file)
        except OSError:
            # The kernel reports a failed write-back once and then forgets it: never sync this file again.
            self._doubtful += self._open.unsynced
            self._give_up(b"")
        else:
            self._open.sync_ns, self._open.unsynced = None, 0
            self._forget(self._open)

    def _forget(self, opened: _Open) -> None:
        """Give the page cache back, but for what a reader is about to read.

        A journal would fill the machine's cache with bytes that nobody asks for again; where memory is short, each page
        of it must then be won back while we write (measured: 7 µs for 4 KiB instead of 0.6).
        """
        end = opened.size - KEEP_CACHED
        if end > opened.forgotten:
            with suppress(OSError):
                os.posix_fadvise(opened.file, opened.forgotten, end - opened.forgotten, os.POSIX_FADV_DONTNEED)
            opened.forgotten = end


def _write_all(file: int, parts: Sequence[bytes]) -> Iterator[int]:
    """How many bytes each call wrote: a signal or a disk that is nearly full may end one early."""
    left = sum(map(len, parts))
    while left:
        written = os.writev(file, parts)
        yield written
        left -= written
        if left:
            parts = [b"".join(parts)[-left:]]


def sync_directory(directory: Path) -> None:
    """Makes new names in a folder outlive a power cut, where the file system can."""
    with suppress(OSError):
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

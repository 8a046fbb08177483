"""The journal's reader: tails the segments of many writers, and remembers how far it has come.

It reads each stream from segment to segment. At a segment's end it waits, as long as a writer may still append; a
segment is final when its stream has a later one, or when no writer holds it any more. Only then are bytes that begin a
record a torn tail, and counted. Damage is skipped and counted, up to the next good record.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple

from watchtower.journal import offsets
from watchtower.journal.format import Damage, Fault, Record, Scanner
from watchtower.journal.offsets import Offsets, Position
from watchtower.journal.segments import READ_SIZE, Segment, is_held, segments
from watchtower.record import Exchange

_FOREVER: Final = 2**63


class Entry(NamedTuple):
    exchange: Exchange
    stream: str
    position: Position  # behind it


@dataclass(slots=True)
class ReadCounts:
    """What a reader has met since it was made."""

    records: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)  # places, by what is wrong there
    skipped_bytes: int = 0
    missing_segments: int = 0  # removed before they were read

    def count(self, damage: Damage) -> None:
        self.faults[damage.fault] += 1
        self.skipped_bytes += damage.size


class JournalReader:
    """Reads for one consumer. With a name it resumes where it last committed; without one it leaves no trace."""

    def __init__(self, directory: Path, name: str | None = None, start: Mapping[str, Position] | None = None) -> None:
        self.counts = ReadCounts()
        self._directory = directory
        self._name = name
        begun = offsets.load(directory, name) if name is not None else {}
        self._positions: Offsets = {**begun, **(start or {})}
        self._tails: dict[str, _Tail] = {}

    @property
    def positions(self) -> Offsets:
        """Behind the last entry that was taken, by stream."""
        return dict(self._positions)

    def read(self) -> Iterator[Entry]:
        """Everything up to the present end, the streams merged by the time when requests began.

        A worker that was replaced leaves a stream that ended long ago beside its successor's: read by turns, their times
        would be hours apart, and whoever joins records in event order would give up what still lies unread.
        """
        present = {stream: list(found) for stream, found in groupby(segments(self._directory), lambda s: s.stream)}
        if present:  # none at all is a disk that is away, and its streams come back with it
            self._forget(present.keys())
        begun = [_Unread(self._tail(stream), found) for stream, found in present.items()]
        waiting = [(unread.started_ns, number, unread) for number, unread in enumerate(begun) if self._fill(unread)]
        heapify(waiting)
        while waiting:
            _, number, unread = heappop(waiting)
            yield from self._until(unread, waiting[0][0] if waiting else _FOREVER)
            if unread.entries or self._fill(unread):
                heappush(waiting, (unread.started_ns, number, unread))

    def _fill(self, unread: "_Unread") -> bool:
        """Whether there is an entry, having read some where there was none."""
        while not unread.entries:
            found = unread.tail.chunk(unread.found)
            if found is None:
                return False
            unread.entries.extend(found)
            if not found:  # a segment's end, or damage
                self._positions[unread.tail.stream] = unread.tail.position
        return True

    def _until(self, unread: "_Unread", limit_ns: int) -> Iterator[Entry]:
        """Entries that began no later; always one."""
        entries = unread.entries
        while True:
            entry = entries.popleft()
            self._positions[entry.stream] = entry.position if entries else unread.tail.position
            self.counts.records += 1
            yield entry
            if not entries or entries[0].exchange.started_ns > limit_ns:
                return

    def follow(self, interval_s: float, stopped: Event) -> Iterator[Entry]:
        """Everything, and what is appended while it waits, looked for at an interval: inotify does not see every disk."""
        while True:
            yield from self.read()
            if stopped.wait(interval_s):
                return

    def commit(self, positions: Mapping[str, Position] | None = None) -> None:
        """What lies before the positions, or was taken from `read`, never comes again, after a crash neither."""
        if self._name is not None:
            offsets.save(self._directory, self._name, self._positions if positions is None else positions)

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def _tail(self, stream: str) -> "_Tail":
        if stream not in self._tails:
            self._tails[stream] = _Tail(stream, self._positions.get(stream, Position()), self.counts)
        return self._tails[stream]

    def _forget(self, present: AbstractSet[str]) -> None:
        """Streams of which no segment is left: each run of a writer makes one."""
        for stream in self._tails.keys() - present:
            self._tails.pop(stream).close()
        self._positions = {stream: at for stream, at in self._positions.items() if stream in present}


class _Unread:
    """A stream's entries that were read from the disk and not yet taken."""

    def __init__(self, tail: "_Tail", found: Sequence[Segment]) -> None:
        self.tail = tail
        self.found = found
        self.entries: deque[Entry] = deque()

    @property
    def started_ns(self) -> int:
        return self.entries[0].exchange.started_ns


class _Tail:
    """One stream, from segment to segment."""

    def __init__(self, stream: str, position: Position, counts: ReadCounts) -> None:
        self.stream = stream
        self.position = position
        self._counts = counts
        self._file: int | None = None
        self._scanner = Scanner()

    def chunk(self, found: Sequence[Segment]) -> list[Entry] | None:
        """The next entries, perhaps none; `None` when there is nothing to read at present."""
        file = self._open(found) if self._file is None else self._file
        if file is None:
            return None
        # Asked before the read: what a writer appended before it went is then surely seen.
        is_final = found[-1].sequence > self.position.sequence or not is_held(file)
        if data := os.read(file, READ_SIZE):
            self._scanner.feed(data)
            return list(self._entries())
        if not is_final:
            return None
        self._end(file)
        return []

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, found: Sequence[Segment]) -> int | None:
        for segment in found:
            if segment.sequence < self.position.sequence:
                continue
            try:
                self._file = os.open(segment.path, os.O_RDONLY)
            except FileNotFoundError:  # removed since it was listed
                continue
            if segment.sequence > self.position.sequence:
                if self.position.sequence:
                    self._counts.missing_segments += segment.sequence - self.position.sequence
                self.position = Position(segment.sequence)
            os.lseek(self._file, self.position.offset, os.SEEK_SET)
            self._scanner = Scanner(self.position.offset)
            return self._file
        return None

    def _entries(self) -> Iterator[Entry]:
        sequence = self.position.sequence
        for item in self._scanner.found():
            if isinstance(item, Record):
                yield Entry(item.exchange, self.stream, Position(sequence, item.end))
            elif isinstance(item, Damage):
                self._counts.count(item)
        self.position = Position(sequence, self._scanner.offset)

    def _end(self, file: int) -> None:
        rest = self._scanner.finish()
        # A writer whose disk failed has cut its torn end away, perhaps after we read it.
        if rest and os.fstat(file).st_size > rest.start:
            self._counts.count(rest)
        self.close()
        self.position = Position(self.position.sequence + 1)

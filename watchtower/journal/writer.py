"""The journal's writer: takes records on the event loop and never lets it wait; a thread brings them to the disk.

A record is encoded when it is offered, so the thread has no work for each. A batch is written 100 ms after its first
record, or as soon as it has 256 KiB. Without records, the thread sleeps until something is due: one fsync, one roll.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from watchtower.clock import SECOND, Clock
from watchtower.journal.appender import Appender, DropReason
from watchtower.journal.format import TooLargeError, encode
from watchtower.journal.settings import CaptureSettings
from watchtower.record import Exchange

GATHER_S: Final = 0.1
RETRY_S: Final = 1.0  # between two attempts while the disk fails
BATCH_SIZE: Final = 256 * 1024  # bounds what growing it may copy on the loop: some 30 µs


class JournalObserver(Protocol):
    """Told by the writer's thread; what `offer` refuses it is told on the loop. It must be quick and not raise."""

    def written(self, records: int, size: int) -> None: ...

    def dropped(self, reason: DropReason, records: int) -> None: ...

    def unsynced(self, records: int) -> None:
        """Records that were written, but that a failed fsync left in doubt."""


@dataclass(slots=True)
class _Batch:
    since_ns: int = 0
    records: int = 0
    data: bytearray = field(default_factory=bytearray)


class JournalWriter:
    """One for each process. `stream` names its segments and must be new for each run: `w0-1700000000000000000`."""

    def __init__(
        self, settings: CaptureSettings, directory: Path, stream: str, observer: JournalObserver, clock: Clock
    ) -> None:
        self._max_buffer = settings.max_buffer
        self._observer = observer
        self._clock = clock
        self._appender = Appender(settings, directory, stream, clock)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[_Batch] = deque()  # the first may be in the middle of being written
        self._batch = _Batch()
        self._buffered = 0
        self._is_failing = False
        self._is_closing = False
        self._is_abandoned = False
        # A daemon, for a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def buffered_bytes(self) -> int:
        return self._buffered

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest record that is not written yet."""
        with self._lock:
            oldest = self._waiting[0] if self._waiting else self._batch
            return (self._clock.monotonic_ns() - oldest.since_ns) / SECOND if oldest.records else 0.0

    def offer(self, exchange: Exchange) -> None:
        try:
            frame = encode(exchange)
        except TooLargeError:
            self._observer.dropped(DropReason.TOO_LARGE, 1)
            return
        except Exception:  # noqa: BLE001  no record may hurt the request that it tells of
            self._observer.dropped(DropReason.UNENCODABLE, 1)
            return
        with self._lock:
            refused = self._refusal(len(frame))
            if refused is None:
                batch = self._batch
                batch.data += frame
                batch.records += 1
                self._buffered += len(frame)
                if batch.records == 1:
                    batch.since_ns = self._clock.monotonic_ns()
                    self._changed.notify()
                if len(batch.data) >= BATCH_SIZE:
                    self._seal()
                    self._changed.notify()
        if refused is not None:
            self._observer.dropped(refused, 1)

    def close(self, deadline_s: float) -> None:
        """Writes what waits and ends the segment. What is not written at the deadline is dropped, and counted."""
        with self._lock:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(deadline_s)
        with self._lock:
            self._is_abandoned = True
            left = sum(batch.records for batch in self._waiting) + self._batch.records
        if left:
            self._observer.dropped(DropReason.SHUTTING_DOWN, left)

    def _refusal(self, size: int) -> DropReason | None:
        if self._is_closing:
            return DropReason.SHUTTING_DOWN
        return DropReason.BUFFER_FULL if self._buffered + size > self._max_buffer else None

    def _seal(self) -> None:
        self._waiting.append(self._batch)
        self._batch = _Batch()

    def _run(self) -> None:
        while self._gather():
            while self._waiting and not self._is_abandoned:
                self._write(self._waiting[0])
                self._tend()
            self._tend()
        self._appender.close()
        self._tend()

    def _gather(self) -> bool:
        """Waits for records or for what is due. False when the writer is closed and has nothing left to do."""
        with self._changed:
            if not (self._batch.records or self._waiting or self._is_closing):
                self._changed.wait(self._due_in())
            if self._batch.records or self._waiting:
                pause = RETRY_S if self._is_failing else GATHER_S
                self._changed.wait_for(lambda: self._is_closing or (self._waiting and not self._is_failing), pause)
            if self._batch.records:
                self._seal()
            return bool(self._waiting or not self._is_closing) and not self._is_abandoned

    def _due_in(self) -> float | None:
        due_ns = self._appender.due_ns
        return None if due_ns is None else max(0, due_ns - self._clock.monotonic_ns()) / SECOND

    def _write(self, batch: _Batch) -> None:
        appended = self._appender.append(batch.data, batch.records)
        with self._lock:
            if self._is_abandoned:  # `close` has counted it
                return
            self._waiting.popleft()
            self._buffered -= len(batch.data)
            self._is_failing = appended.reason is not None
        if appended.records:
            self._observer.written(appended.records, appended.size)
        if appended.reason is not None:
            self._observer.dropped(appended.reason, appended.lost)

    def _tend(self) -> None:
        self._appender.tend()
        if doubtful := self._appender.take_doubtful():
            self._observer.unsynced(doubtful)

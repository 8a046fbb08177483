"""The journal's writer: takes records on the event loop and never lets it wait; a thread brings them to the disk.

A record is encoded when it is offered, and the thread only joins what it finds. It writes 20 ms after the first record,
or as soon as there are 2 MiB, and sleeps without records until something is due: one fsync, one roll. The two share a
deque, whose ends need no lock, and each counts for itself what it put in and took out: `offer` is a microsecond of the
loop, and a lock would be a quarter of it.
"""

import threading
from collections import deque
from pathlib import Path
from typing import Final, Protocol

from watchtower.clock import SECOND, Clock
from watchtower.journal.appender import Appender, DropReason
from watchtower.journal.format import TooLargeError, encode_parts
from watchtower.journal.settings import CaptureSettings
from watchtower.record import Exchange

# A batch is felt by the requests that come meanwhile: one of 100 ms, at 2,000/s, is 0.3 ms of this core and of the GIL.
GATHER_S: Final = 0.02
RETRY_S: Final = 1.0  # between two attempts while the disk fails
# Every batch is some switches between the threads: 3 µs for 13 kB when it is 256 KiB, 0.7 with 1 MiB, half of that here.
BATCH_SIZE: Final = 2 * 1024 * 1024


class JournalObserver(Protocol):
    """Told by the writer's thread; what `offer` refuses it is told on the loop. It must be quick and not raise."""

    def written(self, records: int, size: int) -> None: ...

    def dropped(self, reason: DropReason, records: int) -> None: ...

    def unsynced(self, records: int) -> None:
        """Records that were written, but that a failed fsync left in doubt."""


class JournalWriter:
    """One for each process. `stream` names its segments and must be new for each run: `w0-1700000000000000000`."""

    def __init__(
        self, settings: CaptureSettings, directory: Path, stream: str, observer: JournalObserver, clock: Clock
    ) -> None:
        self._max_buffer = settings.max_buffer
        self._observer = observer
        self._clock = clock
        self._appender = Appender(settings, directory, stream, clock)
        self._frames: deque[tuple[int, list[bytes]]] = deque()
        self._put = 0  # bytes, counted by `offer`
        self._taken = 0  # bytes, counted by the thread when it is done with them
        self._oldest_ns = 0  # when the first of the waiting frames came
        self._is_failing = False
        self._is_closing = False
        self._is_abandoned = False
        self._is_awake = False
        self._in_hand = 0  # records that the thread is writing
        self._lock = threading.Lock()  # of that count, at the end
        self._came = threading.Event()
        self._is_enough = threading.Event()
        # A daemon, for a disk that hangs must not keep the process from ending.
        self._writing = threading.Thread(target=self._run, name="journal", daemon=True)
        self._writing.start()

    @property
    def buffered_bytes(self) -> int:
        return self._put - self._taken

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest record that is not written yet."""
        return (self._clock.monotonic_ns() - self._oldest_ns) / SECOND if self._put > self._taken else 0.0

    def offer(self, exchange: Exchange) -> None:
        try:
            parts = encode_parts(exchange)
        except TooLargeError:
            self._observer.dropped(DropReason.TOO_LARGE, 1)
            return
        except Exception:  # noqa: BLE001  no record may hurt the request that it tells of
            self._observer.dropped(DropReason.UNENCODABLE, 1)
            return
        size = len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        waiting = self._put - self._taken + size
        if self._is_closing or waiting > self._max_buffer:
            self._observer.dropped(DropReason.SHUTTING_DOWN if self._is_closing else DropReason.BUFFER_FULL, 1)
            return
        if waiting == size:
            self._oldest_ns = self._clock.monotonic_ns()
        self._frames.append((size, parts))  # before it is counted: the thread takes what is counted
        self._put += size
        if not self._is_awake:
            self._is_awake = True
            self._came.set()
        if waiting >= BATCH_SIZE and not self._is_enough.is_set():
            self._is_enough.set()

    def close(self, deadline_s: float) -> None:
        """Writes what waits and ends the segment. What is not written at the deadline is dropped, and counted."""
        self._is_closing = True
        self._is_enough.set()
        self._came.set()
        self._writing.join(deadline_s)
        with self._lock:
            self._is_abandoned = True
            left = len(self._frames) + self._in_hand
        if left:
            self._observer.dropped(DropReason.SHUTTING_DOWN, left)

    # The thread's side.

    def _run(self) -> None:
        while not self._is_abandoned:
            self._came.wait(self._due_in())
            self._came.clear()
            if self._frames:
                self._gather()
                self._write_all()
            self._tend()
            self._is_awake = False
            if self._frames:  # they came before anybody could know that we sleep
                self._came.set()
            elif self._is_closing:
                self._appender.close()
                self._tend()
                return

    def _gather(self) -> None:
        """Waits until there is enough to write; while the disk fails, haste would only fail more often."""
        if self._is_closing:
            return
        if self._is_failing:
            self._came.wait(RETRY_S)
        else:
            self._is_enough.wait(GATHER_S)
        self._is_enough.clear()

    def _write_all(self) -> None:
        """Everything that is there now, in batches."""
        last = self._put
        while self._taken < last and not self._is_abandoned:
            self._write()
            self._tend()

    def _write(self) -> None:
        parts: list[bytes] = []
        records = size = 0
        began_ns = self._clock.monotonic_ns()
        while self._frames and size < BATCH_SIZE:
            self._in_hand = records = records + 1
            frame_size, frame = self._frames.popleft()
            parts += frame
            size += frame_size
        appended = self._appender.append(parts, records)
        with self._lock:
            if self._is_abandoned:  # `close` has counted them
                return
            self._in_hand = 0
        self._oldest_ns = began_ns  # at the latest: what waits now came while those were written
        self._taken += size
        self._is_failing = appended.reason is not None
        if appended.records:
            self._observer.written(appended.records, appended.size)
        if appended.reason is not None:
            self._observer.dropped(appended.reason, appended.lost)

    def _due_in(self) -> float | None:
        due_ns = self._appender.due_ns
        return None if due_ns is None else max(0, due_ns - self._clock.monotonic_ns()) / SECOND

    def _tend(self) -> None:
        self._appender.tend()
        if doubtful := self._appender.take_doubtful():
            self._observer.unsynced(doubtful)

"""Reads the journal in batches and commits, in one transaction, how far it came together with all that came of it.

A crash before a commit repeats what was read since the last one, and what was derived from it is as if it had never
been; so nothing is counted twice and nothing is left out. While the store cannot be written nothing more is read: the
journal is the better buffer, and its own limits say when records must go.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from zlib import crc32

from watchtower.analyst.keeping import exchange_columns
from watchtower.analyst.labelling import Labelling
from watchtower.analyst.read import Read
from watchtower.analyst.settings import AnalystSettings
from watchtower.analyst.skip import SkipReason
from watchtower.clock import SECOND, Clock
from watchtower.journal import offsets
from watchtower.journal.offsets import Offsets
from watchtower.journal.reader import Entry, JournalReader
from watchtower.store.fault import StoreError
from watchtower.store.schemas import TableName
from watchtower.store.store import Store

READER: Final = "analyst"
# One in so many is decoded while the analyst is behind: some ten times as fast, and still thousands of rows a minute.
SAMPLE_WHEN_BEHIND: Final = 16
# Of bodies in one batch: decoded they take some twenty times as much.
BATCH_BYTES: Final = 8 * 1024 * 1024
# A body of a few bytes may take a tenth of a second to turn out as none, and a thousand of those as long as it takes to be
# killed for hanging, at every start anew. A batch of all others takes a hundredth of this.
BATCH_S: Final = 5
END_OF_TIME: Final = 1 << 62  # of a recording: everything has been read
# At the end, of what the workers wrote last: 50,000 exchanges, two seconds. What is left waits for the next start.
LAST_STEPS: Final = 25
DEFECTS_A_LINE: Final = 1000
_NO_INFERENCE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})

logger = logging.getLogger(__name__)


class Work(StrEnum):
    """What a defect was met at; each is a metric's label."""

    RECORD = "record"
    BATCH = "batch"  # its rows are kept, and missing in the statistics
    TIME = "time"  # what was to end because time went by
    SHOW = "show"
    LABELS = "labels"
    BASELINE = "baseline"  # goes on without it


class Part(Protocol):
    """One endpoint's analysis."""

    def take(self, entry: Entry) -> Read:
        """An exchange, decoded and put where it belongs."""

    def end_batch(self, now_ns: int) -> None:
        """Work on the columns of what was taken since the last call, and hand them to the store."""

    def idle(self, now_ns: int) -> bool:
        """Everything is read: whether time alone has brought something to its end."""

    def before_commit(self, now_ns: int) -> Mapping[str, bytes | None]:
        """The blobs that must survive a restart."""

    def committed(self) -> bool:
        """Whether there is something new to show."""

    def skipped(self, reason: str, exchanges: int) -> None:
        """Exchanges that were read and not taken."""

    def finish(self, now_ns: int) -> None:
        """The end of a recording: nothing more will come."""

    def documents(self, now_ns: int) -> Mapping[str, bytes]:
        """What is shown."""


class AnalystObserver(Protocol):
    """Who tells how the analyst fares."""

    def lag(self, seconds: float) -> None: ...

    def store_failed(self, error: StoreError) -> None: ...

    def defect(self, work: Work) -> None:
        """Something of ours failed that no test has found."""

    def committed(self, damage: Mapping[str, int], strangers: Mapping[str, int]) -> None:
        """What the parts have counted so far is true now.

        `damage`: places of the journal that could not be read. `strangers`: exchanges by endpoints that are not configured.
        """


class Analyst:
    def __init__(
        self,
        settings: AnalystSettings,
        journal: Path,
        store: Store,
        parts: Mapping[str, Part],
        labels: Labelling,
        clock: Clock,
        observer: AnalystObserver,
        *,
        gone: Iterable[str] = (),
        is_followed: bool = True,
        reader_name: str | None = READER,
    ) -> None:
        """`is_followed`: the journal is written meanwhile, and its time is the clock's. A recording has its own."""
        self._settings = settings
        self._store = store
        self._parts = parts
        self._labels = labels
        self._kept_labels: Mapping[str, bytes] = {}
        self._clock = clock
        self._observer = observer
        self._is_followed = is_followed
        # It reads from where the store says. What it commits to the journal's folder only tells retention how far that is.
        self._reader = JournalReader(journal, None, store.state.offsets)
        # Streams of other journals: a recording that was analysed must not be counted again, nor forget the live one.
        self._elsewhere = store.state.offsets
        self._journal = journal
        self._reader_name = reader_name
        self._entries: Iterator[Entry] | None = None
        self._gone: dict[str, bytes | None] = dict.fromkeys(gone)  # documents that the first commit takes away
        # Gauges ended with the process before: an alarm that stands is told again, also where no traffic comes. And what is
        # shown was judged by the settings of before: by other margins, perhaps, and without a shadow that is new.
        self._is_dirty = bool(self._gone or self._elsewhere)
        self._committed_at_ns = clock.monotonic_ns()
        self._newest_ns = 0  # the latest start of the last batch that was read
        self._ended_ns = 0  # and its latest end, when its record was written
        self._is_behind = False
        self._batch_bytes = 0  # of bodies, as they were or as they were decoded
        self._defects = 0
        self._strangers: Counter[str] = Counter()  # exchanges since the start, by endpoints that are configured no more
        self._is_failing = False

    @property
    def damage(self) -> Mapping[str, int]:
        """Places in the journal that could not be read, by fault."""
        return {str(fault): count for fault, count in self._reader.counts.faults.items()}

    @property
    def is_failing(self) -> bool:
        """Whether the store could not be written, the last time."""
        return self._is_failing

    def step(self) -> int:
        """One batch, and a commit when it is time; gives how many exchanges were read."""
        if self._is_failing and not self.commit():
            self._observer.lag(max(self._clock.wall_ns() - self._ended_ns, 0) / SECOND if self._ended_ns else 0.0)
            return 0
        count = self._analyse(self._next_batch())
        if not count and self._is_followed and sum(self._has_idled(part) for part in self._parts.values()):
            self._is_dirty = True
        now_ns = self._clock.monotonic_ns()
        self._tell_lag()
        is_time = now_ns - self._committed_at_ns >= self._settings.commit_every * SECOND
        if self._is_dirty and (is_time or self._store.tables.is_due(now_ns)):
            self.commit()
        self._look_at_labels(self._newest_ns if count else max(self._newest_ns, self._clock.wall_ns()))
        return count

    def commit(self) -> bool:
        """Whether everything that was read is kept."""
        wall_ns = self._clock.wall_ns()
        positions = self._reader.positions
        try:
            labels = self._labels.state()
            # A hundred thousand that wait for a month are megabytes, which no commit but the first has to write.
            blobs: dict[str, bytes | None] = {} if labels == self._kept_labels else dict(labels)
            documents = dict(self._gone)
            for part in self._parts.values():
                blobs |= part.before_commit(wall_ns)
                documents |= self._shown(part, wall_ns)
            self._store.commit(
                offsets={**self._elsewhere, **positions},
                blobs=blobs,
                documents=documents,
                labels_taken=self._labels.taken,
            )
        except StoreError as error:
            self._fail(error)
            return False
        self._kept_labels = labels
        if self._is_failing:
            logger.info("the store can be written again")
        self._is_failing = False
        self._gone.clear()
        self._committed_at_ns = self._clock.monotonic_ns()
        self._is_dirty = sum(part.committed() for part in self._parts.values()) > 0
        self._observer.committed(self.damage, self._strangers)
        self._tell_retention(positions)
        return True

    def finish(self) -> None:
        """The end of a recording: what waits for more is judged as it stands."""
        for part in self._parts.values():
            part.finish(self._clock.wall_ns())
        while self.commit() and self._look_at_labels(END_OF_TIME, is_last=True):
            pass
        self.close()

    def close(self) -> None:
        self._reader.close()

    def _tell_retention(self, positions: Offsets) -> None:
        """Behind the commit: what lies before it may go. Where that cannot be written, the next commit tells it."""
        if self._reader_name is None:
            return
        try:
            offsets.save(self._journal, self._reader_name, positions)
        except OSError as error:
            logger.debug("the journal's folder cannot be written", extra={"error": str(error)})

    def _next_batch(self) -> Iterator[Entry]:
        """One after the other: how large a body is without its coding is known when it was taken."""
        if self._entries is None:
            self._entries = self._reader.read()
        self._batch_bytes = 0
        end_ns = self._clock.monotonic_ns() + BATCH_S * SECOND
        for count, entry in enumerate(self._entries, 1):
            yield entry
            if count >= self._settings.batch or self._batch_bytes >= BATCH_BYTES:
                return
            if self._clock.monotonic_ns() >= end_ns:
                return
        self._entries = None

    def _analyse(self, entries: Iterable[Entry]) -> int:
        """How many there were."""
        read: dict[str, list[Read]] = {}
        skipped: Counter[tuple[str, SkipReason]] = Counter()
        newest_ns = ended_ns = 0
        for entry in entries:
            exchange = entry.exchange
            newest_ns = max(newest_ns, exchange.started_ns)
            ended_ns = max(ended_ns, exchange.started_ns + exchange.total_ns)
            part = self._parts.get(exchange.endpoint)
            reason = self._reason_to_skip(entry, part)
            one = self._taken(part, entry) if reason is None and part is not None else None
            if one is None:
                one = Read(exchange, entry.stream, entry.position, 0, None, None)
                skipped[exchange.endpoint, reason or SkipReason.DEFECT] += 1
            self._batch_bytes += max(one.size, len(exchange.request_body) + len(exchange.response_body))
            read.setdefault(exchange.endpoint, []).append(one)
        if not read:
            return 0
        # Of this batch alone: after one record of a clock that was ahead, nobody would seem late again.
        self._newest_ns, self._ended_ns = newest_ns, ended_ns
        self._is_dirty = True
        now_ns = self._clock.monotonic_ns()
        for endpoint, ones in read.items():
            self._store.tables.add(TableName.EXCHANGES, endpoint, exchange_columns(ones), now_ns)
            if (part := self._parts.get(endpoint)) is not None:
                try:
                    part.end_batch(self._clock.wall_ns())
                except Exception as error:  # noqa: BLE001  what is left of the batch is lost to the statistics, as told
                    self._note_defect(Work.BATCH, "a batch could not be worked on", error)
        for (endpoint, reason), count in skipped.items():
            if (part := self._parts.get(endpoint)) is not None:
                part.skipped(reason, count)
            else:
                self._strangers[endpoint] += count
        return sum(map(len, read.values()))

    def _has_idled(self, part: Part) -> bool:
        try:
            return part.idle(self._clock.wall_ns())
        except StoreError as error:
            self._fail(error)
            return False
        except Exception as error:  # noqa: BLE001  ours, as below
            self._note_defect(Work.TIME, "what time has ended could not be worked on", error)
            return True  # part of it may have been

    def _shown(self, part: Part, wall_ns: int) -> Mapping[str, bytes]:
        """What was shown before stands where nothing new can be."""
        try:
            return part.documents(wall_ns)
        except Exception as error:  # noqa: BLE001  ours, as below
            self._note_defect(Work.SHOW, "what is known could not be shown", error)
            return {}

    def _taken(self, part: Part, entry: Entry) -> Read | None:
        try:
            return part.take(entry)
        except Exception as error:  # noqa: BLE001  ours: every start would meet this record again, and end at it
            self._note_defect(Work.RECORD, "a record could not be analysed", error)
            return None

    def _note_defect(self, work: Work, what: str, error: Exception) -> None:
        """With its trace, but not once for each of a million records."""
        self._observer.defect(work)
        if self._defects % DEFECTS_A_LINE == 0:
            logger.error(what, exc_info=error, extra={"defects": self._defects + 1})
        self._defects += 1

    def _look_at_labels(self, seen_ns: int, *, is_last: bool = False) -> bool:
        """Whether something came of it, which the next commit keeps."""
        if self._is_behind and not is_last:  # first what was recorded, then what is said of it
            return False
        try:
            found = self._labels.look(seen_ns, is_committed=not self._is_dirty, is_last=is_last)
        except StoreError as error:
            self._fail(error)
            return False
        except Exception as error:  # noqa: BLE001  ours, as above
            self._note_defect(Work.LABELS, "labels could not be looked up", error)
            return False
        self._is_dirty |= found
        return found

    def _reason_to_skip(self, entry: Entry, part: Part | None) -> SkipReason | None:
        if part is None:
            return SkipReason.UNKNOWN_ENDPOINT
        if entry.exchange.test_run:
            return SkipReason.TEST_TRAFFIC
        if entry.exchange.method in _NO_INFERENCE:
            return SkipReason.NO_INFERENCE
        # By the id: of a pair, both sides are decoded or neither is.
        if self._is_behind and crc32(entry.exchange.request_id) % SAMPLE_WHEN_BEHIND:
            return SkipReason.BEHIND
        return None

    def _tell_lag(self) -> None:
        """Only where there is more to read. A stream of a minute is recorded at its end, and nobody is late with it."""
        lag = max(self._clock.wall_ns() - self._ended_ns, 0) / SECOND if self._entries is not None else 0.0
        self._observer.lag(lag)
        if self._is_followed:
            self._is_behind = lag > self._settings.max_lag

    def _fail(self, error: StoreError) -> None:
        self._observer.store_failed(error)
        if not self._is_failing:
            logger.error(
                "the store cannot be written: nothing more is analysed until it can", extra={"error": str(error)}
            )
        self._is_failing = True


def run(
    analyst: Analyst,
    pause: Callable[[float], bool],
    interval_s: float,
    last_steps: int = LAST_STEPS,
    must_begin_anew: Callable[[], bool] = lambda: False,
) -> bool:
    """Until `pause`, which waits for so long, says that it is over; then the last that came is read, and committed.

    Or until another must go on from there: never before something was read, which the commit keeps.
    """
    is_over = is_relieved = False
    while not is_over and not is_relieved:
        read = analyst.step()
        is_relieved = read > 0 and must_begin_anew()
        is_over = pause(0.0 if read else interval_s)
    for _ in range(0 if is_relieved else last_steps):
        if not analyst.step():
            break
    analyst.commit()
    analyst.close()
    return is_relieved


def no_progress(exchanges: int) -> None:
    """Nobody watches."""


def run_to_the_end(analyst: Analyst, progress: Callable[[int], None] = no_progress) -> int:
    """Everything that the journal holds now; gives how many exchanges that was, and tells it on the way."""
    total = 0
    while read := analyst.step():
        total += read
        progress(total)
    if analyst.is_failing:  # there may be more: the next run goes on where the last commit was
        analyst.close()
    else:
        analyst.finish()
    return total

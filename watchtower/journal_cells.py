"""The journal's counts: what was offered on the loop, what became of it as the writer's thread tells."""

import logging
import threading

from watchtower.journal.appender import DropReason
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells
from watchtower.record import Exchange

logger = logging.getLogger(__name__)

# What goes on until somebody does something; a single record that is too large is only counted.
_LASTING = frozenset(
    {
        DropReason.BUFFER_FULL,
        DropReason.DISK_FULL,
        DropReason.READ_ONLY,
        DropReason.DIRECTORY_GONE,
        DropReason.IO_ERROR,
    }
)


class JournalCells:
    def __init__(self, cells: Cells) -> None:
        self._roles = cells.counters(catalogue.JOURNAL_RECORDS)
        self._notes = cells.counters(catalogue.JOURNAL_BODIES)
        self._dropped = {reason: cells.counter(catalogue.JOURNAL_DROPPED, reason) for reason in DropReason}
        self._written = cells.counter(catalogue.JOURNAL_WRITTEN)
        self._bytes = cells.counter(catalogue.JOURNAL_BYTES)
        self._unsynced = cells.counter(catalogue.JOURNAL_UNSYNCED)
        self.sampled_out = cells.counter(catalogue.JOURNAL_SAMPLED_OUT)
        # A drop is told by the loop or by the thread, and an addition in shared memory is not atomic between them.
        self._lock = threading.Lock()
        self._trouble: DropReason | None = None  # why records are being dropped

    def offered(self, exchange: Exchange) -> None:
        self._roles[exchange.role].inc()
        self._notes[exchange.request_note].inc()
        self._notes[exchange.response_note].inc()

    def written(self, records: int, size: int) -> None:
        self._written.inc(records)
        self._bytes.inc(size)
        if self._trouble is not None:
            self._trouble = None
            logger.info("the journal is written again")

    def dropped(self, reason: DropReason, records: int) -> None:
        with self._lock:
            self._dropped[reason].inc(records)
        if reason in _LASTING and reason is not self._trouble:
            self._trouble = reason
            logger.error("records are dropped: the journal cannot be written", extra={"reason": str(reason)})

    def unsynced(self, records: int) -> None:
        self._unsynced.inc(records)

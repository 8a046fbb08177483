"""The wall clock is set, backwards and far ahead: it only says when something began, so nothing stops, waits or repeats."""

import random
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from sidecar import DEADLINE_S
from watchtower.clock import SECOND, Clock
from watchtower.journal.appender import DropReason
from watchtower.journal.reader import JournalReader
from watchtower.journal.settings import CaptureSettings
from watchtower.journal.writer import JournalWriter
from watchtower.proxy.identity import make_request_id
from watchtower.record import BodyNote, Exchange, Outcome, Role

DAY_NS = 86400 * SECOND
STEPS = pytest.mark.parametrize("step_ns", [-DAY_NS, DAY_NS, -1], ids=["back a day", "on a day", "back a moment"])


@dataclass
class SteppedClock:
    """The machine's, but for the steps of its wall clock."""

    offset_ns: int = 0

    def wall_ns(self) -> int:
        return time.time_ns() + self.offset_ns

    def clock(self) -> Clock:
        return Clock(time.monotonic_ns, self.wall_ns)


class Observer:
    """Knows when a number of records has been written."""

    def __init__(self, wanted: int) -> None:
        self.is_written = Event()
        self.drops: list[DropReason] = []
        self._left = wanted

    def written(self, records: int, size: int) -> None:
        self._left -= records
        if self._left <= 0:
            self.is_written.set()

    def dropped(self, reason: DropReason, records: int) -> None:
        self.drops.append(reason)

    def unsynced(self, records: int) -> None:
        """Not looked at here."""


def exchange(number: int, clock: SteppedClock) -> Exchange:
    return Exchange(
        b"%d" % number,
        Role.PRIMARY,
        "model",
        "only",
        Outcome.ANSWERED,
        clock.wall_ns(),
        *(0, 0, 1, 2, 1, 1, 1),
        b"GET",
        b"/",
        200,
        *(b"", b"", b"", b""),
        *(0, 0),
        *(BodyNote.NONE, BodyNote.NONE),
        *((), ()),
        *(b"", b""),
    )


@STEPS
def test_the_journal_is_written_and_read_in_order_across_a_step(tmp_path: Path, step_ns: int) -> None:
    stepped, observer = SteppedClock(), Observer(wanted=20)
    journal = JournalWriter(CaptureSettings(), tmp_path, "w1-1", observer, stepped.clock())
    for number in range(20):
        if number == 10:
            stepped.offset_ns = step_ns
        journal.offer(exchange(number, stepped))
    assert observer.is_written.wait(DEADLINE_S)
    journal.close(DEADLINE_S)
    reader = JournalReader(tmp_path)
    found = [int(entry.exchange.request_id) for entry in reader.read()]
    reader.close()

    assert (found, observer.drops) == (list(range(20)), [])


@STEPS
def test_how_long_the_oldest_record_waits_does_not_step(tmp_path: Path, step_ns: int) -> None:
    stepped, observer = SteppedClock(), Observer(wanted=1)
    journal = JournalWriter(CaptureSettings(), tmp_path, "w1-1", observer, stepped.clock())
    journal.offer(exchange(0, stepped))
    stepped.offset_ns = step_ns
    lag = journal.lag_seconds
    journal.close(DEADLINE_S)

    assert 0 <= lag < DEADLINE_S


@STEPS
def test_request_ids_stay_different_across_a_step(step_ns: int) -> None:
    stepped, draw = SteppedClock(), random.Random(1)
    before = [make_request_id(stepped.wall_ns(), draw.getrandbits) for _ in range(1000)]
    stepped.offset_ns = step_ns
    after = [make_request_id(stepped.wall_ns(), draw.getrandbits) for _ in range(1000)]

    assert len({*before, *after}) == 2000

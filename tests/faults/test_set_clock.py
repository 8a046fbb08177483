"""The machine's clock is set under a whole sidecar: its traffic, records, weights, restarts and retention."""

import os
import signal
import time
from pathlib import Path

import pytest
from machine_clock import MachineClock

from sidecar import until
from stage import Stage, stage
from watchtower.clock import SECOND
from watchtower.journal.reader import JournalReader
from watchtower.metrics import catalogue
from watchtower.record import Exchange

pytestmark = [pytest.mark.slow, pytest.mark.needs_debian]

STEPS = ("+8d", "-8d", "+0")


@pytest.fixture
def clock(tmp_path: Path) -> MachineClock:
    return MachineClock(tmp_path)


def test_traffic_records_and_weights_do_not_notice(tmp_path: Path, clock: MachineClock) -> None:
    with stage(tmp_path, shadow={}, environ=clock.environ) as on, on.load() as clients:
        for step in STEPS:
            clients.wait_for(100)
            clock.set(step)
            clients.wait_for(100)
            on.sidecar.put_weights("model", {"only": float(len(step))})
        clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []
        assert len({found.request_id for found in records(on)}) == clients.total


def test_records_say_what_the_clock_said(tmp_path: Path, clock: MachineClock) -> None:
    with stage(tmp_path, environ=clock.environ) as on:
        total = on.ask(20).total
        clock.set("+8d")
        total += on.ask(20).total
        assert on.sidecar.differences(total) == []
        days = [round((found.started_ns / SECOND - time.time()) / 86_400) for found in records(on)]
        ids = [found.request_id[:8] for found in sorted(records(on), key=lambda found: found.started_ns)]

        assert (sorted(days), ids) == (days, sorted(ids))
        assert set(days) == {0, 8}


def test_a_worker_that_died_after_a_step_is_replaced_and_a_reload_works(tmp_path: Path, clock: MachineClock) -> None:
    with stage(tmp_path, environ=clock.environ) as on:
        before = on.sidecar.workers()
        clock.set("-8d")
        os.kill(before[0], signal.SIGKILL)
        assert until(lambda: on.sidecar.workers() not in ([], before))

        assert on.sidecar.reload()["is_adopted"]
        assert set(on.ask(20).seen) == {200}


def test_retention_does_not_take_a_step_forward_for_age(tmp_path: Path, clock: MachineClock) -> None:
    with stage(tmp_path, environ=clock.environ, capture={"retention": "1d"}) as on:
        total = on.ask(20).total
        assert on.sidecar.differences(total) == []
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)  # so that nobody holds its segment
        on.sidecar.log.wait_for("a worker has ended")
        clock.set("+8d")
        total += on.ask(20).total
        size = on.sidecar.totals().value(catalogue.JOURNAL_DISK_BYTES)
        assert until(lambda: on.sidecar.totals().value(catalogue.JOURNAL_DISK_BYTES) > size)  # it was swept since

        assert on.sidecar.differences(total) == []


def records(on: Stage) -> list[Exchange]:
    reader = JournalReader(on.sidecar.data_dir / "journal")
    found = [entry.exchange for entry in reader.read()]
    reader.close()
    return found

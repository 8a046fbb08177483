"""kill -9 of a worker and of the supervisor; and a worker that hangs, which ends in one."""

import os
import signal
from pathlib import Path

import pytest

from background import LOST
from sidecar import is_alive, running_sidecar, until
from stage import Stage, stage
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow

CLIENTS = 4


def test_nothing_that_was_counted_is_lost_with_a_worker(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        before = on.ask(200)
        assert on.sidecar.differences(before.total) == []
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)
        after = on.ask(200)

        assert set(before.seen + after.seen) == {200}
        assert on.sidecar.differences(before.total + after.total) == []


def test_a_worker_killed_under_load_costs_what_it_was_working_on_alone(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on, on.load(CLIENTS) as clients:
        clients.wait_for(300)
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)
        clients.wait_for_answers(300)
        assert until(lambda: len(on.sidecar.workers()) == 2)
        clients.wait_for_answers(300)
        clients.stop()

        assert set(clients.seen) <= {200, LOST}
        assert clients.seen[LOST] <= CLIENTS


def test_the_accounts_of_a_worker_killed_under_load_miss_what_was_in_flight_alone(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, on.load(CLIENTS) as clients:
        clients.wait_for(300)
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)
        clients.wait_for_answers(100)
        clients.stop()
        assert until(lambda: on.sidecar.totals().value(catalogue.SHADOW_IN_FLIGHT) == 0)
        counted = on.sidecar.totals()
        outcomes, mirrored = counted.value(catalogue.REQUEST_OUTCOMES), counted.value(catalogue.SHADOW_OUTCOMES)

        assert counted.value(catalogue.REQUESTS) == outcomes
        assert abs(clients.seen[200] - outcomes) <= CLIENTS
        assert abs(mirrored - outcomes) <= CLIENTS


def test_what_a_killed_worker_counted_as_written_can_be_read(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, on.load(CLIENTS) as clients:
        clients.wait_for(300)
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)
        clients.wait_for_answers(100)
        clients.stop()
        assert until(lambda: on.sidecar.totals().value(catalogue.JOURNAL_WRITTEN) > 0)
        written = on.sidecar.totals().value(catalogue.JOURNAL_WRITTEN)  # before they are read: it goes on writing

        assert on.sidecar.readable_records() >= written


def test_records_that_died_with_a_worker_are_counted_as_dropped(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, workers=2) as on, on.load(16) as clients:
        for _ in range(3):
            clients.wait_for(300)
            os.kill(on.sidecar.workers()[0], signal.SIGKILL)
            assert until(lambda: len(on.sidecar.workers()) == 2)
        clients.stop()
        assert until(lambda: _unexplained(on) == 0), _unexplained(on)
        dropped = on.sidecar.totals().by(catalogue.JOURNAL_DROPPED, "reason")

        assert dropped["worker_died"] == sum(dropped.values()) > 0


def test_a_worker_that_hangs_is_shown_and_then_replaced(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        [hung] = on.sidecar.workers()
        os.kill(hung, signal.SIGSTOP)
        assert until(lambda: on.sidecar.workers("hanging") == [hung])
        with on.load() as clients:  # who waits in its queue is answered by its replacement
            on.sidecar.log.wait_for("a worker that hangs is killed")
            assert until(lambda: on.sidecar.workers() not in ([], [hung]))
            clients.wait_for_answers(50)
            clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []


def test_workers_drain_and_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on:
        workers = on.sidecar.workers()
        on.model.stall()
        with on.load(CLIENTS) as clients:
            on.model.wait_until_asked(CLIENTS)
            on.sidecar.signal(signal.SIGKILL)
            on.sidecar.log.wait_for("the supervisor is gone: draining", 2)
            clients.finish()
            on.model.go_on()

        assert clients.seen == {200: CLIENTS}
        assert until(lambda: not any(map(is_alive, workers)))


def test_a_restart_after_a_killed_supervisor_serves_at_the_same_address(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on:
        same = {**on.config, "listen": on.sidecar.listen, "admin": {"listen": on.sidecar.admin}}
        on.sidecar.signal(signal.SIGKILL)
        with running_sidecar(tmp_path, same) as second, on.load(sidecar=second) as clients:
            clients.wait_for(50)
            clients.stop()

            assert second.listen == on.sidecar.listen
            assert set(clients.seen) == {200}


def _unexplained(on: Stage) -> float:
    """Records that were offered, and neither written nor dropped for a reason."""
    counted = on.sidecar.totals()
    explained = counted.value(catalogue.JOURNAL_WRITTEN) + counted.value(catalogue.JOURNAL_DROPPED)
    return counted.value(catalogue.JOURNAL_RECORDS) - explained

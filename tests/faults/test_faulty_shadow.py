"""A shadow cannot hurt: whatever it does, clients are answered as if it were not there, and each request has its outcome."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar import Memory, Sidecar
from stage import stage
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
# Far above what the sidecar adds, far below what any shadow here takes: waiting for one would show.
SOON_S = 0.5
STAYING = {"breaker": {"failures": 1_000_000}}  # asked again and again, however it fails


def met(sidecar: Sidecar) -> set[str]:
    """The outcomes that the shadow had."""
    outcomes = sidecar.totals().by(catalogue.SHADOW_OUTCOMES, "outcome")
    return {outcome for outcome, count in outcomes.items() if count}


@pytest.mark.parametrize("breaker", [{}, STAYING], ids=["breaker", "no breaker"])
def test_a_dead_shadow_is_not_noticed(tmp_path: Path, breaker: Mapping[str, Any]) -> None:
    with stage(tmp_path, shadow=breaker) as on:
        on.shadow.stop()
        clients = on.ask(500)

        assert set(clients.seen) == {200}
        assert clients.percentile(0.99) < SOON_S
        assert on.sidecar.differences(clients.total) == []
        assert met(on.sidecar) <= {"connect_failed", "breaker_open"}


@pytest.mark.parametrize("breaker", [{}, STAYING], ids=["breaker", "no breaker"])
def test_a_stalled_shadow_is_not_noticed(tmp_path: Path, breaker: Mapping[str, Any]) -> None:
    budgets = {"timeout": "500ms", "max_in_flight": 4, "max_queue": "64KiB", **breaker}
    with stage(tmp_path, shadow=budgets) as on:
        on.shadow.stall()
        clients = on.ask(1000)

        assert set(clients.seen) == {200}
        assert clients.percentile(0.99) < SOON_S
        assert on.sidecar.differences(clients.total) == []
        assert met(on.sidecar) <= {"timed_out", "queue_full", "breaker_open"}


def test_a_stalled_shadow_costs_little_memory(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={"timeout": "60s", **STAYING}) as on:
        on.ask(200)
        memory = Memory(on.sidecar.workers()[0])
        on.shadow.stall()
        on.ask(3000)

        assert memory.peak_growth() < 16 * MIB


@pytest.mark.parametrize("breaker", [{}, STAYING], ids=["breaker", "no breaker"])
def test_a_shadow_with_huge_answers_is_given_up_and_costs_little_memory(
    tmp_path: Path, breaker: Mapping[str, Any]
) -> None:
    with stage(tmp_path, shadow=breaker) as on:
        before = on.ask(100)
        memory = Memory(on.sidecar.workers()[0])
        on.shadow.size = 100 * MIB
        clients = on.ask(200)

        assert set(clients.seen) == {200}
        assert clients.percentile(0.99) < SOON_S
        assert on.sidecar.differences(before.total + clients.total) == []
        assert "too_large" in met(on.sidecar)
        assert memory.peak_growth() < 16 * MIB


def test_a_shadow_that_answers_errors_is_not_noticed(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        on.shadow.status = 500
        clients = on.ask(200)

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []
        assert met(on.sidecar) == {"error_status", "breaker_open"}


def test_a_shadow_that_dies_and_returns_is_asked_again(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={"breaker": {"pause": "100ms", "max_pause": "200ms"}}) as on, on.load() as clients:
        on.shadow.wait_until_asked(20)
        on.shadow.stop()
        clients.wait_for(100)
        already = on.shadow.asked
        on.shadow.start()
        on.shadow.wait_until_asked(already + 20)
        clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []


def test_a_stop_while_a_shadow_stalls_gives_every_request_its_outcome(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={"timeout": "60s"}, drain={"deadline": "300ms"}) as on:
        on.shadow.stall()
        clients = on.ask(50)
        on.shadow.wait_until_asked(50)
        on.sidecar.reload()

        assert on.sidecar.differences(clients.total) == []
        assert met(on.sidecar) == {"shutting_down"}

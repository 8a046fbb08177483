"""The model dies, returns, stalls."""

from pathlib import Path

import pytest

from sidecar import until
from stage import stage
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow


def test_a_dead_upstream_answers_502_and_its_return_200(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, on.load() as clients:
        clients.wait_for_answers(100, 200)
        on.model.stop()
        clients.wait_for_answers(100, 502)
        on.model.start()
        clients.wait_for_answers(100, 200)
        clients.stop()

        assert set(clients.seen) == {200, 502}
        assert on.sidecar.differences(clients.total) == []


def test_an_upstream_that_never_was_there_answers_502(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on:
        on.model.stop()
        clients = on.ask(50)
        outcomes = on.sidecar.totals().by(catalogue.REQUEST_OUTCOMES, "outcome")

        assert set(clients.seen) == {502}
        assert on.sidecar.differences(clients.total) == []
        assert outcomes["answered"] == 0


def test_an_upstream_that_stalls_answers_504(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, model_settings={"pool": {"first_byte_timeout": "200ms"}}) as on:
        on.model.stall()
        clients = on.ask(8)

        assert set(clients.seen) == {504}
        assert on.sidecar.differences(clients.total) == []


def test_more_requests_than_may_be_in_flight_get_503_and_are_counted(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, model_settings={"max_in_flight": 2}) as on:
        on.model.stall()
        with on.load(8) as clients:
            clients.wait_for_answers(50, 503)
            clients.finish()
            on.model.go_on()

        assert set(clients.seen) == {200, 503}
        assert on.sidecar.differences(clients.total) == []


def test_an_upstream_that_restarts_again_and_again_leaves_the_accounts_whole(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, workers=2) as on, on.load() as clients:
        for _ in range(5):
            on.model.stop()
            clients.wait_for(50)
            on.model.start()
            clients.wait_for_answers(50)
        clients.stop()

        assert set(clients.seen) == {200, 502}
        assert on.sidecar.differences(clients.total) == []
        assert until(lambda: on.sidecar.totals().value(catalogue.UPSTREAM_WAITING) == 0)

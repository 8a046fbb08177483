"""SIGHUP while traffic flows: nothing is lost, and a bad configuration changes nothing."""

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from sidecar import endpoint, until
from stage import stage

pytestmark = pytest.mark.slow


def test_reloads_under_load_lose_no_request(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}, workers=2) as on, on.load() as clients:
        for _ in range(3):
            clients.wait_for(100)
            assert on.sidecar.reload()["is_adopted"]
        assert until(lambda: not on.sidecar.workers("retiring"))
        clients.wait_for(100)
        clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []


def test_a_reload_takes_a_new_upstream_without_losing_a_request(tmp_path: Path) -> None:
    with stage(tmp_path) as on, on.load() as clients:
        clients.wait_for(100)
        on.sidecar.reload({**on.config, "endpoints": [endpoint(on.shadow.url)]})
        on.shadow.wait_until_asked(100)
        clients.stop()

        assert set(clients.seen) == {200}


def test_reloads_lose_no_request_of_clients_that_connect_for_each(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on, on.load(16, is_keeping=False) as clients:
        for _ in range(3):
            clients.wait_for(100)
            assert on.sidecar.reload()["is_adopted"]
        assert until(lambda: not on.sidecar.workers("retiring"))
        clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total) == []


def test_a_reload_to_more_workers_loses_no_request(tmp_path: Path) -> None:
    with stage(tmp_path) as on, on.load(16, is_keeping=False) as clients:
        for workers in (2, 3):
            assert on.sidecar.reload({**on.config, "workers": workers})["is_adopted"]
            assert until(lambda: not on.sidecar.workers("retiring"))
            clients.wait_for(100)
        found = len(on.sidecar.workers())
        clients.stop()

        assert (set(clients.seen), found) == ({200}, 3)
        assert on.sidecar.differences(clients.total) == []


def test_a_reload_to_fewer_workers_loses_no_request(tmp_path: Path) -> None:
    with stage(tmp_path, workers=4) as on, on.load(16, is_keeping=False) as clients:
        for workers in (3, 2, 1):
            clients.wait_for(100)
            assert on.sidecar.reload({**on.config, "workers": workers})["is_adopted"]
            assert until(lambda: not on.sidecar.workers("retiring"))
        clients.stop()

        assert clients.seen == {200: clients.total}


def test_what_waits_in_the_queue_of_a_worker_that_leaves_for_good_is_answered(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on, on.load(16, is_keeping=False) as clients:
        clients.wait_for(50)
        slow = on.sidecar.workers()[1]
        os.kill(slow, signal.SIGSTOP)
        clients.finish()
        assert on.sidecar.reload({**on.config, "workers": 1})["is_adopted"]
        os.kill(slow, signal.SIGCONT)
        clients.stop()

        assert set(clients.seen) == {200}


def test_a_reload_that_a_dying_worker_spoils_loses_no_request(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on:
        before = on.sidecar.workers()
        on.sidecar.signal(signal.SIGHUP)
        doomed = _stopped_child(on.sidecar.process.pid, {*before})
        assert until(lambda: len(on.sidecar.workers()) == 3)
        on.model.stall()
        _tell(before, signal.SIGSTOP)  # so that the sound one of the new workers has clients when it must go
        with on.load(16, is_keeping=False) as clients:
            on.model.wait_until_asked(1)
            clients.finish()
            _tell([doomed], signal.SIGKILL)
            assert until(lambda: on.sidecar.get("/api/v1/status")["last_reload"])
            _tell(before, signal.SIGCONT)
            on.model.go_on()
        assert until(lambda: not on.sidecar.workers("retiring"))

        assert on.sidecar.get("/api/v1/status")["last_reload"]["is_adopted"] is False
        assert (clients.seen, on.sidecar.workers()) == ({200: 16}, before)
        assert on.sidecar.differences(16) == []


def test_a_bad_configuration_is_refused_with_all_its_mistakes_in_the_log(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        bad = {**on.config, "wrokers": 2, "capture": {"max_body": "many"}}
        last = on.sidecar.reload(bad)
        logged = [line["mistake"] for line in on.sidecar.log.events("mistake in the configuration")]

        assert not last["is_adopted"]
        assert logged == last["mistakes"]
        assert [name in " ".join(logged) for name in ("wrokers", "capture.max_body")] == [True, True]
        assert set(on.ask(20).seen) == {200}


def test_a_file_that_is_gone_leaves_the_old_configuration_in_force(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.sidecar.config_file.unlink()
        last = on.sidecar.reload()

        assert not last["is_adopted"]
        assert set(on.ask(20).seen) == {200}


def test_a_file_that_is_half_written_leaves_the_old_configuration_in_force(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        text = on.sidecar.config_file.read_text()
        on.sidecar.config_file.write_text(text[: len(text) // 2])
        last = on.sidecar.reload()

        assert not last["is_adopted"]
        assert set(on.ask(20).seen) == {200}


def test_weights_outlive_a_reload_that_is_refused(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        two = _two_variants(on.model.url, on.shadow.url)
        assert on.sidecar.reload({**on.config, **two})["is_adopted"]
        on.sidecar.put_weights("model", {"blue": 0, "green": 1})
        with on.load():
            on.shadow.wait_until_asked(20)
        on.sidecar.reload({**on.config, **two, "workers": "none"})

        assert on.sidecar.get("/api/v1/endpoints/model/weights")["weights"] == {"blue": 0, "green": 1}
        assert set(on.ask(20).answered_by) == {"green"}


def test_a_secret_in_a_bad_configuration_is_not_logged(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        bad = {**on.config, "admin": {"listen": on.sidecar.admin, "token": ["a-very-secret-token"]}}
        on.sidecar.reload(bad)

        assert "a-very-secret-token" not in on.sidecar.log.text() + json.dumps(on.sidecar.get("/api/v1/status"))


def _two_variants(blue: str, green: str) -> dict[str, object]:
    variants = [{"name": "blue", "url": blue, "weight": 1}, {"name": "green", "url": green, "weight": 0}]
    return {"endpoints": [{"name": "model", "variants": variants}]}


def _stopped_child(parent: int, known: set[int]) -> int:
    """The first new child of a process, stopped before it can be ready."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    assert until(lambda: {*map(int, children.read_text().split())} - known)
    found = min({*map(int, children.read_text().split())} - known)
    _tell([found], signal.SIGSTOP)
    return found


def _tell(processes: Iterable[int], what: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, what)

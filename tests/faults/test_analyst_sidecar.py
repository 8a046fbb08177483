"""The analyst beside real workers: what clients ask is shown within seconds, and whatever befalls it, no client notices."""

import json
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import msgspec
import pytest

from sidecar import DEADLINE_S, Sidecar, is_alive, running_sidecar, until
from watchtower.commands.demo import started_model
from watchtower.config.load import load
from watchtower.metrics import catalogue
from watchtower.store.database import Access
from watchtower.store.query import Query
from watchtower.store.state import State

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/churn:predict"
QUICK = {"interval": "50ms", "commit_every": "100ms"}
STATUS = "/api/v1/endpoints/model/analysis"
SECRET = "078-05-1120"
SHADOW = "/api/v1/endpoints/model/shadows/v2"


class Stage:
    """Two models of the demo, and a sidecar between them and a client."""

    def __init__(self, sidecar: Sidecar, config: Mapping[str, Any]) -> None:
        self.sidecar = sidecar
        self.config = config
        self.asked = 0
        self.statuses: set[int] = set()

    def ask(self, requests: int, headers: Mapping[str, str] | None = None) -> None:
        rows = ([[number % 60, 20 + number % 100, number % 5]] for number in range(self.asked, self.asked + requests))
        self.send([json.dumps({"instances": row}).encode() for row in rows], headers)

    def send(self, bodies: Iterable[bytes], headers: Mapping[str, str] | None = None) -> None:
        client = HTTPConnection(self.sidecar.host, self.sidecar.port, timeout=DEADLINE_S)
        for body in bodies:
            client.request("POST", PREDICT, body, {**JSON, **(headers or {})})
            answer = client.getresponse()
            answer.read()
            self.statuses.add(answer.status)
            self.asked += 1
        client.close()

    def shown(self, path: str) -> Any:
        try:
            return self.sidecar.get(path)
        except HTTPError as error:
            with error:
                return {"status": error.code}

    def is_shown(self, requests: int) -> bool:
        """Both sides of so many requests, and all of them paired."""
        return bool(self.shown(STATUS).get("exchanges") == 2 * requests and self.shown(SHADOW).get("pairs") == requests)

    def has_counted(self, pairs: int) -> bool:
        return self.sidecar.totals().value(catalogue.PAIRS) == pairs

    def has_restarted(self, times: int) -> bool:
        return bool(self.analyst["restarts"] >= times)

    @property
    def analyst(self) -> Any:
        return self.sidecar.get("/api/v1/status")["analyst"]

    def stored(self, sql: str) -> list[dict[str, Any]]:
        config = load(self.sidecar.config_file, {})
        with Query(self.sidecar.data_dir, config.store) as query:
            rows: list[dict[str, Any]] = query.run(sql).table().to_pylist()
        return rows


JSON = {"content-type": "application/json"}


@contextmanager
def two_models() -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(started_model(version)) for version in ("v1", "v2")]


@contextmanager
def stage(folder: Path, analyst: Any = QUICK, urls: Sequence[str] | None = None, **config: Any) -> Iterator[Stage]:
    with ExitStack() as stack:
        v1, v2 = urls or stack.enter_context(two_models())
        one = {"name": "model", "variants": [{"name": "only", "url": v1}], "shadows": [{"name": "v2", "url": v2}]}
        whole = {"endpoints": [one], "analyst": analyst, "store": {"flush_age": "200ms"}, **config}
        sidecar = stack.enter_context(running_sidecar(folder, whole))
        yield Stage(sidecar, whole)


def test_traffic_is_shown_within_seconds(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.ask(50)

        assert until(lambda: on.is_shown(50), 10), on.shown(STATUS)
        assert on.statuses == {200}
        assert on.shown(STATUS)["protocols"][0]["protocol"] == "v1"
        assert on.shown(SHADOW)["compared"] == 50
        assert on.shown("/api/v1/endpoints/model/drift")["waiting_for"].startswith("1%")


def test_the_metrics_page_says_the_same(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        before = on.sidecar.totals().value(catalogue.ANALYST_EXCHANGES)
        on.ask(50)
        assert until(lambda: on.is_shown(50) and on.has_counted(50), 10)
        counted = on.sidecar.totals()

        assert before == 0
        assert counted.by(catalogue.ANALYST_EXCHANGES, "role") == {"primary": 50, "shadow": 50}
        assert counted.value(catalogue.PAIRS) == 50
        assert counted.value(catalogue.ANALYST_ROWS, side="input") == 50
        assert counted.value(catalogue.ANALYST_STARTS, reason="start") == 1


def test_test_traffic_is_in_no_pair(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.ask(20, {"x-watchtower-test": "peak"})
        on.ask(5)

        assert until(lambda: on.shown(STATUS).get("skipped") == {"test_traffic": 40}, 10), on.shown(STATUS)
        assert until(lambda: on.shown(SHADOW)["pairs"] == 5, 10)


def test_the_store_has_what_the_journal_has(tmp_path: Path) -> None:
    with stage(tmp_path, workers=2) as on:
        on.ask(100)
        assert until(lambda: on.is_shown(100), 10)
        records = on.sidecar.readable_records()

        assert on.stored("SELECT count(*) AS n FROM exchanges") == [{"n": records}]
        assert on.stored("SELECT count(*) AS n FROM pairs") == [{"n": 100}]


def test_what_is_redacted_is_nowhere_in_what_the_analyst_keeps_or_shows(tmp_path: Path) -> None:
    named = {"months": 1, "monthly_charge": 2, "complaints": 3, "ssn": SECRET}
    bodies = [json.dumps({"instances": [named]}), f'{{"instances": "{SECRET}"', json.dumps({"ssn": SECRET})]
    with stage(tmp_path, capture={"redact": ["$..ssn"]}) as on:
        on.send(body.encode() for body in bodies)
        assert until(lambda: on.shown(STATUS).get("exchanges") == 6, 10), on.shown(STATUS)
        with State(on.sidecar.data_dir, Access.READ) as state:
            shown = state.documents()
        kept = [on.stored(f"SELECT * FROM {table}") for table in ("exchanges", "rows", "pairs")]
        state_file = b"".join(path.read_bytes() for path in on.sidecar.data_dir.glob("state.db*"))

        assert "in.ssn" in kept[1][0]
        assert [name for name, found in shown.items() if SECRET.encode() in found] == []
        assert SECRET not in str(kept)
        assert SECRET.encode() not in state_file


def test_clients_do_not_notice_a_killed_analyst_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        for kills in range(3):
            on.ask(60)
            assert until(lambda: on.analyst["state"] == "running")
            pid = on.analyst["pid"]
            os.kill(pid, signal.SIGKILL)
            on.ask(60)
            assert until(partial(on.has_restarted, kills + 1)), on.analyst
        assert until(lambda: on.is_shown(on.asked)), (on.asked, on.shown(STATUS))
        counted = on.sidecar.totals()

        assert on.statuses == {200}
        assert on.stored("SELECT count(*) AS n, count(DISTINCT (request_id, role)) AS ids FROM exchanges") == [
            {"n": 720, "ids": 720}
        ]
        assert counted.value(catalogue.ANALYST_STARTS, reason="crash") == 3
        assert counted.value(catalogue.ANALYST_EXCHANGES) == 720
        assert counted.value(catalogue.PAIRS) == 360


def test_an_analyst_that_hangs_delays_nobody(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        assert until(lambda: on.analyst["state"] == "running")
        pid = on.analyst["pid"]
        os.kill(pid, signal.SIGSTOP)
        on.ask(100)
        was_silent = on.shown(STATUS).get("exchanges", 0)
        os.kill(pid, signal.SIGCONT)

        assert (on.statuses, was_silent) == ({200}, 0)
        assert until(lambda: on.is_shown(100), 10)


def test_an_analyst_that_is_left_off_is_told_of_and_missed_by_nobody(tmp_path: Path) -> None:
    with stage(tmp_path, analyst=False) as on:
        on.ask(20)

        assert on.statuses == {200}
        assert (on.analyst["state"], on.analyst["pid"]) == ("off", None)
        assert on.shown(STATUS) == {"status": 404}
        assert not (tmp_path / "data" / "store").exists()


def test_what_was_recorded_without_an_analyst_is_read_when_there_is_one(tmp_path: Path) -> None:
    with stage(tmp_path, analyst=False) as on:
        on.ask(20)
        assert on.sidecar.reload({**on.config, "analyst": QUICK})["is_adopted"]

        assert until(lambda: on.is_shown(20), 15), on.shown(STATUS)


def test_a_reload_replaces_the_analyst_and_its_counts_go_on(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        on.ask(20)
        assert until(lambda: on.is_shown(20), 10)
        first = on.analyst["pid"]
        assert on.sidecar.reload()["is_adopted"]
        on.ask(20)

        assert until(lambda: on.is_shown(40), 15), on.shown(STATUS)
        assert on.analyst["pid"] != first
        assert not is_alive(first)
        assert until(lambda: on.has_counted(40))  # behind the commit that is shown


def test_a_reload_can_leave_the_analyst_off(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        assert until(lambda: on.analyst["state"] == "running")
        first = on.analyst["pid"]
        assert on.sidecar.reload({**on.config, "analyst": False})["is_adopted"]
        assert until(lambda: on.analyst["state"] == "off")
        on.ask(5)

        assert on.statuses == {200}
        assert not is_alive(first)


def test_the_last_records_are_analysed_before_the_end(tmp_path: Path) -> None:
    with stage(tmp_path, analyst={"interval": "500ms"}) as on:
        assert until(lambda: on.analyst["state"] == "running")
        on.ask(100)
        on.sidecar.signal(signal.SIGTERM)
        status = on.sidecar.ended()
        with State(on.sidecar.data_dir, Access.READ) as state:
            shown = msgspec.json.decode(state.document("shadow/model/v2") or b"{}")

        assert status == 0
        assert shown.get("pairs") == 100
        assert on.stored("SELECT count(*) AS n FROM exchanges") == [{"n": 200}]


def test_a_sidecar_without_any_traffic_ends_without_a_complaint(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        assert until(lambda: on.analyst["state"] == "running")
        on.sidecar.signal(signal.SIGTERM)

        assert on.sidecar.ended() == 0
        assert "Traceback" not in on.sidecar.log.text()


def test_an_analyst_goes_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        assert until(lambda: on.analyst["state"] == "running")
        pid = on.analyst["pid"]
        on.sidecar.signal(signal.SIGKILL)

        assert until(lambda: not is_alive(pid), 10)


def test_a_store_that_cannot_be_opened_harms_no_traffic(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "state.db").write_bytes(b"no database" * 1000)
    with stage(tmp_path) as on:
        on.ask(50)

        assert on.statuses == {200}
        assert until(lambda: on.analyst["restarts"] > 0)
        assert on.shown(STATUS)["status"] in {404, 503}
        assert on.sidecar.differences(50) == []


def test_after_a_restart_of_the_sidecar_everything_goes_on(tmp_path: Path) -> None:
    with two_models() as urls:
        with stage(tmp_path, urls=urls) as on:
            on.ask(30)
            assert until(lambda: on.is_shown(30), 10)
        with stage(tmp_path, urls=urls) as on:
            on.ask(10)

            assert until(lambda: on.is_shown(40), 15), on.shown(STATUS)
            assert until(lambda: on.has_counted(10))

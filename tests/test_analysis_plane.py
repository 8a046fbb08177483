"""The analysis as an operator meets it: a sidecar between models, and what it says of them afterwards."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from sidecar import DEADLINE_S, Sidecar, running_sidecar, until
from watchtower.cli import main
from watchtower.commands.demo import started_model
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow

ASKED = 400
ENDPOINT = {
    "name": "churn",
    "baseline": {"live": {"rows": 100}},
    "drift": {"window": "1s", "lateness": "0s"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    sidecar: Sidecar
    config: Path


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A sidecar with a shadow that answers otherwise, and with what it answered analysed."""
    folder = tmp_path_factory.mktemp("analysed")
    with ExitStack() as stack:
        v1, v2 = (stack.enter_context(started_model(version)) for version in ("v1", "v2"))
        endpoint = {**ENDPOINT, "variants": [{"name": "blue", "url": v1}], "shadows": [{"name": "v2", "url": v2}]}
        config = {"endpoints": [endpoint], "analyst": {"commit_every": "100ms"}}
        sidecar = stack.enter_context(running_sidecar(folder, config))
        ask(sidecar)
        read = catalogue.ANALYST_EXCHANGES
        assert until(lambda: sidecar.totals().value(read) == 2 * ASKED), sidecar.log.text()
        assert until(lambda: found(sidecar, "drift") == 200)
        yield Asked(sidecar, sidecar.config_file)


def ask(sidecar: Sidecar) -> None:
    client = HTTPConnection(sidecar.host, sidecar.port, timeout=DEADLINE_S)
    for number in range(ASKED):
        body = json.dumps({"instances": [[number % 72, 40.0 + number % 50, number % 6]]})
        client.request("POST", "/v1/models/churn:predict", body, {"x-request-id": f"id-{number}"})
        client.getresponse().read()
    client.close()


def found(sidecar: Sidecar, what: str) -> int:
    try:
        sidecar.get(f"/api/v1/endpoints/churn/{what}")
    except HTTPError as error:
        return error.code
    return 200


def test_the_status_shows_the_analyst(asked: Asked) -> None:
    analyst = asked.sidecar.get("/api/v1/status")["analyst"]

    assert (analyst["state"], analyst["restarts"]) == ("running", 0)
    assert asked.sidecar.totals().value(catalogue.PROCESS_MEMORY, process="analyst") > 0


def test_an_analyst_that_may_hold_nothing_gets_there_in_many_lives(tmp_path: Path) -> None:
    with ExitStack() as stack:
        v1, v2 = (stack.enter_context(started_model(version)) for version in ("v1", "v2"))
        endpoint = {**ENDPOINT, "variants": [{"name": "blue", "url": v1}], "shadows": [{"name": "v2", "url": v2}]}
        settings = {"commit_every": "100ms", "batch": 300, "max_memory": "1MiB"}
        sidecar = stack.enter_context(running_sidecar(tmp_path, {"endpoints": [endpoint], "analyst": settings}))
        ask(sidecar)
        assert until(lambda: sidecar.totals().value(catalogue.ANALYST_EXCHANGES) == 2 * ASKED), sidecar.log.text()
        told = sidecar.log.wait_for("the analyst is over its memory budget")

        assert told["max_memory"] == 1024**2
        assert sidecar.totals().value(catalogue.ANALYST_STARTS, reason="memory") >= 1
        assert sidecar.totals().value(catalogue.ANALYST_STARTS, reason="crash") == 0
        assert sidecar.totals().value(catalogue.PAIRS) == ASKED


def test_every_pair_is_compared(asked: Asked) -> None:
    view = asked.sidecar.get("/api/v1/endpoints/churn/shadows/v2")

    assert (view["pairs"], view["decision"]) == (ASKED, "worse")


def test_the_protocol_is_told_with_its_reason(asked: Asked) -> None:
    (protocol,) = asked.sidecar.get("/api/v1/endpoints/churn/analysis")["protocols"]

    assert (protocol["protocol"], bool(protocol["why"])) == ("v1", True)


def test_labels_are_taken_while_the_analyst_writes(asked: Asked) -> None:
    labels = json.dumps([{"request_id": f"id-{number}", "value": 1} for number in range(50)]).encode()
    with urlopen(Request(f"http://{asked.sidecar.admin}/api/v1/labels", labels, method="POST"), timeout=9) as answer:
        taken = json.load(answer)

    assert taken == {"accepted": 50, "updated": 0, "unchanged": 0, "outdated": 0}


def test_the_command_line_tells_the_verdict(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--data-dir", str(asked.sidecar.data_dir)]) == 1
    assert capsys.readouterr().out.startswith("churn/v2: WORSE\n")


def test_the_live_baseline_is_in_force(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "show", "--json", "--data-dir", str(asked.sidecar.data_dir)]) == 0
    (stored,) = json.loads(capsys.readouterr().out)

    assert (stored["endpoint"], stored["in_force"]) == ("churn", True)


def test_a_report_is_drawn_of_the_window_against_the_baseline(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A file of rows is written after `store.flush_age`.
    page, data_dir = tmp_path / "churn.html", str(asked.sidecar.data_dir)

    assert until(lambda: main(["report", "--data-dir", data_dir, "--output", str(page)]) == 0, 40.0)
    assert "in.0" in page.read_text(encoding="utf-8")


def test_what_was_recorded_is_analysed_once_more_without_a_sidecar(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--from", str(asked.sidecar.data_dir), "--config", str(asked.config), "--data-dir", str(tmp_path)]
    first = main(["analyze", *flags, "--json"]), json.loads(capsys.readouterr().out)["exchanges"]
    again = main(["analyze", *flags, "--json"]), json.loads(capsys.readouterr().out)["exchanges"]

    assert (first, again) == ((0, 2 * ASKED), (0, 0))
    assert main(["compare", "--data-dir", str(tmp_path), "--json"]) == 1


def test_a_reload_replaces_the_analyst_and_nothing_is_counted_twice(asked: Asked) -> None:
    before = asked.sidecar.get("/api/v1/status")["analyst"]["pid"]
    asked.sidecar.reload()

    assert until(lambda: asked.sidecar.get("/api/v1/status")["analyst"]["pid"] not in {None, before})
    assert until(lambda: asked.sidecar.get("/api/v1/status")["analyst"]["state"] == "running")
    assert asked.sidecar.get("/api/v1/endpoints/churn/shadows/v2")["pairs"] == ASKED
    assert asked.sidecar.totals().value(catalogue.ANALYST_EXCHANGES) == 2 * ASKED

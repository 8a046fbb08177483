"""The start: soon, or with a reason why not."""

import http.client
import subprocess
import sys
import time
from pathlib import Path

import pytest

from background import background, model
from sidecar import DEADLINE_S, Sidecar, endpoint, running_sidecar, until
from stage import stage

pytestmark = pytest.mark.slow


def test_the_first_request_is_answered_within_a_second(tmp_path: Path) -> None:
    took = min(first_answer(tmp_path / str(attempt)) for attempt in range(3))

    assert took < 1.0


def first_answer(folder: Path) -> float:
    """Seconds from the command to the first answer; the best of a few, for a test machine has other work."""
    with (
        background() as at,
        model(at) as upstream,
        running_sidecar(folder, {"endpoints": [endpoint(upstream.url)]}) as on,
    ):
        client = http.client.HTTPConnection(on.host, on.port, timeout=DEADLINE_S)
        client.request("GET", "/")
        status = client.getresponse().status
        took = time.monotonic() - on.started_at
        client.close()
    assert status == 200
    return took


def started(*arguments: str, deadline_s: float = DEADLINE_S) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "watchtower", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=deadline_s, check=False)


@pytest.mark.parametrize("admin", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9900"])
def test_an_admin_address_that_others_reach_without_a_token_refuses_the_start(tmp_path: Path, admin: str) -> None:
    ended = started("--upstream", "http://127.0.0.1:9", "--admin", admin, "--data-dir", str(tmp_path))

    assert ended.returncode == 2
    assert "token" in ended.stderr


def test_an_address_that_is_taken_refuses_the_start(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        flags = ["--listen", on.sidecar.listen, "--admin", "127.0.0.1:0", "--data-dir", str(tmp_path / "other")]
        ended = started("--upstream", on.model.url, *flags)

        assert (ended.returncode, ended.stderr.strip().splitlines()[-1]) == (
            1,
            f"cannot listen at {on.sidecar.listen}: Address already in use",
        )


def test_an_admin_address_that_is_taken_refuses_the_start_with_that_reason_alone(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        flags = ["--listen", "127.0.0.1:0", "--admin", on.sidecar.admin, "--data-dir", str(tmp_path / "other")]
        ended = started("--upstream", on.model.url, *flags)

        assert (ended.returncode, ended.stderr.splitlines()) == (
            1,
            [f"admin server: cannot listen at {on.sidecar.admin}: Address already in use"],
        )


def test_a_data_dir_that_is_in_use_refuses_the_start(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", str(on.sidecar.data_dir)]
        ended = started("--upstream", on.model.url, *flags, deadline_s=5.0)

        assert ended.returncode == 1
        assert str(on.sidecar.data_dir) in ended.stderr
        assert set(on.ask(20).seen) == {200}


def test_a_journal_folder_that_cannot_be_made_does_not_keep_it_from_serving(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "journal").write_text("a file lies where the folder should be")
    with stage(tmp_path) as on:
        clients = on.ask(50)

        assert set(clients.seen) == {200}
        assert until(lambda: on.sidecar.get("/api/v1/status")["journal"]["dropped"]["directory_gone"] == clients.total)


def test_a_broken_weights_file_does_not_keep_it_from_serving(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "routes.json").write_text('{"version": 1, "endp')
    with stage(tmp_path) as on:
        assert set(on.ask(20).seen) == {200}


def test_a_certificate_that_is_missing_ends_the_start_with_its_name(tmp_path: Path) -> None:
    config = {
        "listen": {"address": "127.0.0.1:0", "tls": {"cert": str(tmp_path / "absent.pem")}},
        "endpoints": [endpoint("http://127.0.0.1:9")],
    }
    sidecar = Sidecar(tmp_path, config)
    status = sidecar.ended()
    sidecar.log.close()

    assert status == 2
    assert "absent.pem" in sidecar.log.text()

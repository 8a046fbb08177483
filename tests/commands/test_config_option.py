"""Commands that read the store find it, and what may be asked of it, in the sidecar's own file."""

import json
from pathlib import Path

import pytest

from watchtower.cli import main
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.store import Store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a sidecar whose store is there, and holds nothing."""
    with Store(tmp_path / "state", StoreSettings()):
        pass
    path = tmp_path / "watchtower.yaml"
    path.write_text(
        f"data_dir: {tmp_path}/state\n"
        "endpoints: [{name: churn, variants: [{name: blue, url: http://127.0.0.1:8000}]}]\n"
        "store: {query_memory: 7MiB, query_threads: 3}\n"
    )
    return path


def settings(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


SQL = "select current_setting('threads') as threads, current_setting('memory_limit') as memory"


def test_a_query_keeps_to_what_the_file_says(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["query", "--config", str(config), "--json", SQL])

    assert (status, settings(capsys)) == (0, [{"threads": 3, "memory": "7.0 MiB"}])


def test_a_folder_that_is_named_goes_over_the_files(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with State(tmp_path / "other"):
        pass
    status = main(["query", "--config", str(config), "--data-dir", str(tmp_path / "none"), "--json", SQL])

    assert (status, capsys.readouterr().out) == (1, "")
    assert main(["query", "--config", str(config), "--data-dir", str(tmp_path / "other"), "--json", SQL]) == 0


def test_a_report_is_asked_of_the_files_folder(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["report", "--config", str(config)])

    assert (status, capsys.readouterr().err.partition(":")[0]) == (2, str(config.parent / "state"))


def test_a_file_with_mistakes_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "watchtower.yaml").write_text("endpoints: []\n")

    assert main(["query", "--config", str(tmp_path / "watchtower.yaml"), "select 1"]) == 2
    assert "watchtower.yaml" in capsys.readouterr().err


def test_a_recording_needs_its_endpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["analyze", "--from", str(tmp_path)])

    assert "--config" in capsys.readouterr().err

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from watchtower import __version__
from watchtower.address import Address
from watchtower.cli import COMMANDS, main

ROOT = Path(__file__).parent.parent
GOOD = ROOT / "tests/config/good/shared.yaml"
MISTAKE = ROOT / "tests/config/mistakes/no_workers.yaml"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])

    told = capsys.readouterr().out

    assert told in {f"watchtower {__version__} (compiled)\n", f"watchtower {__version__} (not compiled)\n"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out

    assert [command.name for command in COMMANDS if f"  {command.name} " not in told] == []


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])

    assert caught.value.code == 0
    assert f"  watchtower {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["dance"], ["check-config"], ["journal", "dance"], ["run", "--upstrem", "x"]])
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [["compare", "--worst"], ["drift", "--columns"], ["labels", "show", "--segments"], ["query", "--limit"]],
)
def test_nobody_can_be_shown_fewer_than_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*arguments, "-1"])

    assert "got '-1', expected a whole number" in capsys.readouterr().err


def test_without_a_command_the_commands_are_told_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = main([]), capsys.readouterr().err

    assert status == 2
    assert [command.name for command in COMMANDS if f"  {command.name} " not in told] == []


def test_an_outcome_that_there_is_not_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["journal", "tail", "--outcome", "bogus"])
    told = capsys.readouterr().err

    assert "'answered', " in told
    assert "Outcome." not in told


def test_a_good_configuration_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(GOOD)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{GOOD}: ok",
        "listens at 127.0.0.1:8080, for admin at 127.0.0.1:9900",
        "endpoint churn takes * /churn",
        "  variant blue answers 100% of it",
        "endpoint fraud takes * /fraud",
        "  variant blue answers 100% of it",
    ]


def test_mistakes_go_to_standard_error_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(MISTAKE)]) == 2
    assert capsys.readouterr().err == f"{MISTAKE}:1: workers: got '0', expected more than zero\n"


def test_mistakes_are_data_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--json", str(MISTAKE)]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "mistakes": [f"{MISTAKE}:1: workers: got '0', expected more than zero"],
    }


def test_running_without_a_model_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert capsys.readouterr().err == "expected --upstream URL, or --config FILE with endpoints\n"


def test_a_journal_that_is_not_there_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "stat", "--data-dir", str(tmp_path / "nowhere")]) == 1
    assert f"{tmp_path}/nowhere: no such folder" in capsys.readouterr().err


def test_a_journal_without_a_record_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "stat", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 segments, 0B\n0 torn, 0 damaged places, 0B skipped\n"


def test_the_openapi_document_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.1")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["journal", "--help"], ["check-config", "--help"]])
def test_looking_at_things_does_not_load_the_servers(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "watchtower", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stderr
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines()}

    assert set() == loaded & {"aiohttp", "uvloop", "prometheus_client"}


@pytest.mark.slow
def test_the_program_ends_with_its_status() -> None:
    command = [sys.executable, "-m", "watchtower", "check-config", str(MISTAKE)]
    ended = subprocess.run(command, stderr=subprocess.PIPE, timeout=20, check=False, cwd=ROOT)

    assert ended.returncode == 2


@pytest.mark.slow
def test_a_start_that_fails_says_why_and_nothing_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Address(*other.getsockname())
        flags = ["--upstream", "http://127.0.0.1:9", "--listen", str(taken), "--admin", "127.0.0.1:0"]
        command = [sys.executable, "-m", "watchtower", "run", *flags, "--data-dir", str(tmp_path)]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=20, check=False, cwd=ROOT)

    assert (ended.returncode, ended.stderr) == (1, f"cannot listen at {taken}: Address already in use\n")


@pytest.mark.slow
def test_a_command_whose_reader_leaves_ends_in_silence_and_has_not_succeeded() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "watchtower", "openapi"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=20, check=False, cwd=ROOT)
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.slow
def test_a_command_that_cannot_print_says_so_and_has_not_succeeded() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "watchtower", "openapi"], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert (done.returncode, done.stderr) == (1, b"what is to be printed cannot be written: No space left on device\n")

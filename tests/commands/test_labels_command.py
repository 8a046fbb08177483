import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from watchtower.analyst.documents import STATUS, key
from watchtower.cli import main
from watchtower.clock import SECOND
from watchtower.commands.labels import read
from watchtower.performance.labels import USUAL
from watchtower.store.database import NAME, Access
from watchtower.store.inbox import InboxLabel
from watchtower.store.state import State

EXPECTED = [InboxLabel("r1", 0, "yes", 5 * SECOND, 1), InboxLabel("r2", 3, "no", 6 * SECOND, 2)]


def kept(data_dir: Path) -> list[InboxLabel]:
    with State(data_dir, Access.READ) as state:
        return state.labels.after(0, 100)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where an analyst has been."""
    with State(tmp_path / "data"):
        return tmp_path / "data"


def add(data_dir: Path, file: Path, *flags: str) -> int:
    return main(["labels", "add", str(file), "--data-dir", str(data_dir), *flags])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "request_id,row,value,time,note\nr1,0,yes,5,x\nr2,3,no,6,y\n"),
        ("labels.CSV", "\ufeffrequest_id,row,value,time\nr1,,yes,5\nr2,3,no,6\n"),
        (
            "labels.jsonl",
            '{"request_id": "r1", "value": "yes", "time": 5}\n\n{"request_id": "r2", "row": 3, "value": "no", "time": 6}',
        ),
        (
            "labels.ndjson",
            '\ufeff{"request_id": "r1", "value": "yes", "time": 5}\n{"request_id": "r2", "row": 3, "value": "no", "time": 6}',
        ),
        (
            "labels.json",
            '\ufeff[{"request_id": "r1", "value": "yes", "time": 5}, {"request_id": "r2", "row": 3, "value": "no", "time": 6}]',
        ),
    ],
)
def test_labels_are_read_by_the_files_end(
    data_dir: Path, tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")

    assert add(data_dir, file) == 0
    assert kept(data_dir) == EXPECTED
    assert capsys.readouterr().out == "2 new, 0 updated, 0 repeated, 0 outdated\n"


def test_parquet_may_name_its_columns_otherwise(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"id": ["r1", "r2"], "n": [0, 3], "churned": ["yes", "no"], "at": [5, 6]})
    pq.write_table(table, tmp_path / "outcomes.parquet")
    flags = ["--request-id", "id", "--row", "n", "--value", "churned", "--time", "at", "--json"]

    assert add(data_dir, tmp_path / "outcomes.parquet", *flags) == 0
    assert kept(data_dir) == EXPECTED
    assert json.loads(capsys.readouterr().out) == {"new": 2, "updated": 0, "repeated": 0, "outdated": 0}


def test_labels_name_their_endpoint_in_a_column_or_by_a_flag(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value,model\nr1,yes,churn\nr2,yes,\n")

    assert add(data_dir, file, "--endpoint", "fraud", "--endpoint-column", "model") == 0
    assert [(label.request_id, label.endpoint) for label in kept(data_dir)] == [("r1", "churn"), ("r2", "fraud")]


def test_an_endpoint_that_the_analyst_does_not_know_is_wrong_usage(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with State(data_dir) as state:
        state.commit(documents={key(STATUS, "churn"): b"{}"})
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value,endpoint\nr1,yes,chrun\n")

    assert (add(data_dir, file), add(data_dir, file, "--endpoint", "fraud")) == (2, 2)
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:2: endpoint must be one of churn",
        f"{file}: 1 of 1 are wrong: none was taken",
        "--endpoint must be one of churn",
    ]


def test_parquet_times_that_python_does_not_have_are_mistakes_of_their_rows(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.parquet"
    seen = pa.array([None, None, 2**31 - 1], pa.date32())  # a column that is no label's does no harm
    times = pa.array([5, 10**15, 6], pa.timestamp("ms"))
    pq.write_table(pa.table({"request_id": ["r1", "r2", "r3"], "value": [1, 2, 3], "time": times, "seen": seen}), file)

    assert add(data_dir, file) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:2: time must be like 2026-11-20T12:00:00Z, or seconds since 1970",
        f"{file}: 1 of 3 are wrong: none was taken",
    ]


@pytest.mark.slow
def test_parquet_times_in_nanoseconds_need_no_pandas(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    times = pa.array([5 * SECOND + 1, 6 * SECOND + 1999], pa.timestamp("ns", "Europe/Rome"))
    pq.write_table(pa.table({"request_id": ["r1", "r2"], "row": [0, 3], "value": ["yes", "no"], "time": times}), file)
    (tmp_path / "pandas.py").write_text("raise ImportError\n")
    run = "import sys; sys.path.insert(0, sys.argv[1]); from watchtower.cli import main; sys.exit(main(sys.argv[2:]))"
    command = [sys.executable, "-c", run, str(tmp_path), "labels", "add", str(file), "--data-dir", str(data_dir)]

    assert subprocess.run(command, check=False).returncode == 0
    assert [label.at_ns for label in kept(data_dir)] == [5 * SECOND, 6 * SECOND + 1000]


def test_adding_a_file_again_changes_nothing(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value,time\nr1,yes,5\n")
    add(data_dir, file)
    capsys.readouterr()
    add(data_dir, file)

    assert capsys.readouterr().out == "0 new, 0 updated, 1 repeated, 0 outdated\n"


def test_a_line_is_that_of_the_file_behind_empty_and_broken_ones(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text('request_id,value,note\nr1,yes,"two\nlines"\n\nr2,,x\n')

    assert add(data_dir, file) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"{file}:5: value is missing"


def test_a_parquet_file_without_one_of_the_columns_is_told(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"id": ["r1"], "churned": ["yes"]}), file)

    assert add(data_dir, file) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"{file}:1: request_id must be a text of 1 to 256 bytes"


def test_one_mistake_refuses_all_and_is_told_with_its_line(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value,time\nr1,yes,5\n,no,5\nr3,,5\n")

    assert add(data_dir, file) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:3: request_id must be a text of 1 to 256 bytes",
        f"{file}:4: value is missing",
        f"{file}: 2 of 3 are wrong: none was taken",
    ]
    assert kept(data_dir) == []


def test_a_folder_in_which_no_analyst_has_been_takes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value\nr1,yes\n")

    assert add(tmp_path, file) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no exchange has been analysed here yet\n"
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet"])
def test_a_file_is_held_in_pieces_and_a_mistake_in_the_last_refuses_all(
    data_dir: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    rows = [{"request_id": f"r{number}", "value": 1 if number else None} for number in range(10_001, -1, -1)]
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif file.suffix == ".jsonl":
        file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    else:
        file.write_text("request_id,value\n" + "".join(f"{row['request_id']},{row['value'] or ''}\n" for row in rows))

    assert [len(piece.labels) for piece in read(file, USUAL, 0, None)] == [10_000, 1]
    assert (add(data_dir, file), kept(data_dir)) == (2, [])
    line = 10_003 if file.suffix == ".csv" else 10_002
    assert capsys.readouterr().err.splitlines()[0] == f"{file}:{line}: value is missing"


@pytest.mark.slow
def test_the_labels_of_one_json_text_are_put_in_pieces_that_others_wait_for(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_bytes(msgspec.json.encode([{"request_id": f"r{number}", "value": 1} for number in range(10_001)]))
    refused(data_dir, "r10000")

    assert add(data_dir, file) == 1
    with State(data_dir, Access.READ) as state:
        assert state.labels.size == 10_000


def refused(data_dir: Path, request_id: str) -> None:
    """As a store that fails in the middle."""
    with sqlite3.connect(data_dir / "state.db") as connection:
        connection.execute(
            f"CREATE TRIGGER refused BEFORE INSERT ON labels_inbox WHEN NEW.request_id = '{request_id}'"
            " BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "status", "said"),
    [
        ("r9999", 2, "no more"),
        ("r10000", 1, "no more: 10,000 of 10,001 were taken; adding the file again is safe"),
    ],
)
def test_a_store_that_fails_says_how_many_it_has_taken(
    data_dir: Path, tmp_path: Path, last: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("request_id,value,time\n" + "".join(f"r{number},1,5\n" for number in range(10_001)))
    refused(data_dir, last)

    assert add(data_dir, file) == status
    assert capsys.readouterr().err == f"{data_dir}/state.db: {said}\n"


@pytest.mark.parametrize("name", ["labels.xlsx", "nowhere.csv"])
def test_what_cannot_be_read_is_wrong_usage(
    data_dir: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(data_dir, tmp_path / name) == 2
    assert str(tmp_path / name) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "octets"), [("labels.parquet", b"PAR1 not PAR1"), ("labels.csv", b"request_id\n\xff\n")]
)
def test_a_broken_file_is_wrong_usage(
    data_dir: Path, tmp_path: Path, name: str, octets: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(octets)

    assert add(data_dir, tmp_path / name) == 2
    assert str(tmp_path / name) in capsys.readouterr().err


def test_a_state_that_is_lost_is_not_begun_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "000000000001.parquet").touch()
    (file := tmp_path / "labels.csv").write_text("request_id,value\nr1,yes\n")

    assert add(tmp_path, file) == 2
    assert "is gone, and 1 files lie in" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from store_samples import keep_rows, opened

from sidecar import DEADLINE_S, until
from watchtower.commands import query
from watchtower.store.fault import StoreError
from watchtower.store.files import FOLDER

Run = Callable[..., int]
BOTH = 'select request_id, "in.a" as a from rows order by 1'
# Rows enough to be printed, and then none any more.
ENDLESS = "select i from range(1000000000000000) t(i) where i < 20000 or hash(i) = 5"

WITHOUT_PANDAS = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
from watchtower.cli import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def started(data_dir: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "watchtower", "query", "--data-dir", str(data_dir), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command, beside a store of two rows."""
    with opened(tmp_path) as store:
        keep_rows(store, 1, 2, in_a=[1.5, None])

    def _run(*arguments: str) -> int:
        parser = argparse.ArgumentParser(allow_abbrev=False)
        query.add_arguments(parser)
        return query.main(parser.parse_args(["--data-dir", str(tmp_path), *arguments]))

    return _run


def test_a_table_is_printed_with_its_numbers_to_the_right(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(BOTH)

    assert status == 0
    assert capsys.readouterr().out == "request_id    a\n──────────  ───\n1           1.5\n2\n"


def test_json_is_one_object_a_row(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", BOTH)
    lines = capsys.readouterr().out.splitlines()

    assert [json.loads(line) for line in lines] == [{"request_id": "1", "a": 1.5}, {"request_id": "2", "a": None}]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("sum(2::bigint)", "2"),
        ("900719925474099300000000000000000001::hugeint", "900719925474099300000000000000000001"),
        ("1.10::decimal(9, 2)", "1.10"),
        ("[sum(2::bigint)]", "[2]"),
        ("'2'", '"2"'),
    ],
)
def test_a_number_of_any_size_is_a_number_in_json(
    value: str, shown: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--json", f"select {value} as v")

    assert capsys.readouterr().out == f'{{"v":{shown}}}\n'


@pytest.mark.parametrize(
    "value", ["md5_number('a')", "[1::uhugeint]", "'101'::bit", "timetz '03:04:05+02'", "1::bignum"]
)
def test_what_would_be_given_as_something_else_is_refused(
    value: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json", f"select {value} as v") == 2
    assert capsys.readouterr().err.endswith("cannot be given as it is: cast it to VARCHAR\n")


def test_a_length_of_time_is_the_same_text_in_json_and_csv(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", "select interval '1 day 90 seconds' as v union all select null")
    run("--csv", "select interval '1 day 90 seconds' as v")

    assert capsys.readouterr().out == '{"v":"1d 90s"}\n{"v":null}\nv\n1d 90s\n'


def test_what_parquet_cannot_hold_is_the_askers_mistake(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.parquet"

    assert run("--parquet", str(path), "select interval 90 second as v") == 2
    assert capsys.readouterr().err.startswith("Parquet has no such column, cast it to VARCHAR")
    assert [each.name for each in tmp_path.iterdir() if "parquet" in each.name] == []


def test_columns_of_one_name_are_all_in_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", "select 1 as a, 2 as a, 3 as b, 4 as a_1, 5 as a")

    assert json.loads(capsys.readouterr().out) == {"a": 1, "a_2": 2, "b": 3, "a_1": 4, "a_3": 5}


@pytest.mark.parametrize("form", ["--json", "--csv", "--limit=9"])
@pytest.mark.parametrize(
    "value", ["'infinity'::timestamptz", "'infinity'::date", "'0044-03-15 (BC)'::date", "['-infinity'::timestamp]"]
)
def test_a_time_that_cannot_be_shown_is_told(
    value: str, form: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(form, f"select {value} as v")

    assert status == 2
    assert capsys.readouterr().err.endswith("is not of the years 1 to 9999: cast it to VARCHAR\n")


def test_nanoseconds_that_cannot_be_shown_without_pandas_are_told(run: Run, tmp_path: Path) -> None:
    asked = ["query", "--data-dir", str(tmp_path), "select '2026-11-29 12:00:00.123456789'::timestamp_ns as v"]
    told = subprocess.run([sys.executable, "-c", WITHOUT_PANDAS, *asked], check=False, capture_output=True, text=True)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("a time in the answer has nanoseconds")


def test_csv_has_a_header(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--csv", BOTH)

    assert capsys.readouterr().out == "request_id,a\n1,1.5\n2,\n"


def test_parquet_is_written_whole(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.parquet"
    run("--parquet", str(path), BOTH)

    assert pq.read_table(path).to_pydict() == {"request_id": ["1", "2"], "a": [1.5, None]}
    assert capsys.readouterr().err == f"2 rows written to {path}\n"


def test_parquet_that_cannot_be_written_leaves_nothing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        run("--parquet", str(tmp_path / "nowhere/out.parquet"), BOTH)


@pytest.mark.parametrize("sql", ["drop view rows", "selec", "select nothing", "select 1; select 2", ""])
def test_sql_that_is_wrong_or_refused_is_status_2(sql: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(sql)
    told = capsys.readouterr()

    assert (status, told.out, bool(told.err)) == (2, "", True)


def test_what_is_not_shown_is_counted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--limit", "2", "select range as n from range(20000)")
    told = capsys.readouterr()

    assert told.out == "n\n─\n0\n1\n"
    assert told.err == "19,998 more rows; --limit, --csv and --parquet show them\n"


def test_a_plan_is_printed_as_it_is_drawn(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("explain select 1")

    assert capsys.readouterr().out.startswith("╭─ Projection")


def test_what_a_client_sent_cannot_steer_the_terminal(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(r"select chr(27) || '[2J' || chr(10) || repeat('x', 100) as text")
    line = capsys.readouterr().out.splitlines()[2]

    assert (line[:10], line[-1], len(line)) == (r"\x1b[2J\nx", "…", 60)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("true", "true"),
        ("[1, 2]", "[1,2]"),
        ("{'a': 'b'}", '{"a":"b"}'),
        ("'nan'::double", "nan"),
        ("1e300::double", "1e+300"),
        ("timestamptz '2026-01-02 03:04:05Z'", "2026-01-02 03:04:05Z"),
        ("interval 90 second", "90s"),
        ("interval '1 month 2 days'", "1mo 2d"),
        ("1.10::decimal(9, 2)", "1.10"),
        (r"'\xff'::blob", '"/w=="'),
    ],
)
def test_a_value_of_any_type_is_shown(value: str, shown: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(f"select {value} as v")

    assert capsys.readouterr().out.splitlines()[2].strip() == shown


def test_last_opens_only_files_of_that_time(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--last", "1h", "--csv", "select count(*) as n from rows")

    assert capsys.readouterr().out == "n\n0\n"


def test_a_file_that_is_left_out_is_named(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (tmp_path / FOLDER).rglob("*.parquet")
    path.write_bytes(b"")
    run("--csv", "select count(*) as n from rows")
    told = capsys.readouterr()

    assert told.out == "n\n0\n"
    assert told.err == f"left out, for it is damaged or gone: {path.relative_to(tmp_path / FOLDER)}\n"


@pytest.mark.parametrize(
    "arguments",
    [["--last", "1"], ["--limit", "-1"], ["--json", "--csv"], ["--parquet", "."], ["--parquet", "/"], []],
)
def test_wrong_usage_is_status_2(arguments: list[str], run: Run) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments, *([BOTH] if arguments else []))

    assert caught.value.code == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_query_without_an_end_ends_when_it_is_told_to(
    number: signal.Signals, status: int, run: Run, tmp_path: Path
) -> None:
    with started(tmp_path, "--csv", ENDLESS) as process:
        assert process.stdout
        assert process.stderr
        while process.stdout.readline() != b"16000\n":  # soon it looks for another row
            assert process.poll() is None
        process.send_signal(number)

        assert (process.wait(DEADLINE_S), process.stderr.read()) == (status, b"")


def test_a_file_that_is_told_to_end_is_not_left_half_written(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with started(tmp_path, "--parquet", str(folder / "out.parquet"), ENDLESS) as process:
        assert until(lambda: process.poll() is not None or list(folder.iterdir()))
        process.terminate()

        assert (process.wait(DEADLINE_S), list(folder.iterdir())) == (143, [])

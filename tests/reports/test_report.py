"""Pages that Evidently really draws, and what is said when it cannot: the other programs here are small ones of Python's."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from sidecar import DEADLINE_S
from watchtower.reports.report import (
    ReportError,
    ReportFault,
    ReportRequest,
    ReportWritten,
    environment,
    explained,
    write_report,
)
from watchtower.reports.sample import Source, sampled
from watchtower.reports.settings import ReportSettings
from watchtower.table import Kind

HOSTILE = "</script><script>alert(1)</script>"
KINDS = {
    "age": Kind.NUMBER,
    "visits": Kind.INTEGER,
    "account": Kind.INTEGER,
    "city": Kind.CATEGORY,
    "member": Kind.BOOLEAN,
    "comment": Kind.TEXT,
    "seen": Kind.TIMESTAMP,
    "embedding": Kind.VECTOR,
    "never": Kind.NUMBER,
    HOSTILE: Kind.CATEGORY,
    "elsewhere": Kind.NUMBER,
}


def table(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "age": [None, float("inf"), float("nan"), *random.normal(40, 9, rows - 3)],
            "visits": random.poisson(3, rows),
            "account": [123456789012345678] * rows,
            "city": random.choice(["Oslo", "Rome", "Bonn"], rows),
            "member": random.random(rows) < 0.4,
            "comment": ["good" * (place % 7) for place in range(rows)],
            "seen": 1.79e9 + random.random(rows) * 1e5,
            "embedding": [[0.1, 0.2]] * rows,
            "never": pa.nulls(rows),
            HOSTILE: random.choice([HOSTILE, "<b>bold</b>"], rows),
        }
    )


def written(
    tmp_path: Path,
    program: str | None = None,
    settings: ReportSettings | None = None,
    reference: Source | None = None,
    kinds: dict[str, Kind] | None = None,
) -> ReportWritten:
    request = ReportRequest(
        table(400, 1) if reference is None else reference,
        table(300, 2),
        kinds or KINDS,
        "Drift of churn <today>",
        tmp_path / "reports" / "churn.html",
    )
    if program is None:
        return write_report(request, settings or ReportSettings())
    return write_report(request, settings or ReportSettings(), (sys.executable, "-c", program))


def fault(tmp_path: Path, program: str, **settings: float) -> tuple[ReportFault, str]:
    with pytest.raises(ReportError) as caught:
        written(tmp_path, program, ReportSettings(**settings))  # type: ignore[arg-type]
    return caught.value.fault, str(caught.value)


@pytest.mark.slow
def test_evidently_draws_numbers_words_and_lengths_of_texts(tmp_path: Path) -> None:
    found = written(tmp_path)

    page = found.path.read_text(encoding="utf-8")
    assert [name for name in ("age", "visits", "city", "member", "comment (length)") if f'"{name}"' not in page] == []
    assert "<h1>Drift of churn &lt;today&gt;</h1><p>Drawn from 300 rows against 400 rows of the baseline." in page
    assert HOSTILE not in page
    assert "<b>bold" not in page
    assert found.left_out == {
        "account": "its numbers are too large, or too close together, for a histogram",
        "seen": "a timestamp is not drawn",
        "embedding": "a vector is not drawn",
        "never": "one side has no values",
        "elsewhere": "one side does not have it",
    }
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["churn.html"]


# The last argument is the description; what a page would be goes where it says.
COPYING = "import json, sys; d = json.load(open(sys.argv[1])); open(d['output'], 'w').write(json.dumps(d))"


@pytest.mark.slow
def test_the_page_replaces_the_one_before_in_one_step(tmp_path: Path) -> None:
    page = tmp_path / "reports" / "churn.html"
    page.parent.mkdir()
    page.write_text("old")

    written(tmp_path, COPYING)

    assert page.read_text().startswith('{"reference"')


@pytest.mark.slow
def test_a_report_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "reports" / "churn.html"
    page.parent.mkdir()
    page.write_text("old")

    assert fault(tmp_path, "raise ValueError('no luck')") == (
        ReportFault.FAILED,
        "Evidently could not draw the report: ValueError: no luck",
    )
    assert [(path.name, path.read_text()) for path in page.parent.iterdir()] == [("churn.html", "old")]


@pytest.mark.slow
def test_a_report_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    found = fault(tmp_path, "import signal; signal.pause()", deadline=1.0)

    assert found == (ReportFault.TIMED_OUT, "the report was not done within 1 s; fewer rows or columns take less")


@pytest.mark.slow
def test_a_report_that_takes_too_much_memory_is_refused_it(tmp_path: Path) -> None:
    kind, message = fault(tmp_path, "bytearray(1 << 30)", max_memory=1 << 29)

    assert (kind, message) == (
        ReportFault.OUT_OF_MEMORY,
        "the report needs more memory than reports.max_memory: MemoryError",
    )


STARTING = (
    "import os, subprocess, sys;"
    "subprocess.run([sys.executable, '-m', 'watchtower.reports.limited', str(os.getpid()), str(1 << 30), '60', *sys.argv[1:]])"
)
PAUSING = "import os, signal; print(os.getpid(), flush=True); signal.pause()"


@pytest.mark.slow
def test_what_draws_ends_with_the_process_that_started_it() -> None:
    command = [sys.executable, "-c", STARTING, sys.executable, "-c", PAUSING]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        drawing = int(starting.stdout.readline())
        starting.kill()
        try:
            rest, _ = starting.communicate(timeout=DEADLINE_S)  # what draws has the other end
        finally:
            with suppress(ProcessLookupError):
                os.kill(drawing, signal.SIGKILL)

    assert rest == b""


@pytest.mark.slow
def test_what_draws_does_not_begin_when_the_process_that_started_it_has_ended() -> None:
    nobody = "0"
    program = [sys.executable, "-c", "print('drawn')"]
    command = [sys.executable, "-m", "watchtower.reports.limited", nobody, str(1 << 30), "60", *program]

    assert subprocess.run(command, capture_output=True, check=False).stdout == b""


@pytest.mark.slow
def test_a_program_that_writes_nothing_is_told_of(tmp_path: Path) -> None:
    assert fault(tmp_path, "")[0] is ReportFault.FAILED


def test_secrets_of_the_environment_are_not_passed_on(tmp_path: Path) -> None:
    found = environment({"WATCHTOWER_ADMIN_TOKEN": "hush", "PATH": "/bin", "HOME": "/root"}, tmp_path)

    assert (found["PATH"], found["HOME"], found["DO_NOT_TRACK"]) == ("/bin", str(tmp_path), "1")
    assert "hush" not in found.values()


def test_without_the_extra_it_says_how_to_get_it() -> None:
    found = explained(1, "Traceback…\nModuleNotFoundError: No module named 'evidently'\n")

    assert (found.fault, str(found)) == (
        ReportFault.NOT_INSTALLED,
        "reports need the extra: pip install 'watchtower-sidecar[reports]'",
    )


def test_a_process_that_was_killed_says_by_what() -> None:
    assert str(explained(-9, "")) == "the report's process was ended by SIGKILL: it said nothing"


@pytest.mark.slow
def test_columns_beyond_the_limit_are_named(tmp_path: Path) -> None:
    settings = ReportSettings(max_columns=2)

    found = written(
        tmp_path, COPYING, settings, kinds={"age": Kind.NUMBER, "visits": Kind.INTEGER, "city": Kind.CATEGORY}
    )

    assert (found.columns, found.left_out) == (("age", "visits"), {"city": "only 2 columns are drawn"})


@pytest.mark.slow
def test_values_that_are_not_of_their_kind_are_left_out(tmp_path: Path) -> None:
    found = written(tmp_path, COPYING, kinds={"age": Kind.NUMBER, "city": Kind.NUMBER})

    assert found.left_out == {"city": "its values are not of the kind number"}


@pytest.mark.parametrize(
    ("kinds", "reference", "expected"),
    [
        ({"elsewhere": Kind.NUMBER}, table(10, 1), ReportFault.NO_COLUMNS),
        ({"never": Kind.NUMBER}, table(10, 1), ReportFault.NO_COLUMNS),
        ({"age": Kind.NUMBER}, table(10, 1).slice(0, 0), ReportFault.NO_ROWS),
        ({"age": Kind.NUMBER}, Path("/nowhere/reference.parquet"), ReportFault.UNREADABLE),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_any_process_is_started(
    tmp_path: Path, kinds: dict[str, Kind], reference: Source, expected: ReportFault
) -> None:
    with pytest.raises(ReportError) as caught:
        written(tmp_path, "", reference=reference, kinds=kinds)

    assert caught.value.fault is expected


def test_a_file_is_sampled_as_a_table_is(tmp_path: Path) -> None:
    rows = pa.table({"place": range(30_000), "other": range(30_000)})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=7_000)

    found = sampled(tmp_path / "rows.parquet", ["place"], 500, seed=1)

    assert found == sampled(rows, ["place"], 500, seed=1)
    assert (found.num_rows, found.column_names) == (500, ["place"])
    assert np.mean(found["place"]) == pytest.approx(15_000, abs=1_500)


def test_fewer_rows_than_the_bound_are_all_taken() -> None:
    rows = pa.table({"place": [1, 2, 3]})

    assert sampled(rows, ["place"], 500, seed=1) == rows

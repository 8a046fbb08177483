"""An Evidently page of a window against the baseline's sample: what may be slow and large happens in another process."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Final

import msgspec
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from watchtower.errors import WatchtowerError
from watchtower.record import Word
from watchtower.reports.columns import Drawn, Prepared, harmless, prepared
from watchtower.reports.description import Description
from watchtower.reports.folder import UNFINISHED
from watchtower.reports.sample import Source, names_of, sampled
from watchtower.reports.settings import ReportSettings
from watchtower.table import Kind

EVIDENTLY: Final = (sys.executable, "-P", "-W", "ignore", "-m", "watchtower.reports.evidently_report")
_MOST_STDERR: Final = 64 * 1024
_MOST_NAMED: Final = 10
_LOOK_S: Final = 0.1  # at the drawing process
# What a process says that found no memory: Python, numpy, the loader of shared objects, C++.
_NO_MEMORY: Final = (
    "MemoryError",
    "Unable to allocate",
    "Cannot allocate memory",
    "failed to map segment",
    "bad_alloc",
)
# Nothing else of our environment is passed on: it holds tokens.
_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TZ")


class ReportFault(Word):
    NOT_INSTALLED = "not_installed"
    NO_BASELINE = "no_baseline"  # in force, or none that keeps rows
    NO_ROWS = "no_rows"
    NO_COLUMNS = "no_columns"  # none that both sides have, and that can be drawn
    UNREADABLE = "unreadable"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    STOPPED = "stopped"  # by whoever asked for it
    FAILED = "failed"


class ReportError(WatchtowerError):
    """A report that was not written, and why; the page that stood there before still stands."""

    def __init__(self, fault: ReportFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class ReportRequest:
    reference: Source  # a table in memory, or the path of a Parquet file
    current: Source
    kinds: Mapping[str, Kind]  # of the columns to be drawn
    title: str
    output: Path
    seed: int = 0  # of the samples: the same request gives the same page


@dataclass(frozen=True, slots=True)
class ReportWritten:
    path: Path
    columns: tuple[str, ...]  # as they are named on the page
    left_out: Mapping[str, str]  # reason by column
    reference_rows: int
    current_rows: int


def is_installed() -> bool:
    """Whether the extra is there; to find it is not to import it."""
    return all(find_spec(name) is not None for name in ("evidently", "pandas"))


def write_report(
    request: ReportRequest,
    settings: ReportSettings,
    program: Sequence[str] = EVIDENTLY,
    over: Event | None = None,
) -> ReportWritten:
    """Blocks until the page stands complete at its path, or raises ReportError; seconds, `settings.deadline` at most.

    Once `over` is set nobody waits for it any more: it is given up, and its process ended.
    """
    found = _prepared(request, settings)
    try:
        request.output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Beside the page's place, so that it can be moved there in one step.
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=request.output.parent) as name:
            page = _drawn(found, request.title, Path(name).resolve(), settings, program, over or Event())
            with page.open("rb") as file:
                os.fsync(file.fileno())
            page.replace(request.output)
    except OSError as error:
        raise ReportError(
            ReportFault.FAILED, f"the report cannot be kept at {request.output}: {error.strerror}"
        ) from error
    return ReportWritten(
        request.output, tuple(found.drawn), found.left_out, found.reference.num_rows, found.current.num_rows
    )


def _prepared(request: ReportRequest, settings: ReportSettings) -> Prepared:
    try:
        sides = [names_of(request.reference), names_of(request.current)]
        left_out = {
            name: "one side does not have it" for name in request.kinds if any(name not in side for side in sides)
        }
        shared = [name for name in request.kinds if name not in left_out]
        left_out |= dict.fromkeys(shared[settings.max_columns :], f"only {settings.max_columns} columns are drawn")
        shared = shared[: settings.max_columns]
        reference = sampled(request.reference, shared, settings.max_rows, request.seed)
        current = sampled(request.current, shared, settings.max_rows, request.seed + 1)
    except (OSError, ValueError) as error:  # Arrow's errors are ValueErrors
        raise ReportError(ReportFault.UNREADABLE, f"the rows cannot be read: {error}") from error
    found = prepared(reference, current, {name: request.kinds[name] for name in shared})
    found.left_out.update(left_out)
    if shared and not (reference.num_rows and current.num_rows):
        raise ReportError(ReportFault.NO_ROWS, "one of the two sides has no rows")
    if not found.drawn:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(found.left_out.items())[:_MOST_NAMED])
        raise ReportError(ReportFault.NO_COLUMNS, f"no column can be drawn ({reasons or 'none was asked for'})")
    return found


def notes(found: Prepared) -> tuple[str, ...]:
    sizes = f"{found.current.num_rows} rows against {found.reference.num_rows} rows of the baseline"
    tests = "Evidently's own tests at its own thresholds; their rate of false alarms is not the one that was asked for"
    said = [f"Drawn from {sizes}. The verdicts on this page are {tests}."]
    if found.left_out:
        named = list(found.left_out.items())[:_MOST_NAMED]
        more = len(found.left_out) - len(named)
        reasons = "; ".join(f"{name}: {why}" for name, why in named)
        said.append(f"Left out: {reasons}{f'; and {more} more' * bool(more)}.")
    return tuple(harmless(note) for note in said)


def _drawn(
    found: Prepared, title: str, folder: Path, settings: ReportSettings, program: Sequence[str], over: Event
) -> Path:
    by_drawn = {drawn: tuple(name for name, each in found.drawn.items() if each is drawn) for drawn in Drawn}
    page, described = folder / "report.html", folder / "description.json"
    description = Description(
        reference=str(folder / "reference.parquet"),
        current=str(folder / "current.parquet"),
        output=str(page),
        title=title,
        notes=notes(found),
        numerical=by_drawn[Drawn.NUMERICAL],
        categorical=by_drawn[Drawn.CATEGORICAL],
    )
    pq.write_table(found.reference, description.reference)
    pq.write_table(found.current, description.current)
    described.write_bytes(msgspec.json.encode(description))
    _run([*program, str(described)], folder, settings, over)
    return page


def _run(program: Sequence[str], folder: Path, settings: ReportSettings, over: Event) -> None:
    bounds = (str(os.getpid()), str(settings.max_memory), str(max(1, round(settings.deadline))))
    command = (sys.executable, "-P", "-m", "watchtower.reports.limited", *bounds, *program)
    said = folder / "stderr"
    with said.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603  our own program, no shell
            command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment(os.environ, folder)
        )
    try:
        status = _status(process, settings.deadline, over)
    finally:
        # Also when it is us who are interrupted: nobody else knows of it.
        process.kill()
        process.wait()
    if status is None and over.is_set():
        raise ReportError(ReportFault.STOPPED, "the report was given up")
    if status is None:
        message = f"the report was not done within {settings.deadline:g} s; fewer rows or columns take less"
        raise ReportError(ReportFault.TIMED_OUT, message)
    if status:
        with said.open("rb") as stderr:
            stderr.seek(max(0, said.stat().st_size - _MOST_STDERR))
            raise explained(status, stderr.read().decode(errors="replace"))


def _status(process: subprocess.Popen[bytes], deadline: float, over: Event) -> int | None:
    """Nothing, when it did not end in time."""
    ends_at = time.monotonic() + deadline
    while process.poll() is None and time.monotonic() < ends_at and not over.wait(_LOOK_S):
        pass
    return process.poll()


def environment(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    kept = {name: given[name] for name in _PASSED_ON if name in given}
    # It calls nobody, writes nowhere else, and takes one thread: with one for each core, the memory is what the core count says.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    homes = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(folder))
    return {**kept, **threads, **homes, "DO_NOT_TRACK": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}


def explained(status: int, stderr: str) -> ReportError:
    """What a drawing process that failed died of, for a person."""
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "it said nothing")[:500]
    if any(sign in stderr for sign in _NO_MEMORY):
        return ReportError(ReportFault.OUT_OF_MEMORY, f"the report needs more memory than reports.max_memory: {last}")
    if "No module named 'evidently'" in stderr or "No module named 'pandas'" in stderr:
        message = "reports need the extra: pip install 'watchtower-sidecar[reports]'"
        return ReportError(ReportFault.NOT_INSTALLED, message)
    if status < 0:
        return ReportError(
            ReportFault.FAILED, f"the report's process was ended by {signal.Signals(-status).name}: {last}"
        )
    return ReportError(ReportFault.FAILED, f"Evidently could not draw the report: {last}")

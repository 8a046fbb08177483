"""The detectors of rows as a whole: false alarms, and rows until an embedding's or a correlation's change is told."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from benchmarks.alarm_columns import Floats
from benchmarks.process import note
from benchmarks.report import Claim, Part, Table
from watchtower.drift.multivariate import JointDetector, JointSettings
from watchtower.drift.witnesses import JointReference

_SETTINGS: Final = JointSettings()
_REFERENCES: Final = (1_000, 5_000)  # rows of the sample that is kept
_ROWS: Final = 50
_PATIENCE: Final = 20_000
_SIZE: Final = 64
_COLUMNS: Final = 10
_MIX: Final = np.random.default_rng(0).normal(size=(_SIZE, _SIZE)) / np.sqrt(_SIZE)
_TOWARDS: Final = np.random.default_rng(1).normal(size=_SIZE) / np.sqrt(_SIZE)

Draw = Callable[[np.random.Generator, int], Floats]


def embedding(shift: float = 0.0, scale: float = 1.0) -> Draw:
    """64 numbers that depend on each other; the shift is spread over all of them, and its length is in σ of one."""
    return lambda rng, rows: scale * rng.normal(size=(rows, _SIZE)) @ _MIX + shift * _TOWARDS


def columns(correlation: float = 0.0) -> Draw:
    """Ten normal columns, whose margins stay while the first two begin to go together."""

    def draw(rng: np.random.Generator, rows: int) -> Floats:
        drawn = rng.normal(size=(rows, _COLUMNS))
        drawn[:, 1] = correlation * drawn[:, 0] + np.sqrt(1 - correlation**2) * drawn[:, 1]
        return drawn

    return draw


@dataclass(frozen=True, slots=True)
class Quiet:
    what: str
    reference: int
    windows: int
    alarms: int
    evidence: float
    ms: float


@dataclass(frozen=True, slots=True)
class Delay:
    change: str
    reference: int
    rows: list[float]
    labels: list[str]


_UNCHANGED: Final = {"embedding of 64": embedding(), "ten columns together": columns()}
_CHANGES: Final[dict[str, tuple[Draw, Draw]]] = {
    "embedding, shift of length 0.5": (embedding(), embedding(shift=0.5)),
    "embedding, shift of length 1": (embedding(), embedding(shift=1.0)),
    "embedding, spread × 1.1": (embedding(), embedding(scale=1.1)),
    "correlation 0 → 0.3": (columns(), columns(0.3)),
    "correlation 0 → 0.5": (columns(), columns(0.5)),
}


def measure(windows: int, repeats: int) -> Part:
    quiet = [_quiet(what, draw, rows, windows) for what, draw in _UNCHANGED.items() for rows in _REFERENCES]
    delays = [_delay(name, *draws, rows, repeats) for name, draws in _CHANGES.items() for rows in _REFERENCES]
    worst = max(10_000 * each.alarms / each.windows for each in quiet)
    claim = Claim("false alarms in 10,000 windows of rows together", (worst,), 1.0)
    numbers = {"together": [asdict(each) for each in quiet], "together_delays": [asdict(each) for each in delays]}
    return Part([_quiet_table(quiet), _delay_table(delays)], [claim], numbers)


def _detector(usual: Draw, rng: np.random.Generator, rows: int) -> JointDetector:
    sample = usual(rng, rows)
    if sample.shape[1] == _SIZE:
        return JointDetector("embedding", JointReference.of_vectors("embedding", sample), _SETTINGS)
    names = tuple(f"c{index}" for index in range(_COLUMNS))
    return JointDetector("columns together", JointReference.of_columns(names, sample), _SETTINGS)


def _quiet(what: str, usual: Draw, reference: int, windows: int) -> Quiet:
    """Of four references, each with so many windows."""
    note(f"alarms: {what}, sample of {reference:,}")
    rng = np.random.default_rng(reference)
    alarms, most, seconds = 0, 0.0, 0.0
    for _ in range(4):
        detector = _detector(usual, rng, reference)
        for now in range(windows):
            rows = usual(rng, _ROWS)
            began = time.process_time()
            alarms += len(detector.observe(now, rows))
            seconds += time.process_time() - began
            most = max(most, detector.evidence)
    return Quiet(what, reference, 4 * windows, alarms, most, 1000 * seconds / (4 * windows))


def _delay(name: str, usual: Draw, changed: Draw, reference: int, repeats: int) -> Delay:
    note(f"alarms: {name}, sample of {reference:,}")
    delays, labels = [], set()
    for repeat in range(repeats):
        rng = np.random.default_rng(1000 * repeat + reference)
        detector = _detector(usual, rng, reference)
        for now in range(-1_000, 0, _ROWS):
            detector.observe(now, usual(rng, _ROWS))
        told = (event for now in range(0, _PATIENCE, _ROWS) for event in detector.observe(now, changed(rng, _ROWS)))
        if next(told, None) and detector.alarm:
            delays.append(float(detector.alarm.detected_ns + _ROWS))
            labels.add(detector.alarm.label)
        else:
            delays.append(np.inf)
    return Delay(name, reference, delays, sorted(labels))


def _quiet_table(cells: Sequence[Quiet]) -> Table:
    header = ("unchanged", "sample", "window", "windows", "false alarms", "most evidence (alarm at)", "ms a window")
    threshold = np.log10(_SETTINGS.windows_between_false_alarms)
    return Table(
        "False alarms of rows together",
        header,
        [
            (
                each.what, f"{each.reference:,}", str(_ROWS), f"{each.windows:,}", str(each.alarms),
                f"10^{each.evidence:.1f} (10^{threshold:.1f})", f"{each.ms:.2f}",
            )
            for each in cells
        ],
    )  # fmt: skip


def _delay_table(delays: Sequence[Delay]) -> Table:
    header = ("change", "sample", "found", "rows, median", "rows, 90 %", "told as")
    return Table("Rows until a change of rows together is told", header, [_delay_row(each) for each in delays])


def _delay_row(delay: Delay) -> tuple[str, ...]:
    found = sum(np.isfinite(delay.rows))
    median, late = (np.quantile(delay.rows, share, method="higher") for share in (0.5, 0.9))
    shown = [f"{each:,.0f}" if np.isfinite(each) else f"over {_PATIENCE:,}" for each in (median, late)]
    labels = delay.labels[0] if len(delay.labels) == 1 else f"{len(delay.labels)} features"
    return delay.change, f"{delay.reference:,}", f"{found} of {len(delay.rows)}", *shown, labels

"""How often the drift detectors cry wolf, and how late they see one: the promise of `watchtower/drift`, measured.

Every reference is really drawn, and stays while windows go by: what an unlucky one does to the windows after it counts.
Windows are drawn as counts per bin, from the exact chances of the bins, so that there can be enough of them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import alarms_of_peers, alarms_together
from benchmarks.alarm_columns import (
    NORMAL,
    NORMAL_COLUMN,
    WORDS_COLUMN,
    Floats,
    Numbers,
    Source,
    Words,
    columns,
    moved,
    window_sizes,
)
from benchmarks.pace import Pace
from benchmarks.peers import Peer
from benchmarks.process import note
from benchmarks.report import Claim, Part, Table
from watchtower.drift.bins import Bins
from watchtower.drift.panel import Alarm, AllClear, Panel
from watchtower.drift.reference import DetectionSettings, Reference
from watchtower.drift.values import Values
from watchtower.table import Kind

REFERENCES: Final = (1_000, 5_000, 50_000)
WINDOWS: Final = (50, 200, 1_000, None)  # rows; None is of all sizes
_SETTINGS: Final = DetectionSettings()
_DRAWN: Final = 4  # references for each cell
_ROWS: Final = 50  # of the windows in which delays are measured
_PATIENCE: Final = 20_000  # rows
_RAMP: Final = 20_000  # rows in which the mean moves by one standard deviation

Chances = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Watched:
    """A panel on a reference that was drawn, and the chances of its bins under any change of a column."""

    panel: Panel
    bins: Mapping[str, Bins]

    @classmethod
    def of(cls, sources: Mapping[str, Source], rows: int, rng: np.random.Generator) -> "Watched":
        bins, counts = {}, {}
        for name, source in sources.items():
            values = _values(source, rng, rows)
            is_number = isinstance(source, Numbers)
            bins[name] = (
                Bins.of_numbers(Kind.NUMBER, values.numbers)
                if is_number
                else Bins.of_words(Kind.CATEGORY, values.words)
            )
            counts[name] = bins[name].counts(values)
        return cls(Panel(Reference.of(bins, counts, _SETTINGS), _SETTINGS), bins)

    def chances(self, name: str, source: Source, missing: float = 0.0) -> Floats:
        """Of every slot of the column."""
        known = source.chances(self.bins[name].cuts) if isinstance(source, Numbers) else self._of_words(name, source)
        return np.concatenate([known * (1 - missing), [0.0, missing]])

    def all_chances(self, sources: Mapping[str, Source]) -> dict[str, Floats]:
        return {name: self.chances(name, source) for name, source in sources.items()}

    def _of_words(self, name: str, source: Words) -> Floats:
        """Of each word of the reference, of others, and of those that it happens not to have."""
        shares = dict(zip(source.names, source.shares.tolist(), strict=True))
        named = [shares[word] for word in self.bins[name].words]
        others = sum(shares[word] for word in self.bins[name].known)
        return np.array([*named, others, max(1.0 - sum(named) - others, 0.0)])


def _values(source: Source, rng: np.random.Generator, rows: int) -> Values:
    if isinstance(source, Numbers):
        return Values.of_array(Kind.NUMBER, source.sample(rng, rows))
    return Values.of(Kind.CATEGORY, source.sample(rng, rows))


@dataclass(frozen=True, slots=True)
class Quiet:
    """A cell of the table of false alarms."""

    reference: int
    rows: int | None
    data: str
    windows: int
    alarms: int
    evidence: float  # the most that any column had, as a decimal logarithm
    threshold: float
    ms: float  # for a window of all columns
    is_promised: bool = True


def measure(pace: Pace, _: Sequence[Peer], folder: Path) -> Part:
    is_quick = pace.rounds == 1
    windows, repeats = (400, 5) if is_quick else (10_000, 41)
    unchanged, tolerated = columns(), {name: moved(each, _SETTINGS.tolerance) for name, each in columns().items()}
    quiet = [
        _quiet(reference, rows, "unchanged", unchanged, windows) for reference in REFERENCES for rows in WINDOWS
    ] + [_quiet(reference, 200, "normals moved by 0.05 σ", tolerated, windows) for reference in REFERENCES]
    quiet += [_quiet(5_000, 200, f"every row {copies} times", unchanged, windows, copies) for copies in (2, 5, 20)]
    delays = [_delay(name, change, rows, repeats) for name, change in CHANGES.items() for rows in REFERENCES]
    clears = [_clearing(rows, repeats) for rows in REFERENCES]
    together = alarms_together.measure(windows, 3 if is_quick else 11)
    peers = alarms_of_peers.run(2 if is_quick else 25, folder)
    tables = [_quiet_table(quiet), _delay_table([*delays, *clears]), *together.tables, alarms_of_peers.table(peers)]
    numbers = {"quiet": [asdict(each) for each in quiet], "delays": [asdict(each) for each in delays + clears]}
    return Part(tables, [*_claims(quiet, delays), *together.claims], {**numbers, "peers": peers, **together.numbers})


def _quiet(
    reference: int, rows: int | None, data: str, sources: Mapping[str, Source], windows: int, copies: int = 1
) -> Quiet:
    """With copies of a row in its window, as retries would be: they are not independent, and nothing is promised."""
    note(f"alarms: {data}, reference of {reference:,}, windows of {rows or 'all sizes'}")
    rng = np.random.default_rng(reference + (rows or 0))
    alarms, most, seconds, threshold = 0, 0.0, 0.0, 0.0
    for _ in range(_DRAWN):
        watched = Watched.of(columns(), reference, rng)
        threshold = watched.panel.threshold
        stream = list(_drawn(rng, watched.all_chances(sources), rows, windows, copies))
        began = time.process_time()
        for now, counts in enumerate(stream):
            alarms += sum(isinstance(event, Alarm) for event in watched.panel.observe(now, counts))
            if now % 100 == 0:
                most = max(most, *watched.panel.evidence().values())
        seconds += time.process_time() - began
    number = _DRAWN * windows
    return Quiet(reference, rows, data, number, alarms, most, threshold, 1000 * seconds / number, copies == 1)


def _drawn(
    rng: np.random.Generator, chances: Chances, rows: int | None, windows: int, copies: int
) -> Iterator[Mapping[str, NDArray[np.int64]]]:
    sizes = np.array(list(window_sizes(rng, rows, windows)))
    drawn = {name: copies * rng.multinomial(sizes // copies, each) for name, each in chances.items()}
    for now in range(windows):
        yield {name: each[now] for name, each in drawn.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """Of one column, by how many rows have passed since it began."""

    column: str
    chances: Callable[[Watched, int], Floats]


def _number(shift: float = 0.0, scale: float = 1.0, missing: float = 0.0) -> Change:
    source = Numbers(NORMAL.draw, NORMAL.chance_below, shift, scale)
    return Change(NORMAL_COLUMN, lambda watched, _: watched.chances(NORMAL_COLUMN, source, missing))


def _words(*shares: float) -> Change:
    """The fourth word is one that the reference has not."""
    return Change(WORDS_COLUMN, lambda watched, _: watched.chances(WORDS_COLUMN, Words(np.array(shares))))


def _ramp(watched: Watched, passed: int) -> Floats:
    source = Numbers(NORMAL.draw, NORMAL.chance_below, min(passed / _RAMP, 1.0))
    return watched.chances(NORMAL_COLUMN, source)


CHANGES: Final = {
    "shift by 0.5 σ": _number(shift=0.5),
    "shift by 0.25 σ": _number(shift=0.25),
    "shift by 1 σ": _number(shift=1.0),
    "scale × 1.5": _number(scale=1.5),
    "scale × 0.67": _number(scale=0.67),
    "ramp of 1 σ in 20,000 rows": Change(NORMAL_COLUMN, _ramp),
    "missing, 2 %": _number(missing=0.02),
    "missing, 5 %": _number(missing=0.05),
    "new category, 2 %": _words(0.588, 0.294, 0.098, 0.02),
    "new category, 5 %": _words(0.57, 0.285, 0.095, 0.05),
    "category 10 % → 20 %": _words(0.55, 0.25, 0.2),
}


@dataclass(frozen=True, slots=True)
class Delay:
    change: str
    reference: int
    rows: list[int | None]  # until it was told; None within the patience
    ways: list[str]

    def quantile(self, share: float) -> float:
        late = [np.inf if each is None else float(each) for each in self.rows]
        return float(np.quantile(late, share, method="higher"))


def _delay(name: str, change: Change, reference: int, repeats: int) -> Delay:
    note(f"alarms: {name}, reference of {reference:,}")
    delays: list[int | None] = []
    ways: set[str] = set()
    for repeat in range(repeats):
        rng = np.random.default_rng(1000 * repeat + reference)
        watched = Watched.of(columns(), reference, rng)
        usual = watched.all_chances(columns())
        events = (
            _told(watched, rng, usual | {change.column: change.chances(watched, passed)}, passed, change.column)
            for passed in range(0, _PATIENCE, _ROWS)
        )
        alarm = next((event for event in events if isinstance(event, Alarm)), None)
        delays.append(alarm.detected_ns + _ROWS if alarm else None)
        ways |= {alarm.way} if alarm else set()
    return Delay(name, reference, delays, sorted(ways))


def _told(
    watched: Watched, rng: np.random.Generator, chances: Chances, passed: int, column: str
) -> Alarm | AllClear | None:
    """The window's event of this column, dated in rows."""
    counts = {name: rng.multinomial(_ROWS, each) for name, each in chances.items()}
    return next((event for event in watched.panel.observe(passed, counts) if event.column == column), None)


def _clearing(reference: int, repeats: int) -> Delay:
    """From the return of a column that was off by half a standard deviation for 2,000 rows."""
    delays: list[int | None] = []
    for repeat in range(repeats):
        rng = np.random.default_rng(1000 * repeat + reference)
        watched = Watched.of(columns(), reference, rng)
        usual = watched.all_chances(columns())
        off = usual | {NORMAL_COLUMN: CHANGES["shift by 0.5 σ"].chances(watched, 0)}
        for passed in range(-2_000, 0, _ROWS):
            _told(watched, rng, off, passed, NORMAL_COLUMN)
        events = ((passed, _told(watched, rng, usual, passed, NORMAL_COLUMN)) for passed in range(0, _PATIENCE, _ROWS))
        delays.append(next((passed + _ROWS for passed, event in events if isinstance(event, AllClear)), None))
    return Delay("all clear after 0.5 σ", reference, delays, [])


def _quiet_table(cells: Sequence[Quiet]) -> Table:
    header = ("30 columns", "reference", "window", "windows", "false alarms", "most evidence (alarm at)", "ms a window")
    return Table(
        "False alarms",
        header,
        [
            (
                cell.data, f"{cell.reference:,}", f"{cell.rows:,}" if cell.rows else "1 to 1,000", f"{cell.windows:,}",
                str(cell.alarms), f"10^{cell.evidence:.1f} (10^{cell.threshold:.1f})", f"{cell.ms:.2f}",
            )
            for cell in cells
        ],
    )  # fmt: skip


def _delay_table(delays: Sequence[Delay]) -> Table:
    header = ("change of one column in 30", "reference", "found", "rows, median", "rows, 90 %", "told as")
    return Table("Rows until a change is told", header, [_delay_row(each) for each in delays])


def _delay_row(delay: Delay) -> tuple[str, ...]:
    found = sum(each is not None for each in delay.rows)
    median, late = (f"{delay.quantile(share):,.0f}".replace("inf", f"over {_PATIENCE:,}") for share in (0.5, 0.9))
    return delay.change, f"{delay.reference:,}", f"{found} of {len(delay.rows)}", median, late, ", ".join(delay.ways)


def _claims(quiet: Sequence[Quiet], delays: Sequence[Delay]) -> list[Claim]:
    found = {(each.change, each.reference): each.quantile(0.5) for each in delays}
    worst = tuple(10_000 * cell.alarms / cell.windows for cell in quiet if cell.is_promised)
    return [
        Claim("false alarms in 10,000 windows, the worst cell", (max(worst),), 1.0),
        Claim("rows until 0.5 σ is told, reference of 5,000", (found["shift by 0.5 σ", 5_000],), 500.0),
        Claim("rows until 0.25 σ is told, reference of 5,000", (found["shift by 0.25 σ", 5_000],), 3_000.0),
        Claim("ms for a window of 30 columns", tuple(cell.ms for cell in quiet), 1.0),
    ]

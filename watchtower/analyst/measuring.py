"""One endpoint's answers held against their labels: by who answered, whole and by segment, beside what was estimated.

Labels reach this once each, joined with the primary's and the shadows' rows. Until there are enough of them to say which
task it is, they are kept as they came, and what is shown of them is provisional.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from watchtower.analyst.estimating import Estimating, Labelled
from watchtower.analyst.frames import Frame
from watchtower.analyst.label_coverage import PeriodCoverage
from watchtower.analyst.label_join import A_FEW, Choice, Joined, Reading, Row, choose, decide, joined
from watchtower.analyst.rolling import Rolling
from watchtower.clock import SECOND
from watchtower.performance.classification import Classification
from watchtower.performance.labels import Label
from watchtower.performance.numbers import number
from watchtower.performance.regression import Regression
from watchtower.performance.settings import PerformanceSettings, Task
from watchtower.record import Exchange, Role
from watchtower.store.schemas import INPUT, OUTPUT
from watchtower.table import Table

VERSION: Final = 1
# Whole numbers of few values may be classes or counts; a few hundred rows tell most of them apart.
DECIDED_BY: Final = 200
HEADER: Final = "header:"  # before the name, where a segment is told by a header
UNKNOWN: Final = "unknown"
# A header may have 32 kB, and a request 100,000 rows, in each of which it stands.
_LONGEST: Final = 256
OTHERS: Final = "other values"

logger = logging.getLogger(__name__)

Key = tuple[str, str | None]  # who, and `column=value` of a segment
Answer = TypeVar("Answer", Row, Joined)


class Measured:
    """What is summed, once it is known how to read the answers."""

    def __init__(self, reading: Reading, settings: PerformanceSettings) -> None:
        self.reading = reading
        self._settings = settings
        self.series: dict[Key, Rolling[Any]] = {}
        self.estimates: dict[str, Estimating] = {}
        self._values: dict[str, list[str]] = {}  # of each segment column, those that are told apart

    def update(self, rows: Sequence[Joined], now_ns: int) -> None:
        for who in dict.fromkeys(row.who for row in rows):
            mine = [row for row in rows if row.who == who]
            labelled = Labelled(
                self.reading.labels([row.label.value for row in mine]),
                self.reading.answers(
                    [row.predicted for row in mine], [row.score for row in mine], [row.vector for row in mine]
                ),
            )
            self._add((who, None), labelled, now_ns)
            if self.reading.has_estimates:
                self.estimating(who).labelled(labelled, now_ns)
            for at, column in enumerate(self._settings.segments):
                names = np.array([self._segment(column, row.segments[at]) for row in mine])
                for name in np.unique(names).tolist():
                    self._add((who, name), labelled.where(names == name), now_ns)

    @property
    def other_class(self) -> str | None:
        """The class that came where the labels that decided were all of one; met some times, for it may be junk."""
        met: Counter[str] = Counter()
        for (_, segment), sums in self.series.items():
            if segment is None:
                met.update(sums.whole.confusion.met)
        others = met.most_common(2)[1:]
        return next((name for name, count in others if count >= A_FEW), None)

    def estimating(self, who: str) -> Estimating:
        found = self.estimates.get(who)
        if found is None:
            found = self.estimates[who] = Estimating(self.reading, self._settings, self._table)
        return found

    def forget(self, now_ns: int, at_ns: int) -> None:
        """What the period has left behind is shown no more; nor is who neither answers nor has labels any more.

        `at_ns`: the time of the answers that are read, which may be of long ago.
        """
        for key in [key for key, sums in self.series.items() if sums.forget(now_ns)]:
            del self.series[key]
        past = [who for who, one in self.estimates.items() if one.forget(at_ns)]
        for who in past:
            if (who, None) not in self.series:
                del self.estimates[who]

    def _add(self, key: Key, rows: Labelled, now_ns: int) -> None:
        sums = self._sums(key)
        sums.set_back(now_ns)
        found = sums.at(now_ns)
        if isinstance(found, Regression):
            found.update(rows.labels, rows.answers.predicted)
        else:
            found.update(rows.labels, *rows.answers)

    def _sums(self, key: Key) -> Rolling[Any]:
        found = self.series.get(key)
        if found is None:
            made = partial(Regression, alpha=self._settings.alpha)
            span_ns = round(self._settings.label_period * SECOND)
            is_regression = self.reading.task is Task.REGRESSION
            found = self.series[key] = Rolling(
                made if is_regression else partial(self._table, self._settings.alpha), span_ns
            )
        return found

    def _table(self, alpha: float) -> Classification:
        are_told_apart = len(self.reading.classes) <= self._settings.max_classes
        return Classification(
            positive=self.reading.positive,
            classes=self.reading.classes if are_told_apart else (),
            score_of=self.reading.score_of,
            bins=self._settings.calibration_bins,
            max_classes=self._settings.max_classes,
            alpha=alpha,
        )

    def _segment(self, column: str, value: str) -> str:
        known = self._values.setdefault(column, [])
        if value not in known:
            if len(known) >= self._settings.max_segments:
                return f"{column}={OTHERS}"
            known.append(value)
        return f"{column}={value}"

    def state(self) -> tuple[object, ...]:
        return (
            self.reading,
            [(key, sums.state()) for key, sums in self.series.items()],
            [(who, one.state()) for who, one in self.estimates.items()],
            self._values,
        )

    @classmethod
    def restored(cls, state: Sequence[Any], settings: PerformanceSettings) -> "Measured":
        reading, series, estimates, values = state
        measured = cls(msgspec.convert(reading, Reading), settings)
        for (who, segment), kept in series:
            measured._sums((who, segment)).restore(kept)
        for who, kept in estimates:
            measured.estimating(who).restore(kept)
        measured._values = values
        return measured


class Measuring:
    def __init__(self, settings: PerformanceSettings) -> None:
        self.settings = settings
        self.coverage = PeriodCoverage(round(settings.label_period * SECOND))
        self.joined = 0  # labels, each counted once however many models its row met
        self.changed = 0
        self.ambiguous = 0  # that several requests may be meant by
        self.since_ns: int | None = None
        self._choice: Choice | None = None
        self._against = 0  # answers that lack its column, less those that have it
        self._early: list[Joined] = []  # until the task is decided
        self._measured: Measured | None = None
        self._provisional: Measured | None = None
        self._segments = tuple(INPUT + name for name in settings.segments)
        self.headers = tuple(name for name in self._segments if name.startswith(INPUT + HEADER))

    @property
    def is_decided(self) -> bool:
        return self._measured is not None

    @property
    def measured(self) -> Measured | None:
        """None while there is no label."""
        if self._measured is None and self._provisional is None and self._early and self._choice is not None:
            self._provisional = Measured(decide(self._choice, self._early, self.settings), self.settings)
            self._provisional.update(self._early, self.since_ns or 0)
        return self._measured or self._provisional

    def told(self, exchange: Exchange, asked: Table) -> Table:
        """A request's rows, beside the headers that tell their segment: the store keeps no others."""
        if not self.headers or not asked.rows:
            return asked
        names = tuple(name.removeprefix(INPUT) for name in self.headers)
        given = dict(exchange.request_headers)
        values = [given.get(name.removeprefix(HEADER).lower().encode()) for name in names]
        more = [None if value is None else value[:_LONGEST].decode("utf-8", "replace") for value in values]
        return Table((*asked.names, *names), [[*row, *more] for row in asked.rows])

    def answered(self, frame: Frame, columns: Mapping[str, Any], now_ns: int) -> None:
        """Rows that came, whether they will have a label or not."""
        key = frame.key
        if not key.outputs:
            return
        # One row of a clock that was ahead must not end the period of all others.
        at_ns = min(key.window_ns, now_ns)
        self.coverage.set_back(now_ns)
        self.coverage.answered(key.role, key.variant, at_ns, len(frame))
        measured = self._measured
        if measured is None:
            return
        measured.forget(now_ns, at_ns)
        if not measured.reading.has_estimates:
            return
        chosen = measured.reading.columns
        predicted = columns.get(chosen.prediction)
        if predicted is None:
            return
        nothing = (None,) * len(frame)
        scores = columns.get(chosen.score or "", nothing)
        vectors = columns.get(chosen.vector or "", nothing)
        estimating = measured.estimating(key.variant)
        estimating.recent.set_back(now_ns)
        estimating.answered(measured.reading.answers(predicted, scores, vectors), at_ns)

    def columns(self, present: Sequence[str]) -> list[str]:
        """Which of a file's columns are needed beside the labels."""
        if self._choice is None or self._measured is None:
            return [name for name in present if name.startswith(OUTPUT) or name in self._segments]
        chosen = self._measured.reading.columns
        wanted = {chosen.prediction, chosen.score, chosen.vector, *self._segments}
        return [name for name in present if name in wanted]

    def choose(self, answers: Iterable[Sequence[Row]]) -> None:
        """Of which column labels are, by the primary's answers: by most of them, for a first one may say that it warms up."""
        if self._choice is None:
            found = Counter(self._choice_of(row) for rows in answers for row in _deciding(rows) if row.is_answered)
            self._choice = next((choice for choice, _ in found.most_common() if choice is not None), None)

    def _choice_of(self, row: Row) -> Choice | None:
        said = [name for name, cell in row.cells.items() if name.startswith(OUTPUT) and cell is not None]
        return choose([*said[:1], *row.cells], self.settings)

    def join(self, label: Label, rows: Sequence[Row]) -> list[Joined]:
        """A label and all that was said of its row; for `count`, and to be kept."""
        self.choose([rows])
        chosen = self._measured.reading.columns if self._measured else self._choice
        # A shadow's record has no request: what tells its segment stands with the primary's.
        told = next((row.cells for row in rows if row.role == Role.PRIMARY), {})
        segments = tuple(_word(told.get(name)) for name in self._segments)
        return [joined(chosen, label, row, segments) for row in rows]

    def count(self, rows: Sequence[Joined], labels: int, now_ns: int) -> None:
        """Labels that were joined for the first time, with their rows."""
        self.joined += labels
        if self.since_ns is None:
            self.since_ns = now_ns
        for role, who in dict.fromkeys((row.role, row.who) for row in rows):
            mine = [row for row in rows if (row.role, row.who) == (role, who)]
            started = np.array([row.started_ns for row in mine], np.int64)
            known = np.array([row.label.at_ns for row in mine], np.int64)
            self.coverage.labelled(role, who, np.minimum(started, now_ns), known - started)
        if self._measured is not None:
            self._measured.update(rows, now_ns)
            self._find_positive(self._measured, rows, now_ns)
            return
        if self._choice is None:  # no answer had the column that labels are of
            return
        self._early += [row for row in rows if row.predicted is not None]  # the others say nothing of the task
        self._provisional = None
        # A vote (Boyer and Moore): whether answers without the column are more than those with it, by a few.
        votes = Counter(row.predicted is not None for row in _deciding(rows))
        self._against = max(self._against + votes[False] - votes[True], 0)
        if self._against > A_FEW and self.settings.prediction is None:
            self._choice, self._early, self._against = None, [], 0
            return
        # Not all that ever joined: under other settings they are counted anew.
        if len({(row.label.request_id, row.label.row) for row in self._early}) >= DECIDED_BY:
            self._measured = Measured(decide(self._choice, self._early, self.settings), self.settings)
            self._measured.update(self._early, now_ns)
            self._early = []

    def _find_positive(self, measured: Measured, rows: Sequence[Joined], now_ns: int) -> None:
        """What was summed without knowing which class is the positive one begins anew with it."""
        if measured.reading.waits_for_positive and (name := measured.other_class) is not None:
            self._measured = Measured(msgspec.structs.replace(measured.reading, positive=name), self.settings)
            self._measured.update(rows, now_ns)

    def state(self) -> bytes:
        measured = self._measured.state() if self._measured else None
        counts = (self.joined, self.changed, self.since_ns, self.ambiguous, self._against)
        return msgspec.msgpack.encode(
            (VERSION, self._made_for(), counts, self.coverage.state(), self._choice, self._early, measured)
        )

    def restore(self, state: bytes) -> None:
        """Under other settings the metrics begin anew: two definitions make no series. What was counted stays."""
        version, made_for, counts, coverage, choice, early, measured = msgspec.msgpack.decode(state)
        if version != VERSION:
            return
        self.joined, self.changed, self.since_ns, self.ambiguous, self._against = (*counts, 0, 0)[:5]
        self.coverage.restore(coverage)
        if msgspec.msgpack.encode(made_for) != msgspec.msgpack.encode(self._made_for()):
            return
        self._choice = msgspec.convert(choice, Choice | None)
        self._early = [_joined(row) for row in early]
        if measured is None:
            return
        try:
            self._measured = Measured.restored(measured, self.settings)
        except ValueError as error:  # of another version of a statistic
            logger.warning("what labels have said cannot be read: it begins anew", extra={"error": str(error)})

    def _made_for(self) -> list[object]:
        return [getattr(self.settings, name) for name in self.settings.__struct_fields__ if name not in _FREE]


# Settings that change nothing of what was summed.
_FREE: Final = frozenset({"label_period", "max_waiting"})


def _deciding(rows: Sequence[Answer]) -> Sequence[Answer]:
    """A shadow may answer in another way."""
    return [row for row in rows if row.role == Role.PRIMARY] or rows


def _joined(row: Sequence[Any]) -> Joined:
    who, role, label, started_ns, predicted, score, vector, segments = row
    return Joined(who, role, msgspec.convert(label, Label), started_ns, predicted, score, vector, tuple(segments))


def _word(cell: object) -> str:
    """As a segment's name."""
    value = number(cell)
    if cell is None or (isinstance(cell, float) and np.isnan(value)):
        return UNKNOWN
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(int(value)) if isinstance(cell, float) and value.is_integer() else str(cell)[:100]

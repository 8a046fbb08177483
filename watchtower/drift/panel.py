"""All columns of an endpoint under one promise: of unchanged data, a false alarm in so many windows, and no more.

Let N be the windows between false alarms that the user asks for, and C the columns. Column `c` alarms when its evidence
M(c), a weighted mean of e-detectors, reaches N · C. With E[M(c) at window t] ≤ t and a fresh start after every alarm, the
expected number of its alarms in T windows is at most T/(N · C), so that of all columns together at most T/N, whatever
their dependence (Shin, Ramdas & Rinaldo 2022, §2; the sum over columns is the union bound). `share` sets part of the
promise aside for detectors beside the panel: the shares of all of them must sum to at most one.

It holds for any data within tolerance of the reference's true distribution, for a share of at least 1 - `reference_risk`
of the references that might have been drawn (by Bonferroni over all questions); and for rows that are independent. Where
up to k rows of a window may repeat each other (retries, one user, the rows of one request), `rows_per_observation: k`
keeps it: by Hölder's inequality the k-th root of such rows' evidence is again worth no more than one.
An all-clear is wrong at most once in `windows_between_false_clears` windows of drift, by the same argument turned round.

A window of one row and one of a thousand may follow each other: what is summed is evidence, not windows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.drift.detector import Way, effect
from watchtower.drift.evidence import DRIFT_SIZES, RETURN_SIZES, EDetectors, Floats
from watchtower.drift.reference import DetectionSettings, Reference

_STATE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Alarm:
    column: str
    way: Way
    label: str  # of the bin, where the way speaks of one
    since_ns: int
    detected_ns: int
    evidence: float  # decimal logarithm, as is the threshold
    threshold: float
    observations: int  # since the change
    effect: str


@dataclass(frozen=True, slots=True)
class AllClear:
    column: str
    since_ns: int  # the alarm's
    cleared_ns: int
    evidence: float
    threshold: float
    effect: str


class Panel:
    """Windows in, alarms and all-clears out. One for each endpoint; feed it closed windows in their order."""

    def __init__(self, reference: Reference, settings: DetectionSettings) -> None:
        self._settings = settings
        self.rebase(reference)

    def rebase(self, reference: Reference) -> None:
        """Another baseline: what was summed against the old one says nothing of the new one."""
        self._reference = reference
        self._layout = reference.layout
        asked = len(reference.questions)
        self._drift = EDetectors(asked, len(DRIFT_SIZES))
        self._return = EDetectors(asked, len(RETURN_SIZES))
        self._is_accused: NDArray[np.bool_] = np.zeros(asked, dtype=np.bool_)  # of a drift that is not over
        self._alarms: dict[str, Alarm] = {}

    @property
    def alarms(self) -> Sequence[Alarm]:
        """Those not yet cleared."""
        return tuple(self._alarms.values())

    @property
    def threshold(self) -> float:
        """Decimal logarithm of the evidence at which a column alarms."""
        asked_for = self._settings.windows_between_false_alarms / self._settings.share
        return float(np.log10(asked_for * max(len(self._reference.columns), 1)))

    def evidence(self) -> dict[str, float]:
        """Of every column, as decimal logarithm; zero where there is none."""
        found = np.log10(np.maximum(self._of_columns(), 1.0)).tolist()
        return dict(zip(self._reference.slots, found, strict=True))

    def observe(
        self, window_ns: int, counts: Mapping[str, NDArray[np.int64] | Floats], reference: Reference | None = None
    ) -> list[Alarm | AllClear]:
        """A window, perhaps against the reference of its hour of the week, whose bins must be those of the first one."""
        against = reference or self._reference
        if against.layout != self._layout:
            raise ValueError("a reference with other columns or bins: rebase the panel")
        if not self._reference.columns:
            return []
        flat, rows = self._flat(counts)
        if not rows.any():
            return []
        asked_rows = rows[against.column_of]
        bets = against.on_drift
        sums = bets.scores.sums(flat, asked_rows)
        starts = bets.is_open & (asked_rows > 0)
        self._drift.update(bets.log_e(flat, asked_rows), starts, window_ns, asked_rows, sums)
        cleared = self._clear(window_ns, flat, asked_rows, sums, against)
        return [*cleared, *self._alarm(window_ns, against)]

    def _flat(self, counts: Mapping[str, NDArray[np.int64] | Floats]) -> tuple[Floats, Floats]:
        """The counts of all columns in a row, and each column's rows, in observations; beyond the cap in proportion.

        An e-value to a power below one is still one (Jensen), so that scaled counts keep the promise.
        """
        parts: list[Floats] = []
        for column in self._reference.columns:
            found = counts.get(column.name)
            size = len(column.counts)
            part = np.zeros(size) if found is None else np.asarray(found, dtype=np.float64)
            if len(part) != size:
                raise ValueError(f"{column.name}: {len(part)} counts for {size} bins")
            parts.append(part)
        flat = np.concatenate(parts)
        rows = np.add.reduceat(flat, self._reference.offsets)
        each = 1 / self._settings.rows_per_observation
        scale = np.minimum(each, self._settings.rows_per_window / np.maximum(rows, 1.0))
        return flat * np.repeat(scale, self._reference.sizes), rows * scale

    def _of_questions(self) -> Floats:
        weighted: Floats = self._drift.evidence.mean(axis=1) * self._reference.weights
        return weighted

    def _of_columns(self) -> Floats:
        if not self._reference.columns:
            return np.zeros(0)
        return np.add.reduceat(self._of_questions(), self._reference.first_of)

    def _alarm(self, now_ns: int, against: Reference) -> list[Alarm]:
        columns = self._of_columns()
        threshold = 10**self.threshold
        if not (columns >= threshold).any():
            return []
        by_question = self._of_questions()
        raised = []
        for slot in np.flatnonzero(columns >= threshold):
            own = against.column_of == slot
            leading = int(np.argmax(np.where(own, by_question, -1.0)))
            # Every question that would have alarmed by itself has to be answered before the column is clear again.
            is_new = own & (by_question >= threshold)
            is_new[leading] = True
            self._is_accused |= is_new
            name = against.columns[slot].name
            if name not in self._alarms:
                self._alarms[name] = self._told(name, leading, float(columns[slot]), now_ns, against)
                raised.append(self._alarms[name])
        return raised

    def _told(self, name: str, leading: int, evidence: float, now_ns: int, against: Reference) -> Alarm:
        question = against.questions[leading]
        size = int(np.argmax(self._drift.evidence[leading]))
        rows = float(self._drift.rows[leading, size])
        seen = float(self._drift.sums[leading, size]) / max(rows, 1.0)
        reference, limit = float(against.null.means[leading]), float(against.null.limits[leading])
        return Alarm(
            column=name,
            way=question.way,
            label=question.label,
            since_ns=int(self._drift.since[leading, size]),
            detected_ns=now_ns,
            evidence=float(np.log10(evidence)),
            threshold=self.threshold,
            observations=round(rows),
            effect=effect(question, reference, limit, seen),
        )

    def _clear(self, now_ns: int, flat: Floats, rows: Floats, sums: Floats, against: Reference) -> list[AllClear]:
        """For each column in alarm: whether every question that accused it is answered."""
        if not self._alarms:
            return []
        bets = against.on_return
        starts = self._is_accused & bets.is_open & (rows > 0)
        self._return.update(bets.log_e(flat, rows), starts, now_ns, rows, sums)
        is_back = self._return.evidence.mean(axis=1) >= self._settings.windows_between_false_clears
        return [
            self._cleared(name, now_ns, against)
            for name in list(self._alarms)
            if not (self._is_accused & ~is_back & (against.column_of == against.slots[name])).any()
        ]

    def _cleared(self, name: str, now_ns: int, against: Reference) -> AllClear:
        own = against.column_of == against.slots[name]
        accused = np.flatnonzero(own & self._is_accused)
        hardest = int(accused[np.argmin(self._return.evidence[accused].mean(axis=1))])
        size = int(np.argmax(self._return.evidence[hardest]))
        seen = float(self._return.sums[hardest, size]) / max(float(self._return.rows[hardest, size]), 1.0)
        evidence = float(np.log10(self._return.evidence[hardest].mean()))
        for detectors in (self._drift, self._return):
            detectors.reset(own)
        self._is_accused &= ~own
        alarm = self._alarms.pop(name)
        null = against.null
        return AllClear(
            column=name,
            since_ns=alarm.since_ns,
            cleared_ns=now_ns,
            evidence=evidence,
            threshold=float(np.log10(self._settings.windows_between_false_clears)),
            effect=effect(against.questions[hardest], float(null.means[hardest]), float(null.limits[hardest]), seen),
        )

    def state(self) -> bytes:
        return msgspec.msgpack.encode(
            _State(
                layout=self._layout,
                columns=[column.name for column in self._reference.columns],
                asked=np.bincount(self._reference.column_of, minlength=len(self._reference.columns)).tolist(),
                drift=self._drift.state(),
                clearing=self._return.state(),
                accused=self._is_accused.tobytes(),
                alarms=list(self._alarms.values()),
            )
        )

    def restore(self, state: bytes) -> None:
        """What `state` gave, of a panel with the same columns and bins; anything else is a ValueError."""
        kept = msgspec.msgpack.decode(state, type=_State)
        if kept.version != _STATE_VERSION or kept.layout != self._layout:
            raise ValueError("the state of a panel with other columns or bins")
        self._drift.restore(kept.drift)
        self._return.restore(kept.clearing)
        self._is_accused = np.frombuffer(kept.accused, dtype=np.bool_).copy()
        self._alarms = {alarm.column: alarm for alarm in kept.alarms}

    def restore_common(self, state: bytes) -> None:
        """As `restore`, of a panel with the same bins and some other columns: for the columns that both have."""
        kept = msgspec.msgpack.decode(state, type=_State)
        if kept.version != _STATE_VERSION:
            raise ValueError("the state of a panel of another version")
        slots, first_of = self._reference.slots, self._reference.first_of
        theirs: list[int] = []
        ours: list[int] = []
        number = 0
        for name, asked in zip(kept.columns, kept.asked, strict=True):
            if name in slots:
                theirs += range(number, number + asked)
                ours += range(first_of[slots[name]], first_of[slots[name]] + asked)
            number += asked
        for own, other in ((self._drift, kept.drift), (self._return, kept.clearing)):
            restored = EDetectors(number, own.evidence.shape[1])
            restored.restore(other)
            own.take_over(restored, theirs, ours)
        self._is_accused[ours] = np.frombuffer(kept.accused, dtype=np.bool_)[theirs]
        self._alarms = {alarm.column: alarm for alarm in kept.alarms if alarm.column in self._reference.slots}


class _State(msgspec.Struct, frozen=True, kw_only=True):
    layout: int
    columns: list[str]
    asked: list[int]  # questions of each column
    drift: bytes
    clearing: bytes
    accused: bytes
    alarms: list[Alarm]
    version: int = _STATE_VERSION

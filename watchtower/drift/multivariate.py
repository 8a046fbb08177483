"""Drift that no single column shows: a classifier learns on past rows what is different, and bets on the next ones.

Of the live rows so far it keeps the mean of their features, forgetting, at two speeds. What differs from the reference's
mean makes a witness, a direction that should tell live rows from the reference's: once dense (Fisher's discriminant with
a ridge: for a change that is a little everywhere), once sparse (only features beyond two standard errors: for one pair
among hundreds). The next window's rows are scored along it, into [0, 1], and bet on as a column's are: that their mean is
beyond that of the reference, its error, and the tolerance. So a witness is always judged by rows that it has not seen
(Podkopaev & Ramdas 2023, "Sequential predictive two-sample testing"; Pandeva et al. 2024, E-C2ST).

**The reference is finite and used again and again**, which spoils the promise of most such tests. Here its sample is cut
in two: one half makes the features and the witnesses, the other only says what mean a witness has on the reference.
Witnesses are made of live rows and of the first half, so they are independent of the second, however many are made; its
error is taken into the limit at four standard errors, which a witness in 30,000 exceeds.

False alarms: as in `panel`, on average one in so many windows, or fewer. Needs rows that are independent. Not for single
columns, whose own detectors are several times faster; not for less than a few hundred rows of reference.
"""

from typing import Annotated, Final

import msgspec
import numpy as np

from watchtower.drift.detector import Way
from watchtower.drift.evidence import DRIFT_SIZES, RETURN_SIZES, EDetectors, Floats
from watchtower.drift.panel import Alarm, AllClear
from watchtower.drift.witnesses import JointReference, Witnesses

_MEMORIES: Final = (500.0, 4000.0)  # rows that a mean of live features is made of
_WITNESSES: Final = 2 * len(_MEMORIES)
_SPARSE: Final = 2.0  # standard errors below which a feature says nothing
_FEWEST: Final = 100.0  # live rows before the first witness
_STATE_VERSION: Final = 1


class JointSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    windows_between_false_alarms: Annotated[float, msgspec.Meta(ge=1)] = 129_600.0
    windows_between_false_clears: Annotated[float, msgspec.Meta(ge=1)] = 1_440.0
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0  # of the promise: the rest is left to other detectors
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05  # in standard deviations along a witness
    rows_per_observation: Annotated[float, msgspec.Meta(ge=1)] = 1.0  # that may repeat each other in a window
    rows_per_window: Annotated[int, msgspec.Meta(gt=0)] = 500  # evenly spaced ones of a larger window


class JointDetector:
    """Windows of whole rows in, alarms and all-clears out: one for the joint columns, one for each vector column."""

    def __init__(self, name: str, reference: JointReference, settings: JointSettings) -> None:
        self.name = name
        self._settings = settings
        self.rebase(reference)

    def rebase(self, reference: JointReference) -> None:
        """Another baseline: all starts over."""
        self._reference = reference
        self._means: Floats = np.zeros((len(_MEMORIES), len(reference.centre)))
        self._kept: Floats = np.zeros(len(_MEMORIES))  # rows behind each mean
        self._drift = EDetectors(_WITNESSES, len(DRIFT_SIZES))
        self._return = EDetectors(1, len(RETURN_SIZES))
        self._accuser: Floats = np.zeros(0)  # the direction that raised the alarm
        self.alarm: Alarm | None = None

    @property
    def threshold(self) -> float:
        """Decimal logarithm of the evidence at which it alarms."""
        return float(np.log10(self._settings.windows_between_false_alarms / self._settings.share))

    @property
    def evidence(self) -> float:
        """Decimal logarithm; zero where there is none."""
        return float(np.log10(max(self._drift.evidence.mean(), 1.0)))

    def observe(self, window_ns: int, rows: Floats) -> list[Alarm | AllClear]:
        if not len(rows):
            return []
        taken = min(len(rows), self._settings.rows_per_window)
        features = self._reference.features(rows[np.linspace(0, len(rows) - 1, taken).astype(np.intp)])
        events: list[Alarm | AllClear] = []
        if self.alarm is not None:
            events += self._clear(window_ns, features, self.alarm)
        elif self._kept[0] >= _FEWEST:
            events += self._bet(window_ns, features)
        self._learn(features)
        return events

    def _bet(self, window_ns: int, features: Floats) -> list[Alarm]:
        witnesses = self._witnesses(self._directions())
        scores = witnesses.scores(features)
        rows = np.full(_WITNESSES, float(len(scores)))
        lifted = ((scores - witnesses.means) / witnesses.deviations).sum(axis=0)
        starts = np.ones(_WITNESSES, dtype=np.bool_)
        log_e = witnesses.log_e(scores, DRIFT_SIZES, 1.0) / self._settings.rows_per_observation
        self._drift.update(log_e, starts, window_ns, rows, lifted)
        if self.evidence < self.threshold:
            return []
        self.alarm = self._told(window_ns, witnesses)
        return [self.alarm]

    def _told(self, now_ns: int, witnesses: Witnesses) -> Alarm:
        """The alarm; what raised it is kept, for its end is when this very direction is back."""
        leading, size = np.unravel_index(np.argmax(self._drift.evidence), self._drift.evidence.shape)
        self._accuser = witnesses.directions[:, leading].copy()
        self._return.reset(np.ones(1, dtype=np.bool_))
        rows = max(float(self._drift.rows[leading, size]), 1.0)
        allowed = (witnesses.limits[leading] - witnesses.means[leading]) / witnesses.deviations[leading]
        return Alarm(
            column=self.name,
            way=Way.JOINT,
            label=self._reference.lift.labels[int(np.argmax(np.abs(self._errors()[leading // 2])))],
            since_ns=int(self._drift.since[leading, size]),
            detected_ns=now_ns,
            evidence=self.evidence,
            threshold=self.threshold,
            observations=round(rows),
            effect=_effect(float(self._drift.sums[leading, size]) / rows, float(allowed)),
        )

    def _clear(self, now_ns: int, features: Floats, alarm: Alarm) -> list[AllClear]:
        accuser = self._witnesses(self._accuser[:, None])
        scores = accuser.scores(features)
        lifted = ((scores - accuser.means) / accuser.deviations).sum(axis=0)
        may_start = np.ones(1, dtype=np.bool_)
        rows = np.array([float(len(scores))])
        log_e = accuser.log_e(scores, RETURN_SIZES, -1.0) / self._settings.rows_per_observation
        self._return.update(log_e, may_start, now_ns, rows, lifted)
        evidence = float(self._return.evidence.mean())
        if evidence < self._settings.windows_between_false_clears:
            return []
        size = int(np.argmax(self._return.evidence[0]))
        seen = float(self._return.sums[0, size]) / max(float(self._return.rows[0, size]), 1.0)
        allowed = float((accuser.limits[0] - accuser.means[0]) / accuser.deviations[0])
        self.alarm = None
        self._drift.reset(np.ones(_WITNESSES, dtype=np.bool_))
        return [
            AllClear(
                column=self.name,
                since_ns=alarm.since_ns,
                cleared_ns=now_ns,
                evidence=float(np.log10(evidence)),
                threshold=float(np.log10(self._settings.windows_between_false_clears)),
                effect=_effect(seen, allowed),
            )
        ]

    def _witnesses(self, directions: Floats) -> Witnesses:
        return Witnesses(directions, self._reference, self._settings.tolerance)

    def _errors(self) -> Floats:
        """What the live means differ by, in standard errors: a row for each memory."""
        rows = 1 / (1 / np.maximum(self._kept, 1.0) + 1 / len(self._reference.learned))
        differences: Floats = self._means * np.sqrt(rows)[:, None]
        return differences

    def _directions(self) -> Floats:
        """A column for each witness: for each memory the dense one, and the sparse one."""
        errors = self._errors()
        dense = errors @ self._reference.discriminant
        sparse = np.sign(errors) * np.maximum(np.abs(errors) - _SPARSE, 0.0)
        return np.column_stack([each for pair in zip(dense, sparse, strict=True) for each in pair])

    def _learn(self, features: Floats) -> None:
        self._kept = np.minimum(self._kept + len(features), _MEMORIES)
        weights = np.minimum(len(features) / self._kept, 1.0)[:, None]
        self._means += weights * (features.mean(axis=0) - self._means)

    def state(self) -> bytes:
        return msgspec.msgpack.encode(
            _State(
                mark=self._reference.mark,
                means=self._means.tobytes(),
                kept=self._kept.tobytes(),
                drift=self._drift.state(),
                clearing=self._return.state(),
                accuser=self._accuser.tobytes(),
                alarm=self.alarm,
            )
        )

    def restore(self, state: bytes) -> None:
        """What `state` gave, against the same sample of the reference; anything else is a ValueError."""
        kept = msgspec.msgpack.decode(state, type=_State)
        if kept.version != _STATE_VERSION or kept.mark != self._reference.mark:
            raise ValueError("the state of a detector against another reference")
        self._means = np.frombuffer(kept.means).reshape(self._means.shape).copy()
        self._kept = np.frombuffer(kept.kept).copy()
        self._drift.restore(kept.drift)
        self._return.restore(kept.clearing)
        self._accuser = np.frombuffer(kept.accuser).copy()
        self.alarm = kept.alarm


class _State(msgspec.Struct, frozen=True, kw_only=True):
    mark: int
    means: bytes
    kept: bytes
    drift: bytes
    clearing: bytes
    accuser: bytes
    alarm: Alarm | None
    version: int = _STATE_VERSION


def _effect(seen: float, allowed: float) -> str:
    return f"{seen:.2f} standard deviations from the reference where both differ most, up to {allowed:.2f} allowed"

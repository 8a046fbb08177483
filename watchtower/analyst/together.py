"""What no column shows alone: the numbers and words of a row together, and each vector column as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from watchtower.drift.baseline import Baseline
from watchtower.drift.encoding import Encoding, vectors
from watchtower.drift.lifts import MOST_COLUMNS
from watchtower.drift.multivariate import JointDetector, JointSettings
from watchtower.drift.panel import Alarm, AllClear
from watchtower.drift.reference import DetectionSettings
from watchtower.drift.witnesses import JointReference

ALL: Final = "columns together"
_FEWEST_ROWS: Final = 500  # of the baseline's sample: half of it says what chance does
_MOST_VECTORS: Final = 4

Cells = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class _Vector:
    name: str
    dimension: int
    detector: JointDetector


class Together:
    """The detectors beside the panel; they share what the panel left of the promise."""

    def __init__(self, baseline: Baseline, settings: DetectionSettings) -> None:
        self._encoding = Encoding.of(baseline.bins, MOST_COLUMNS)
        self._joint: JointDetector | None = None
        self._vectors: list[_Vector] = []
        # The sample is of no hour's own: against it, what changes with the hour would be drift.
        if baseline.sample_rows < _FEWEST_ROWS or baseline.seasons is not None:
            return
        wanted = [name for name, bins in baseline.bins.items() if bins.dimension][:_MOST_VECTORS]
        joint = JointSettings(
            windows_between_false_alarms=settings.windows_between_false_alarms,
            share=settings.share / (len(wanted) + 1),
            tolerance=settings.tolerance,
            rows_per_observation=settings.rows_per_observation,
        )
        if len(self._encoding.names) > 1:
            sample = self._encoding(baseline.sample, baseline.sample_rows)
            self._joint = JointDetector(ALL, JointReference.of_columns(self._encoding.names, sample), joint)
        for name in wanted:
            dimension = baseline.bins[name].dimension
            reference = vectors(baseline.sample[name], dimension)
            if len(reference) >= _FEWEST_ROWS:
                detector = JointDetector(name, JointReference.of_vectors(name, reference), joint)
                self._vectors.append(_Vector(name, dimension, detector))

    @property
    def columns(self) -> Mapping[str, int]:
        """Whose rows they need as they are: of numbers and words 0, of vectors the length."""
        joint = self._encoding.names if self._joint else ()
        return dict.fromkeys(joint, 0) | {one.name: one.dimension for one in self._vectors}

    @property
    def alarms(self) -> list[Alarm]:
        return [detector.alarm for detector in self._detectors() if detector.alarm]

    def evidence(self) -> dict[str, float]:
        return {detector.name: detector.evidence for detector in self._detectors()}

    def observe(self, window_ns: int, cells: Cells, rows: int) -> list[Alarm | AllClear]:
        events: list[Alarm | AllClear] = []
        if self._joint is not None:
            events += self._joint.observe(window_ns, self._encoding(cells, rows))
        for one in self._vectors:
            events += one.detector.observe(window_ns, vectors(cells.get(one.name, ()), one.dimension))
        return events

    def state(self) -> list[bytes]:
        return [detector.state() for detector in self._detectors()]

    def restore(self, states: Sequence[bytes]) -> None:
        for detector, state in zip(self._detectors(), states, strict=True):
            detector.restore(state)

    def _detectors(self) -> Iterator[JointDetector]:
        if self._joint is not None:
            yield self._joint
        yield from (one.detector for one in self._vectors)

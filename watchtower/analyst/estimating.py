"""One model's metrics without labels, and how far they were off once labels came.

The scores are calibrated on the first labelled rows, and that calibration is then kept: one that followed the labels would
follow a change of concept, too, and hide it. Later labelled rows are taken in blocks. Of each block it is estimated what
its labels will say, without looking at them, and then looked: the difference is the estimate's measured error, and where
the two intervals do not meet, the scores no longer mean what they meant.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.analyst.label_join import Answers, Reading
from watchtower.analyst.rolling import Rolling
from watchtower.clock import SECOND
from watchtower.performance.agreement import Agreement, disagrees
from watchtower.performance.calibrator import Calibration, fit
from watchtower.performance.cbpe import Cbpe, Estimated
from watchtower.performance.classes import class_name
from watchtower.performance.classification import Classification
from watchtower.performance.estimate import Estimate
from watchtower.performance.score_grid import probable
from watchtower.performance.settings import PerformanceSettings

METRICS: Final = ("accuracy", "precision", "recall", "f1", "roc_auc")
CALIBRATION_ROWS: Final = 1000  # labelled; from here on the isotonic curve beats the sigmoid
BLOCK_ROWS: Final = 500
# Of both intervals. Where nothing has changed, the values of a block and five metrics then lie so far apart less than once
# in 10,000 blocks (4.2 standard deviations of their difference where calibration and block are of these sizes).
BLOCK_ALPHA: Final = 0.02
_BLOCKS_KEPT: Final = 20
RECENT_NS: Final = 86400 * SECOND  # what is estimated is of the last one to two days: it is asked what is so now


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Labelled rows in the order in which their labels came."""

    since_ns: int  # when the first of its labels came
    until_ns: int
    rows: int
    estimated: dict[str, Estimate]
    realised: dict[str, Estimate]
    disagrees: list[str]


class Labelled(NamedTuple):
    labels: Sequence[object]
    answers: Answers

    def first(self, count: int) -> "Labelled":
        return self._cut(slice(count))

    def after(self, count: int) -> "Labelled":
        return self._cut(slice(count, None))

    def where(self, chosen: NDArray[np.bool_]) -> "Labelled":
        predicted, score, probabilities = self.answers
        return Labelled(
            list(compress(self.labels, chosen)),
            Answers(
                list(compress(predicted, chosen)),
                None if score is None else score[chosen],
                None if probabilities is None else probabilities[chosen],
            ),
        )

    def _cut(self, part: slice) -> "Labelled":
        predicted, score, probabilities = self.answers
        return Labelled(
            self.labels[part],
            Answers(
                predicted[part],
                None if score is None else score[part],
                None if probabilities is None else probabilities[part],
            ),
        )


class Estimating:
    def __init__(
        self, reading: Reading, settings: PerformanceSettings, made: Callable[[float], Classification]
    ) -> None:
        """`made`: an empty table of labels and predictions, with intervals of an alpha."""
        self._reading = reading
        self._made = made
        self._first = made(settings.alpha)  # the calibration's
        self.positive = self._first.positive
        self._alpha = settings.alpha
        self.recent = self._nothing_yet()
        self._block_real, self._block = made(BLOCK_ALPHA), self._fresh(BLOCK_ALPHA)
        self._block_since_ns = 0
        self.blocks: deque[Block] = deque(maxlen=_BLOCKS_KEPT)
        self.errors = {metric: Agreement() for metric in METRICS}
        self._calibrations: list[Calibration] | None = None
        self._estimated: Estimated | None = None

    def answered(self, answers: Answers, at_ns: int) -> None:
        """Rows, whether they will have a label or not."""
        scores = self._reading.of_positive(answers, self.positive)
        if scores is not None:
            self.recent.at(at_ns).update(answers.predicted, scores)
            self._estimated = None

    def forget(self, at_ns: int) -> bool:
        """Whether nothing was answered lately."""
        since_ns = self.recent.since_ns
        if self.recent.forget(at_ns):
            self.recent = self._nothing_yet()
        if self.recent.since_ns != since_ns:
            self._estimated = None
        return self.recent.since_ns is None

    def labelled(self, rows: Labelled, now_ns: int) -> None:
        """Only rows that both sides can speak of: were the others in one of them, that alone would look like a change."""
        scores = self._reading.of_positive(rows.answers, self.positive)
        if scores is None:
            return
        are_named = [
            class_name(label) is not None and class_name(said) is not None
            for label, said in zip(rows.labels, rows.answers.predicted, strict=True)
        ]
        rows = rows.where(probable(scores)[0] & np.array(are_named, np.bool_))
        if (missing := CALIBRATION_ROWS - self._first.count) > 0:
            first = rows.first(missing)
            self._first.update(first.labels, *first.answers)
            self._calibrations = self._estimated = None
            rows = rows.after(missing)
        while len(rows.labels):
            part = rows.first(BLOCK_ROWS - self._block_real.count)
            self._add(part, now_ns)
            rows = rows.after(len(part.labels))

    @property
    def calibrations(self) -> list[Calibration]:
        if self._calibrations is None:
            self._calibrations = [fit(*counts) for counts in self._first.scores_by_class]
        return self._calibrations

    @property
    def calibrated_rows(self) -> int:
        return self._first.count

    @property
    def estimated(self) -> Estimated:
        if self._estimated is None:
            self._estimated = self.recent.whole.estimated(self.calibrations)
        return self._estimated

    def _add(self, part: Labelled, now_ns: int) -> None:
        scores = self._reading.of_positive(part.answers, self.positive)
        if scores is None:
            return
        if not self._block_real.count:
            self._block_since_ns = now_ns
        self._block_real.update(part.labels, *part.answers)
        self._block.update(part.answers.predicted, scores)
        if self._block_real.count >= BLOCK_ROWS:
            self._close(now_ns)

    def _close(self, now_ns: int) -> None:
        real = self._block_real
        estimated = self._block.estimated(self.calibrations, frozenset(real.confusion.names))
        told = {metric: getattr(estimated, metric) for metric in METRICS}
        found = {metric: getattr(real, metric) for metric in METRICS}
        for metric, error in self.errors.items():
            error.update(told[metric], found[metric])
        wrong = [metric for metric in METRICS if disagrees(told[metric], found[metric])]
        self.blocks.append(Block(self._block_since_ns, now_ns, real.count, told, found, wrong))
        self._block_real, self._block = self._made(BLOCK_ALPHA), self._fresh(BLOCK_ALPHA)

    def _nothing_yet(self) -> Rolling[Cbpe]:
        return Rolling(lambda: self._fresh(self._alpha), RECENT_NS)

    def _fresh(self, alpha: float) -> Cbpe:
        return Cbpe(positive=self.positive, classes=self._reading.classes, alpha=alpha)

    def state(self) -> tuple[object, ...]:
        return (
            self._first.state(),
            self.recent.state(),
            self._block_real.state(),
            self._block.state(),
            self._block_since_ns,
            list(self.blocks),
            {metric: error.state() for metric, error in self.errors.items()},
        )

    def restore(self, state: tuple[object, ...]) -> None:
        first, recent, real, block, since_ns, blocks, errors = msgspec.convert(state, _State)
        self._first.restore(first)
        self.recent.restore(recent)
        self._block_real.restore(real)
        self._block.restore(block)
        self._block_since_ns = since_ns
        self.blocks = deque(blocks, maxlen=_BLOCKS_KEPT)
        for metric, kept in errors.items():
            self.errors[metric].restore(kept)
        self._calibrations = self._estimated = None


_State = tuple[bytes, bytes, bytes, bytes, int, list[Block], dict[str, bytes]]

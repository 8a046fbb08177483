from collections.abc import Sequence
from typing import Final, Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.calibration import CalibrationError
from watchtower.performance.classes import MISSING, MOSTLY, ClassIndex, class_name
from watchtower.performance.confusion import Confusion, ConfusionState, OfClass
from watchtower.performance.estimate import ALPHA, Estimate, unknown
from watchtower.performance.moments import Mean
from watchtower.performance.ranking import RocAuc
from watchtower.performance.score_grid import probable
from watchtower.performance.sparse import Packed, packed, read_version, unpacked, versioned

Values = Sequence[object] | NDArray[np.generic]
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]
ScoreOf = Literal["positive", "predicted"]

VERSION: Final = 1
_SMALLEST: Final = float(np.finfo(np.float64).eps)  # scikit-learn's floor of a probability in the log loss


class ClassificationState(msgspec.Struct, frozen=True, array_like=True):
    confusion: ConfusionState
    unlabelled: int
    unusable_labels: int
    bad_scores: int
    loss: Mean
    areas: list[Packed]
    calibration_counts: Packed
    calibration_scores: list[float]


class Classification:
    """How well classes are predicted, with labels: the table of `Confusion`, and what the scores are worth.

    Log loss = mean of -log(score of the label's class), scores kept from 0 and 1 as scikit-learn keeps them, Student's
    interval; `RocAuc` and `CalibrationError` say their own formulae. Two classes, one of them `positive` ("1" unless given): precision, recall
    and F1 are the positive class's, the score is its probability (or, `score_of="predicted"`, the predicted class's, which
    is the same knowledge); what is neither of the two counts as not positive. More classes: macro means; with `probabilities`, one column for each of `classes`, log loss, the
    macro mean of one-against-the-rest areas, and the calibration of the predicted class's; with a score alone the latter
    only. Memory: 9 kB for 32 classes, 47 kB for scores, and as much for each class that has probabilities.

    A row without a label or prediction is counted, and left out; so is a score that is no probability, from what needs it.
    A correction of a label that was already counted cannot be taken back: count the window anew.
    """

    def __init__(
        self,
        *,
        positive: object = None,
        classes: Sequence[object] = (),
        score_of: ScoreOf = "positive",
        bins: int = 10,
        max_classes: int = 32,
        alpha: float = ALPHA,
    ) -> None:
        self.classes = [name for value in classes if (name := class_name(value))]
        # Of two classes that are given in the order of their probabilities, the second, as scikit-learn has it.
        self.positive = class_name(positive) or (self.classes[1] if len(self.classes) == 2 else "1")
        if len(self.classes) in {1, 2} and self.positive not in self.classes:
            raise ValueError(f"the positive class {self.positive!r} is none of {self.classes}")
        self.score_of = score_of
        self.alpha = alpha
        self.index = ClassIndex(self.classes or [self.positive], max(max_classes, len(self.classes)))
        self.confusion = Confusion(self.index, alpha)
        self.unlabelled = 0
        self.unusable_labels = 0  # of them, those whose label names no class
        self.bad_scores = 0
        self._loss = Mean()
        self._areas = [RocAuc(alpha) for _ in self.classes] if len(self.classes) > 2 else [RocAuc(alpha)]
        self._calibration = CalibrationError(bins, alpha)

    def update(
        self, labels: Values, predicted: Values, score: Scores | None = None, probabilities: Scores | None = None
    ) -> None:
        """Of rows in their order; what is given must be of one length. Probabilities need the `classes` of their columns."""
        label_codes, predicted_codes = self.index.codes(labels), self.index.codes(predicted)
        usable = (label_codes != MISSING) & (predicted_codes != MISSING)
        self.unlabelled += int(np.count_nonzero(~usable))
        self.unusable_labels += int(np.count_nonzero(label_codes == MISSING))
        agree = label_codes == predicted_codes
        for place in np.flatnonzero(usable & agree & (label_codes == self.index.limit)):
            agree[place] = class_name(labels[int(place)]) == class_name(predicted[int(place)])
        label_codes, predicted_codes, agree = label_codes[usable], predicted_codes[usable], agree[usable]
        self.confusion.update(label_codes, predicted_codes, agree)
        if probabilities is not None and len(self.classes) > 2:
            self._update_probabilities(label_codes, predicted_codes, agree, probabilities[usable])
            return
        if probabilities is not None:
            score = probabilities[:, self.classes.index(self.positive)]
        if score is not None:
            is_probability = probabilities is not None or self.score_of == "positive"
            self._update_score(label_codes, predicted_codes, agree, score[usable], of_positive=is_probability)

    def _update_score(
        self,
        labels: NDArray[np.int64],
        predicted: NDArray[np.int64],
        agree: Flags,
        score: Scores,
        *,
        of_positive: bool,
    ) -> None:
        good, score = self._probable(score)
        positive = self.index.find(self.positive)
        is_positive, predicts_positive = labels[good] == positive, predicted[good] == positive
        is_hit = is_positive if of_positive else agree[good]
        self._loss.update(_loss(np.where(is_hit, score, 1 - score)))
        self._calibration.update(is_hit, score)
        if len(self._areas) == 1:
            towards = score if of_positive else np.where(predicts_positive, score, 1 - score)
            self._areas[0].update(is_positive, towards)

    def _update_probabilities(
        self, labels: NDArray[np.int64], predicted: NDArray[np.int64], agree: Flags, probabilities: Scores
    ) -> None:
        good, kept = self._probable(probabilities)
        known = np.maximum(labels[good], predicted[good]) < len(self.classes)
        self.bad_scores += int(np.count_nonzero(~known))
        kept, labels, predicted, agree = kept[known], labels[good][known], predicted[good][known], agree[good][known]
        rows = np.arange(len(labels))
        self._loss.update(_loss(kept[rows, labels]))
        self._calibration.update(agree, kept[rows, predicted])
        for code, found in enumerate(self._areas):
            found.update(labels == code, kept[:, code])

    def _probable(self, scores: Scores) -> tuple[Flags, Scores]:
        good, kept = probable(scores)
        self.bad_scores += int(np.count_nonzero(~good))
        return good, kept

    def merge(self, other: Self) -> None:
        """The other must have been made alike."""
        self.confusion.merge(other.confusion)
        self.unlabelled += other.unlabelled
        self.unusable_labels += other.unusable_labels
        self.bad_scores += other.bad_scores
        self._loss.merge(other._loss)
        self._calibration.merge(other._calibration)
        for own, others in zip(self._areas, other._areas, strict=True):
            own.merge(others)

    @property
    def count(self) -> int:
        return self.confusion.total

    @property
    def is_binary(self) -> bool:
        """Whether nearly all rows are of the positive class and one other: a junk name now and then makes no third."""
        if len({*self.classes}) > 2:
            return False
        return len({self.positive, *self.confusion.names, *self.classes}) <= 2 or (
            self.confusion.share_of_two(self.positive) >= MOSTLY
        )

    @property
    def accuracy(self) -> Estimate:
        return self.confusion.accuracy

    @property
    def precision(self) -> Estimate:
        return self.of_class(self.positive).precision if self.is_binary else self.confusion.macro_precision()

    @property
    def recall(self) -> Estimate:
        return self.of_class(self.positive).recall if self.is_binary else self.confusion.macro_recall()

    @property
    def f1(self) -> Estimate:
        return self.of_class(self.positive).f1 if self.is_binary else self.confusion.macro_f1()

    @property
    def log_loss(self) -> Estimate:
        return self._loss.estimate(self.alpha, 0.0) if self._has_all_scores else unknown(0, self.alpha)

    @property
    def roc_auc(self) -> Estimate:
        if not self._has_all_scores:
            return unknown(0, self.alpha)
        found = [area.estimate() for area in self._areas]
        values = [(each.value, each.low, each.high) for each in found]
        if any(value is None for value, _, _ in values):
            return unknown(found[0].count, self.alpha)
        # The mean of the ends: areas of one set of rows move together, and no independence is assumed.
        value, low, high = np.mean(np.array(values, np.float64), axis=0).tolist()
        return Estimate(value, low, high, found[0].count, self.alpha)

    @property
    def auc_grid_error(self) -> float:
        """The most by which the area may differ from that of the scores as they were, before they were counted in bins."""
        return float(np.mean([area.grid_error for area in self._areas]))

    @property
    def calibration_error(self) -> Estimate:
        if self.score_of == "positive" and not self._has_all_scores:
            return unknown(0, self.alpha)
        return self._calibration.estimate()

    @property
    def scores_by_class(self) -> NDArray[np.int64]:
        """Rows by [class, is of the class, bin of `score_grid`]; what a calibration is fitted on."""
        return np.stack([area.counts for area in self._areas])

    @property
    def _has_all_scores(self) -> bool:
        return self.is_binary or len(self._areas) > 1

    def of_class(self, name: str) -> OfClass:
        return self.confusion.of_class(name)

    def state(self) -> bytes:
        kept = ClassificationState(
            self.confusion.kept(),
            self.unlabelled,
            self.unusable_labels,
            self.bad_scores,
            self._loss,
            [packed(area.counts) for area in self._areas],
            packed(self._calibration.counts),
            self._calibration.scores.tolist(),
        )
        return versioned(VERSION, kept)

    def restore(self, data: bytes) -> None:
        """Take the place of what `state` was of; this one must have been made alike."""
        kept = read_version(data, VERSION, ClassificationState)
        self.confusion = Confusion.from_kept(kept.confusion, self.alpha)
        self.index = self.confusion.index
        self.unlabelled, self.unusable_labels = kept.unlabelled, kept.unusable_labels
        self.bad_scores, self._loss = kept.bad_scores, kept.loss
        for area, counts in zip(self._areas, kept.areas, strict=True):
            area.counts = unpacked(counts)
        self._calibration.counts = unpacked(kept.calibration_counts)
        self._calibration.scores = np.array(kept.calibration_scores)


def _loss(probabilities: Scores) -> Scores:
    return -np.log(np.clip(probabilities, _SMALLEST, 1 - _SMALLEST))

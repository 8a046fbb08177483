import math
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.calibrator import Calibration, Method
from watchtower.performance.classes import MISSING, ClassIndex, class_name
from watchtower.performance.estimate import ALPHA, Estimate, bounded, unknown
from watchtower.performance.ranking import area
from watchtower.performance.score_grid import BINS, counted, probable
from watchtower.performance.sparse import Packed, packed, read_version, unpacked, versioned

Values = Sequence[object] | NDArray[np.generic]
Scores = NDArray[np.float64]

VERSION: Final = 1
_ONCE: Final = 0.5  # row: less than that is to be expected of a class that is not there


class Estimated(NamedTuple):
    """What the metrics would be, were all labels known. Means are macro when there are more classes than two."""

    method: Method  # of the calibration
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    roc_auc: Estimate


class CbpeState(msgspec.Struct, frozen=True, array_like=True):
    counts: Packed
    rows: int
    unusable: int


class _Part(NamedTuple):
    """A metric of one class: its value, and the variance of it that the labels' chance and the calibration's error make."""

    value: float
    chance: float
    calibration: float
    rows: float  # that the metric is a share of


class Cbpe:
    """Metrics of a classifier without labels, from its own scores: confidence-based performance estimation.

    If the calibrated score c(s) is the share of the class among rows of score s, then each row is the class with chance
    c(s): a row predicted so adds c to the expected true positives and 1 - c to the false ones, any other row adds c to the
    false negatives; the metrics are those of the expected table (the idea is NannyML's; its theory: Kivimäki et al., 2025,
    arXiv 2505.05295). Classes are taken one against the rest. Rows are counted by score, so the calibration is chosen when
    the metrics are read, and everything merges exactly; the bin's middle stands for its scores (`score_grid`).

    The interval is for what the labels of these very rows will say, by the delta method: the chance of each label, c(1 - c),
    and the covariance of the calibration. It holds 1 - alpha as long as c stays what it was when it was fitted. Covariate
    drift leaves c alone and is what this is for; concept drift changes c, cannot be seen from scores, and is found where
    `disagrees` compares this with the labels that came. Not for scores of a model that was trained on the labelled rows.
    """

    def __init__(self, *, positive: object = "1", classes: Sequence[object] = (), alpha: float = ALPHA) -> None:
        """With `classes`, three or more, scores are columns of probabilities in their order; else the positive class's."""
        names = [name for value in classes if (name := class_name(value))]
        self.alpha = alpha
        self.classes = names if len(names) > 2 else [class_name(positive) or "1"]
        self._counts = np.zeros((len(self.classes), 2, BINS), np.int64)  # [class, is predicted, bin]
        self.rows = 0
        self.unusable = 0
        self._index = ClassIndex(self.classes, max(len(self.classes), 2))

    def update(self, predicted: Values, scores: Scores) -> None:
        codes = self._index.codes(predicted)
        good, _ = probable(scores)
        good &= codes != MISSING
        self.unusable += int(np.count_nonzero(~good))
        self.rows += int(np.count_nonzero(good))
        columns = np.clip(scores[good], 0.0, 1.0).reshape(-1, len(self.classes))
        for code, counts in enumerate(self._counts):
            is_predicted = codes[good] == code
            counts[1] += counted(columns[is_predicted, code])
            counts[0] += counted(columns[~is_predicted, code])

    def merge(self, other: Self) -> None:
        """The other must have been made alike."""
        self._counts += other._counts
        self.rows += other.rows
        self.unusable += other.unusable

    def estimated(self, calibrations: Sequence[Calibration], met: Collection[str] | None = None) -> Estimated:
        """By one calibration for each class, or the positive class's.

        Macro means are over the classes that were `met`, as those of labelled rows are: a class that is not in the
        traffic would count as 0 here, and not there. Who does not know them leaves out what is neither predicted nor
        to be expected once. The area is unknown where a class is not met, as that of labelled rows is.
        """
        pairs = list(zip(self._counts.astype(np.float64), calibrations, strict=True))
        macro = pairs
        if len(pairs) > 1:
            if met is None:
                is_met = [counts[1].sum() > 0 or (counts @ one.shares).sum() >= _ONCE for counts, one in pairs]
            else:
                is_met = [name in met for name in self.classes]
            macro = [pair for pair, is_one in zip(pairs, is_met, strict=True) if is_one]
        areas = [_area(*pair) for pair in macro]
        if len(macro) < len(pairs) or None in areas:
            areas = []
        if len(pairs) == 1:
            accuracy = [_accuracy(*pairs[0])]
        else:
            # Every row counts once, with the class that it was predicted as.
            accuracy = [_right(counts, calibration, self.rows) for counts, calibration in pairs]
        return Estimated(
            min((calibration.method for calibration in calibrations), key=("none", "platt", "isotonic").index),
            self._estimate(accuracy, 1, calibrations),
            self._estimate([_precision(*pair) for pair in macro], len(macro), calibrations),
            self._estimate([_recall(*pair) for pair in macro], len(macro), calibrations),
            self._estimate([_f1(*pair) for pair in macro], len(macro), calibrations),
            self._estimate(areas, len(areas), calibrations),
        )

    def _estimate(self, parts: list[_Part | None], divisor: int, calibrations: Sequence[Calibration]) -> Estimate:
        """The mean of the parts, or, with a divisor of 1, their sum; errors of the calibrations add as if all went one way."""
        found = [part for part in parts if part is not None]
        if not found:
            return unknown(self.rows, self.alpha)
        value = min(1.0, sum(part.value for part in found) / divisor)
        if not all(calibration.is_fitted for calibration in calibrations):
            return Estimate(value, None, None, self.rows, self.alpha)
        # Shares of different rows have chances of their own; a macro mean's classes share theirs, and their errors add.
        if divisor == 1:
            chance = sum(part.chance for part in found)
        else:
            chance = (sum(math.sqrt(part.chance) for part in found) / divisor) ** 2
        spread = (sum(math.sqrt(part.calibration) for part in found) / divisor) ** 2
        return bounded(value, chance + spread, sum(part.rows for part in found), self.rows, self.alpha)

    def state(self) -> bytes:
        return versioned(VERSION, CbpeState(packed(self._counts), self.rows, self.unusable))

    def restore(self, data: bytes) -> None:
        kept = read_version(data, VERSION, CbpeState)
        self._counts, self.rows, self.unusable = unpacked(kept.counts), kept.rows, kept.unusable


def _part(counts: Scores, calibration: Calibration, value: float, moves: Scores, rows: float) -> _Part:
    """`moves` is by how much the value rises when a row of [is predicted, bin] turns out to be the class."""
    shares = calibration.shares
    chance = float((counts * moves**2 @ (shares * (1 - shares))).sum())
    together = (counts * moves).sum(axis=0) @ calibration.factors
    return _Part(value, chance, float(together @ together), rows)


def _moves(of_others: float, of_predicted: float) -> Scores:
    return np.array([[of_others], [of_predicted]]) * np.ones(BINS)


def _accuracy(counts: Scores, calibration: Calibration) -> _Part | None:
    rows = float(counts.sum())
    if rows == 0:
        return None
    missed, hits = (counts @ calibration.shares).tolist()
    value = (hits + float(counts[0].sum()) - missed) / rows
    return _part(counts, calibration, value, _moves(-1 / rows, 1 / rows), rows)


def _right(counts: Scores, calibration: Calibration, rows: int) -> _Part | None:
    if rows == 0:
        return None
    value = float(counts[1] @ calibration.shares) / rows
    return _part(counts, calibration, value, _moves(0.0, 1 / rows), float(counts[1].sum()))


def _precision(counts: Scores, calibration: Calibration) -> _Part | None:
    predicted = float(counts[1].sum())
    if predicted == 0:
        return None
    value = float(counts[1] @ calibration.shares) / predicted
    return _part(counts, calibration, value, _moves(0.0, 1 / predicted), predicted)


def _recall(counts: Scores, calibration: Calibration) -> _Part | None:
    missed, hits = (counts @ calibration.shares).tolist()
    positives = hits + missed
    if positives == 0:
        return None
    value = hits / positives
    return _part(counts, calibration, value, _moves(-value / positives, (1 - value) / positives), positives)


def _f1(counts: Scores, calibration: Calibration) -> _Part | None:
    missed, hits = (counts @ calibration.shares).tolist()
    below = hits + missed + float(counts[1].sum())
    if below == 0:
        return None
    value = 2 * hits / below
    return _part(counts, calibration, value, _moves(-value / below, (2 - value) / below), below - hits)


def _area(counts: Scores, calibration: Calibration) -> _Part | None:
    rows = counts.sum(axis=0)
    positives, negatives = rows * calibration.shares, rows * (1 - calibration.shares)
    value = area(positives, negatives)
    if value is None:
        return None
    all_positive, all_negative = float(positives.sum()), float(negatives.sum())
    below = np.cumsum(negatives) - negatives / 2
    above = all_positive - (np.cumsum(positives) - positives / 2)
    moves = (below - above) / (all_positive * all_negative) - value / all_positive + value / all_negative
    return _part(counts, calibration, value, np.stack((moves, moves)), min(all_positive, all_negative))

from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.classes import OTHER, ClassIndex
from watchtower.performance.estimate import Estimate, bounded, share_of, unknown, wilson
from watchtower.performance.sparse import Packed, packed, unpacked


class OfClass(NamedTuple):
    """How one class fares."""

    name: str
    labelled: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


class ConfusionState(msgspec.Struct, frozen=True, array_like=True):
    names: list[str]
    limit: int
    counts: Packed
    correct: int


class Confusion:
    """Labels against predictions, by class: accuracy, precision, recall, F1.

    Precision = TP/(TP+FP), recall = TP/(TP+FN), F1 = 2TP/(2TP+FP+FN); macro: the mean over the classes seen, an undefined one
    counting as 0, as scikit-learn has it. Intervals of shares are Wilson's. F1 = 2J/(1+J) of the share J = TP/(TP+FP+FN), so
    its interval is J's, mapped. Those of macro means are by the delta method on the table's cells, multinomial (Takahashi et
    al., 2022), in Wilson's form; where classes differ much in size they are wider than need be, never narrower.

    Beyond `limit` classes the later ones are one, "other classes": counted in the accuracy, left out of the macro means.
    Two tables merge exactly as long as both stay within the limit. Not for ordered classes: far off is as wrong as near.
    """

    def __init__(self, index: ClassIndex, alpha: float) -> None:
        self.index = index
        self.alpha = alpha
        self.counts = np.zeros((index.limit + 1, index.limit + 1), np.int64)  # [label, predicted]; the last is other
        self.correct = 0

    def update(self, labels: NDArray[np.int64], predicted: NDArray[np.int64], agree: NDArray[np.bool_]) -> None:
        """Codes of the index, none of them missing. `agree` says who is right, for among other classes no code does."""
        side = self.index.limit + 1
        self.counts += np.bincount(labels * side + predicted, minlength=side * side).reshape(side, side)
        self.correct += int(np.count_nonzero(agree))

    def merge(self, other: Self) -> None:
        places = np.array([self.index.code(name) for name in other.index.names] + [self.index.limit], np.int64)
        known = np.array([*range(len(other.index.names)), other.index.limit], np.int64)
        np.add.at(self.counts, np.ix_(places, places), other.counts[np.ix_(known, known)])
        self.correct += other.correct

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def met(self) -> dict[str, int]:
        """How often each class was met, as label or prediction; and what they share beyond the limit."""
        met = (self.counts.sum(axis=0) + self.counts.sum(axis=1)).tolist()
        named = [*zip(self.index.names, met, strict=False), (OTHER, met[-1])]
        return {name: count for name, count in named if count}

    @property
    def names(self) -> list[str]:
        return list(self.met)

    def share_of_two(self, name: str) -> float:
        """Of the rows, those whose label and prediction are this class or the commonest other one; 0 if it was not met."""
        code = self.index.find(name)
        met = self.counts.sum(axis=0) + self.counts.sum(axis=1)
        if code == self.index.limit or not met[code]:
            return 0.0
        met[[code, self.index.limit]] = 0
        two = sorted({code, int(met.argmax())})
        return float(self.counts[np.ix_(two, two)].sum()) / self.total

    @property
    def accuracy(self) -> Estimate:
        return share_of(self.correct, self.total, self.alpha)

    def of_class(self, name: str) -> OfClass:
        code = self.index.find(name)
        labelled, predicted = int(self.counts[code].sum()), int(self.counts[:, code].sum())
        if code == self.index.limit:
            unsaid = unknown(labelled, self.alpha)  # who is right among the other classes is known of all only
            return OfClass(name, labelled, predicted, unsaid, unsaid, unsaid)
        hits = int(self.counts[code, code])
        return OfClass(
            name,
            labelled,
            predicted,
            share_of(hits, predicted, self.alpha),
            share_of(hits, labelled, self.alpha),
            f1_of(hits, labelled, predicted, self.alpha),
        )

    def macro_precision(self) -> Estimate:
        return self._macro(by_label=False, by_prediction=True)

    def macro_recall(self) -> Estimate:
        return self._macro(by_label=True, by_prediction=False)

    def macro_f1(self) -> Estimate:
        return self._macro(by_label=True, by_prediction=True)

    def _macro(self, *, by_label: bool, by_prediction: bool) -> Estimate:
        """The mean over the classes met of above/below: hits among rows of the class as labelled, as predicted, or both.

        One more row in cell (i, j) moves it by the sum over the classes of (∂above - ratio·∂below)/below; the variance is
        that of the sum of these moves, the cells being multinomial given their total.
        """
        total = self.total
        counts = self.counts[:-1, :-1].astype(np.float64)
        labelled, predicted = self.counts[:-1].sum(axis=1), self.counts[:, :-1].sum(axis=0)
        met = labelled + predicted > 0
        if not met.any():
            return unknown(total, self.alpha)
        hits = np.diagonal(counts)
        above = hits * (by_label + by_prediction)
        below = (labelled * by_label + predicted * by_prediction).astype(np.float64)
        inverse = np.divide(1.0, below, out=np.zeros_like(below), where=below > 0)
        ratios = above * inverse
        pulls = ratios * inverse
        moves = (
            np.diag(inverse * (by_label + by_prediction)) - pulls[:, None] * by_label - pulls[None, :] * by_prediction
        )
        # Rows of which one side is among the other classes still move the class of their other side.
        beside = np.concatenate((-pulls * by_label, -pulls * by_prediction))
        beside_counts = np.concatenate((self.counts[:-1, -1], self.counts[-1, :-1]))
        squares = (counts * moves**2).sum() + (beside_counts * beside**2).sum()
        drift = (counts * moves).sum() + (beside_counts * beside).sum()
        variance = float(squares - drift**2 / total) / int(met.sum()) ** 2
        # As many rows as equal shares in classes of these sizes would be known by.
        sizes = (below - hits * (by_label and by_prediction))[below > 0]
        most = sizes.size**2 / float((1 / sizes).sum()) if sizes.size else 1.0
        return bounded(float(ratios[met].mean()), variance, most, total, self.alpha)

    def kept(self) -> ConfusionState:
        return ConfusionState(self.index.names, self.index.limit, packed(self.counts), self.correct)

    @classmethod
    def from_kept(cls, kept: ConfusionState, alpha: float) -> Self:
        confusion = cls(ClassIndex(kept.names, kept.limit), alpha)
        confusion.counts = unpacked(kept.counts)
        confusion.correct = kept.correct
        return confusion


def f1_of(hits: int, labelled: int, predicted: int, alpha: float) -> Estimate:
    union = labelled + predicted - hits
    if union == 0:
        return unknown(0, alpha)
    low, high = (2 * share / (1 + share) for share in wilson(hits / union, union, alpha))
    return Estimate(2 * hits / (labelled + predicted), low, high, union, alpha)

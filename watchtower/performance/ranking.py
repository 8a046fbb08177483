import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from watchtower.performance.estimate import Estimate, normal_quantile, unknown
from watchtower.performance.score_grid import BINS, counted

Mass = NDArray[np.float64] | NDArray[np.int64]  # rows by bin; of an expectation, parts of rows


class RocAuc:
    """The area under the ROC curve: the chance that a row of the class has a higher score than one that is not of it.

    Counted on the grid of `score_grid`, a tie for a half (Mann and Whitney, 1947): equal to scikit-learn's where no two
    scores of different classes share a bin by less than being equal, else within `grid_error`, which is known exactly, and
    which the interval holds too. The interval is Hanley and McNeil's (1982) variance solved for the area as Wilson solves
    for a share: Newcombe (2006), Statistics in Medicine 25(4), method 5, who found its coverage near its promise from ten
    rows of each class on, also close to 1, where a plain normal interval has no width. Scores with few values make it wider
    than need be. Not for the choice of a threshold, nor where the class is rare and only the top of the ranking is used.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.counts = np.zeros((2, BINS), np.int64)  # [is of the class, bin]

    def update(self, is_positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
        self.counts[1] += counted(scores[is_positive])
        self.counts[0] += counted(scores[~is_positive])

    def merge(self, other: Self) -> None:
        self.counts += other.counts

    @property
    def grid_error(self) -> float:
        """The most by which the area may be off, all ties of a bin being decided one way: ½ Σ P_b N_b / (P N)."""
        rows = float(self.counts[1].sum()) * float(self.counts[0].sum())
        return float((self.counts[1].astype(np.float64) * self.counts[0]).sum()) / (2 * rows) if rows else 0.0

    def estimate(self) -> Estimate:
        negatives, positives = (int(side.sum()) for side in self.counts)
        value = area(self.counts[1], self.counts[0])
        if value is None:
            return unknown(positives + negatives, self.alpha)
        low, high = area_interval(value, positives, negatives, self.alpha)
        error = self.grid_error
        return Estimate(value, max(0.0, low - error), min(1.0, high + error), positives + negatives, self.alpha)


def area(positives: Mass, negatives: Mass) -> float | None:
    rows = float(positives.sum()) * float(negatives.sum())
    if rows <= 0:
        return None
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below) / rows


def area_interval(value: float, positives: int, negatives: int, alpha: float) -> tuple[float, float]:
    """The areas θ with |value - θ| ≤ z·sqrt(V(θ)); V(θ) falls from the middle to both ends, so there is one on each side."""
    z = normal_quantile(alpha)
    half = (positives + negatives) / 2 - 1

    def excess(theta: float) -> float:
        spread = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(value - theta) - z * math.sqrt(theta * (1 - theta) * spread / (positives * negatives))

    ends = []
    for outer in (0.0, 1.0):
        inner, far = value, outer
        for _ in range(50):
            middle = (inner + far) / 2
            inner, far = (middle, far) if excess(middle) <= 0 else (inner, middle)
        ends.append(far)
    return ends[0], ends[1]

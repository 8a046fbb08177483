import math
from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.estimate import ALPHA, Estimate, normal_quantile, unknown
from watchtower.performance.moments import Mean
from watchtower.performance.numbers import numbers
from watchtower.performance.sparse import read_version, versioned

Numbers = NDArray[np.float64]
Values = Sequence[object] | NDArray[np.generic]

VERSION: Final = 1
_POWERS: Final = np.arange(5)
# Of the mean: a spread of labels below this is what adding equal ones leaves in the last digits.
_ROUNDING: Final = 1e-13
_BINOMIALS: Final = np.array([[math.comb(k, low) for low in range(5)] for k in range(5)], np.float64)


class RegressionState(msgspec.Struct, frozen=True, array_like=True):
    unusable: int
    unusable_labels: int
    zero_labels: int
    means: list[Mean]
    centre: float | None
    powers: list[list[float]]


class Regression:
    """How far predicted numbers are off, with labels. An error is predicted - label.

    Bias = mean error, MAE = mean |error|, RMSE = sqrt(mean error²), MAPE = mean |error/label|, R² = 1 - Σ error² / Σ (label -
    mean label)². Intervals: Student's for the means, of the squares mapped through the root for RMSE; for R² by the delta
    method, from the sums Σ error^2j (label - c)^k, j ≤ 2, k ≤ 4, which merge exactly whatever their centres c. They hold
    1 - alpha where a mean of some hundred rows is near normal; errors with tails that have no variance defeat all of them.

    MAPE leaves out rows whose label is 0 and counts them (scikit-learn divides them by 2e-16). R² needs two different labels.
    Labels and predictions that are no finite numbers are counted as unusable.
    """

    def __init__(self, *, alpha: float = ALPHA) -> None:
        self.alpha = alpha
        self.unusable = 0
        self.unusable_labels = 0  # of them, those whose label is no number
        self.zero_labels = 0
        self._error, self._size, self._square, self._relative, self._label = (Mean() for _ in range(5))
        self._centre: float | None = None
        self._powers = np.zeros((3, 5))  # [j, k] of Σ error^2j (label - centre)^k

    def update(self, labels: Values, predicted: Values) -> None:
        label, answer = numbers(labels), numbers(predicted)
        usable = np.isfinite(label) & np.isfinite(answer)
        self.unusable += int(np.count_nonzero(~usable))
        self.unusable_labels += int(np.count_nonzero(~np.isfinite(label)))
        label, answer = label[usable], answer[usable]
        if not label.size:
            return
        # Beyond 1e154 a square is infinite: so is the mean then, and it is shown as unknown.
        with np.errstate(over="ignore", invalid="ignore"):
            error = answer - label
            square = np.square(error)
            counts = label != 0
            self.zero_labels += int(np.count_nonzero(~counts))
            self._error.update(error)
            self._size.update(np.abs(error))
            self._square.update(square)
            self._relative.update(np.abs(error[counts] / label[counts]))
            self._label.update(label)
            if self._centre is None:
                self._centre = float(label.mean())
            distances = (label - self._centre)[None, :] ** _POWERS[:, None]
            self._powers += np.stack((np.ones_like(square), square, square**2)) @ distances.T

    def merge(self, other: Self) -> None:
        self.unusable += other.unusable
        self.unusable_labels += other.unusable_labels
        self.zero_labels += other.zero_labels
        with np.errstate(over="ignore", invalid="ignore"):
            for own, others in zip(self._means(), other._means(), strict=True):
                own.merge(others)
            if other._centre is None:
                return
            if self._centre is None:
                self._centre, self._powers = other._centre, other._powers.copy()
                return
            self._powers += recentred(other._powers, other._centre - self._centre)

    def _means(self) -> tuple[Mean, Mean, Mean, Mean, Mean]:
        return self._error, self._size, self._square, self._relative, self._label

    @property
    def count(self) -> int:
        return self._error.count

    @property
    def bias(self) -> Estimate:
        return self._error.estimate(self.alpha)

    @property
    def mae(self) -> Estimate:
        return self._size.estimate(self.alpha, 0.0)

    @property
    def mape(self) -> Estimate:
        return self._relative.estimate(self.alpha, 0.0)

    @property
    def rmse(self) -> Estimate:
        found = self._square.estimate(self.alpha, 0.0)
        return Estimate(root(found.value), root(found.low), root(found.high), found.count, found.alpha)

    @property
    def r2(self) -> Estimate:
        """Of n rows and label variance v: each moves R² by -(error² - m)/v + m·((label - mean)² - v)/v², m the mean error²."""
        count, spread = self.count, self._label.squares
        if self._centre is None or count < 2 or not (0 < spread < math.inf) or not math.isfinite(self._square.mean):
            return unknown(count, self.alpha)
        if math.sqrt(spread / count) < _ROUNDING * abs(self._label.mean):
            return unknown(count, self.alpha)
        variance, mean_square = spread / count, self._square.mean
        slope = mean_square / variance
        if not math.isfinite(slope):
            return unknown(count, self.alpha)
        value = 1 - slope
        with np.errstate(over="ignore", invalid="ignore"):
            moments = recentred(self._powers, self._centre - self._label.mean) / count
            # The mean square of (slope·d² - e²), whose own mean is nothing: e² has the mean m, d² has v, and slope·v = m.
            moved = moments[2, 0] - 2 * slope * moments[1, 2] + slope * slope * moments[0, 4]
        if not math.isfinite(moved):
            return Estimate(value, None, None, count, self.alpha)
        half = normal_quantile(self.alpha) * math.sqrt(max(moved, 0.0) / count) / variance
        return Estimate(value, value - half, min(1.0, value + half), count, self.alpha)

    def state(self) -> bytes:
        kept = RegressionState(
            self.unusable,
            self.unusable_labels,
            self.zero_labels,
            list(self._means()),
            self._centre,
            self._powers.tolist(),
        )
        return versioned(VERSION, kept)

    def restore(self, data: bytes) -> None:
        kept = read_version(data, VERSION, RegressionState)
        self.unusable, self.unusable_labels = kept.unusable, kept.unusable_labels
        self.zero_labels, self._centre = kept.zero_labels, kept.centre
        self._error, self._size, self._square, self._relative, self._label = kept.means
        self._powers = np.array(kept.powers)


def root(square: float | None) -> float | None:
    return None if square is None else math.sqrt(square)


def recentred(powers: Numbers, step: float) -> Numbers:
    """Sums of (x + step)^k, from those of x^k."""
    shift: Numbers = _BINOMIALS * step ** np.maximum(_POWERS[:, None] - _POWERS[None, :], 0)
    moved: Numbers = powers @ shift.T
    return moved

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from watchtower.performance.estimate import Estimate, normal_quantile, unknown


class CalibrationError:
    """Expected calibration error: the mean over rows of |share of hits - mean score| in bins of equal width.

    Naeini, Cooper and Hauskrecht (2015). Even perfect scores have one over 0, by about the noise of the bins, so the interval
    reaches further below than a mean's would: by the triangle inequality the error of the true shares is
    within Σ w_b |noise_b| of it, and the interval takes that sum's mean and z times its deviation, the noises normal. It
    covers at least 1 - alpha, mostly more. Blind to errors that cancel inside one bin.
    """

    def __init__(self, bins: int, alpha: float) -> None:
        self.bins = bins
        self.alpha = alpha
        self.counts = np.zeros((2, bins), np.int64)  # rows, hits
        self.scores = np.zeros(bins)  # their sum

    def update(self, is_hit: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
        # The last bin takes 1, too; the edges are scikit-learn's calibration_curve's.
        places = np.searchsorted(np.linspace(0, 1, self.bins + 1)[1:-1], scores)
        self.counts[0] += np.bincount(places, minlength=self.bins)
        self.counts[1] += np.bincount(places[is_hit], minlength=self.bins)
        self.scores += np.bincount(places, weights=scores, minlength=self.bins)

    def merge(self, other: Self) -> None:
        self.counts += other.counts
        self.scores += other.scores

    def estimate(self) -> Estimate:
        rows, hits = self.counts[:, self.counts[0] > 0].astype(np.float64)
        if not rows.size:
            return unknown(0, self.alpha)
        total = float(rows.sum())
        shares, scores = hits / rows, self.scores[self.counts[0] > 0] / rows
        weights = rows / total
        value = float(weights @ np.abs(shares - scores))
        # One hit and one miss more keep a bin that is all hits from having no noise.
        smooth = (hits + 1) / (rows + 2)
        noises = np.sqrt(smooth * (1 - smooth) / rows)
        mean = math.sqrt(2 / math.pi) * float(weights @ noises)
        half = mean + normal_quantile(self.alpha) * math.sqrt((1 - 2 / math.pi) * float(weights**2 @ noises**2))
        return Estimate(value, max(0.0, value - half), min(1.0, value + half), int(total), self.alpha)

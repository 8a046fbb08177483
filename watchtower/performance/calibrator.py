"""What a score is worth: the share of the class among labelled rows of that score, as a curve over the grid of scores."""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchtower.performance.score_grid import BINS, MIDDLES

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
Method = Literal["none", "platt", "isotonic"]

# Niculescu-Mizil and Caruana (2005): below about a thousand rows the isotonic curve follows the noise; scikit-learn says the same.
ISOTONIC_FROM: Final = 1000
# Two parameters are fitted; ten rows of the rarer class for each is the usual rule.
PLATT_FROM: Final = 20


class Calibration(NamedTuple):
    """The share of the class in each bin, and how uncertain it is.

    The covariance of the shares of two bins is the product of their rows of `factors`. Without labels the scores are taken
    at their word, and the uncertainty of that is unknown, not nothing.
    """

    method: Method
    shares: Shares  # by bin
    factors: Shares  # by bin, and by independent source of error
    rows: int  # labelled, that it was fitted on

    @property
    def is_fitted(self) -> bool:
        return self.method != "none"


UNFITTED: Final = Calibration("none", MIDDLES, np.zeros((BINS, 0)), 0)


def fit(negatives: Counts, positives: Counts) -> Calibration:
    """From labelled rows by bin: isotonic where there are enough, Platt's sigmoid where there are few, else the scores."""
    rarer, rows = int(min(negatives.sum(), positives.sum())), int(negatives.sum() + positives.sum())
    if rarer < PLATT_FROM:
        return UNFITTED._replace(rows=rows)
    return isotonic(negatives, positives) if rows >= ISOTONIC_FROM else platt(negatives, positives)


def isotonic(negatives: Counts, positives: Counts) -> Calibration:
    """The rising step curve of least squares, by pooling adjacent violators (Ayer et al., 1955); straight between steps.

    Each pooled block is a binomial share of its own rows; half a hit more keeps one without hits from being certain. The
    choice of the blocks is not counted, so the uncertainty is a little too small.
    """
    bins = np.flatnonzero(negatives + positives)
    blocks: list[list[float]] = []  # hits, rows, bins
    for hits, rows in zip(positives[bins].tolist(), (negatives + positives)[bins].tolist(), strict=True):
        blocks.append([hits, rows, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    hits, rows, widths = np.array(blocks).T
    block_of = np.repeat(np.arange(len(blocks)), widths.astype(np.int64))
    smooth = (hits + 0.5) / (rows + 1)
    deviations = np.diag(np.sqrt(smooth * (1 - smooth) / rows))
    weights = _between(bins, block_of, len(blocks))
    return Calibration("isotonic", weights @ (hits / rows), weights @ deviations, int(rows.sum()))


def _between(bins: Counts, block_of: Counts, blocks: int) -> Shares:
    """How much each block says of each bin of the grid: all where it has rows, part of it in the gap between two blocks."""
    at = np.interp(MIDDLES, MIDDLES[bins], block_of.astype(np.float64))
    lower = np.floor(at).astype(np.int64)
    weights = np.zeros((BINS, blocks))
    every = np.arange(BINS)
    weights[every, lower] = 1 - (at - lower)
    weights[every, np.minimum(lower + 1, blocks - 1)] += at - lower
    return weights


def platt(negatives: Counts, positives: Counts) -> Calibration:
    """1/(1 + exp(-(a + b·logit(score)))) of greatest likelihood (Platt, 1999; on the logit: Kull et al., 2017), by Newton.

    The uncertainty is that of a and b, by the inverse of the information.
    """
    logits = np.log(MIDDLES) - np.log1p(-MIDDLES)
    design = np.column_stack((np.ones(BINS), logits))
    rows = (negatives + positives).astype(np.float64)
    # Platt's targets, one row of each class more: with two classes that do not overlap the curve would be a cliff.
    total_positive, total_negative = float(positives.sum()), float(negatives.sum())
    high, low = (total_positive + 1) / (total_positive + 2), 1 / (total_negative + 2)
    targets = positives * high + negatives * low
    found = np.array([0.0, 1.0])
    for _ in range(50):
        shares = _sigmoid(design @ found)
        slope = design.T @ (targets - rows * shares)
        information = (design * (rows * shares * (1 - shares))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(information, slope)
        # Far from the top a whole step overshoots.
        found = found + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-9:
            break
    shares = _sigmoid(design @ found)
    root = np.linalg.cholesky(np.linalg.inv(information))
    return Calibration("platt", shares, (shares * (1 - shares))[:, None] * (design @ root), int(rows.sum()))


def _sigmoid(logits: Shares) -> Shares:
    shares: Shares = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return shares

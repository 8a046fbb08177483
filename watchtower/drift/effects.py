"""How far a window is from the reference: measures of size, on counts in the same bins or on weighted samples.

They say how large a change is, never whether it is chance: a window of 50 unchanged rows has a PSI of 0.4 in ten bins.
Whether is for the detector, which knows how many rows there were. A measure without rows on either side is NaN.

The values are scipy's, and Evidently's where it has the measure, to 1e-9; `psi` fills empty bins as Evidently does,
for its logarithm needs something there: with 0.0001, or, where a smaller share was seen, with a millionth of that.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_NAN = float("nan")


def psi(reference: ArrayLike, window: ArrayLike) -> float:
    """Population stability index: Σ (p - q) · ln(p/q), which is Jeffreys' divergence. Of counts; 0 up, without end.

    The customary 0.1 and 0.25 mean something only for windows of thousands.
    """
    p, q = _shares(reference), _shares(window)
    if not (p.any() and q.any()):
        return _NAN
    p, q = _filled(p), _filled(q)
    return float(np.sum((p - q) * np.log(p / q)))


def jensen_shannon(reference: ArrayLike, window: ArrayLike) -> float:
    """The distance, not the divergence: √(½·KL(p‖m) + ½·KL(q‖m)), m amid both; natural logarithm. Of counts; 0 to 0.8326.

    As `scipy.spatial.distance.jensenshannon`, and Evidently's `jensenshannon`, have it without a base.
    """
    p, q = _shares(reference), _shares(window)
    if not (p.any() and q.any()):
        return _NAN
    middle = (p + q) / 2
    return float(np.sqrt(max((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2, 0.0)))


def hellinger(reference: ArrayLike, window: ArrayLike) -> float:
    """√(1 - Σ √(p·q)). Of counts; 0 to 1."""
    p, q = _shares(reference), _shares(window)
    if not (p.any() and q.any()):
        return _NAN
    return float(np.sqrt(1 - min(float(np.sum(np.sqrt(p * q))), 1.0)))


def total_variation(reference: ArrayLike, window: ArrayLike) -> float:
    """½ · Σ |p - q|: the share of rows that would have to be others. Of counts; 0 to 1."""
    p, q = _shares(reference), _shares(window)
    return float(np.abs(p - q).sum() / 2) if p.any() and q.any() else _NAN


def goodness_of_fit(reference: ArrayLike, window: ArrayLike) -> float:
    """Pearson's χ² of the window's counts against the reference's shares taken as true: Evidently's `chisquare`.

    Infinite where the reference has an empty bin and the window has not. It takes the reference for the truth, though
    it is a sample: with 1,000 rows of reference and windows as large its p-values are far too small. See `chi_square`.
    """
    expected, observed = _counts(reference), _counts(window)
    if not (expected.any() and observed.any()):
        return _NAN
    expected = expected * (observed.sum() / expected.sum())
    seen = (expected > 0) | (observed > 0)
    with np.errstate(divide="ignore"):
        return float(np.sum(np.square(observed[seen] - expected[seen]) / expected[seen]))


def chi_square(reference: ArrayLike, window: ArrayLike) -> float:
    """Pearson's χ² of homogeneity: both are samples. `scipy.stats.chi2_contingency` without Yates' correction.

    It grows with the rows: to compare windows of different size, take `cramers_v`.
    """
    both = np.stack((_counts(reference), _counts(window)))
    both = both[:, both.any(axis=0)]
    rows = both.sum(axis=1, keepdims=True)
    if not rows.all():
        return _NAN
    expected = rows * (both.sum(axis=0, keepdims=True) / both.sum())
    return float(np.sum(np.square(both - expected) / expected))


def cramers_v(reference: ArrayLike, window: ArrayLike) -> float:
    """√(χ²/n), of homogeneity; the smaller side of the table is always two. Of counts; 0 to 1.

    `scipy.stats.contingency.association(method="cramer")`.
    """
    return float(np.sqrt(chi_square(reference, window) / (_counts(reference).sum() + _counts(window).sum())))


def kolmogorov_smirnov(
    reference: Floats, window: Floats, reference_weights: Floats | None = None, window_weights: Floats | None = None
) -> float:
    """The largest distance between both distribution functions: the statistic of `scipy.stats.ks_2samp`. 0 to 1."""
    if not (len(reference) and len(window)):
        return _NAN
    _, p, q = _distributions(reference, window, reference_weights, window_weights)
    return float(np.abs(p - q).max())


def wasserstein(
    reference: Floats, window: Floats, reference_weights: Floats | None = None, window_weights: Floats | None = None
) -> float:
    """The area between both distribution functions, in the values' own unit: `scipy.stats.wasserstein_distance`."""
    if not (len(reference) and len(window)):
        return _NAN
    points, p, q = _distributions(reference, window, reference_weights, window_weights)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(np.abs(p - q)[:-1] * np.diff(points)))


def normalised(distance: float, deviation: float) -> float:
    """In the reference's standard deviations (of the population); under 0.001 it counts as that, as in Evidently."""
    return distance / max(deviation, 0.001)


def _counts(counts: ArrayLike) -> Floats:
    return np.asarray(counts, np.float64)


def _shares(counts: ArrayLike) -> Floats:
    """Their sum is 1, or 0 where there is nothing."""
    array = _counts(counts)
    return array / max(float(array.sum()), np.finfo(np.float64).tiny)


def _filled(shares: Floats) -> Floats:
    smallest = shares[shares > 0].min()
    return np.where(shares > 0, shares, smallest / 1e6 if smallest <= 1e-4 else 1e-4)


def _relative_entropy(p: Floats, q: Floats) -> float:
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))


def _distributions(
    reference: Floats, window: Floats, reference_weights: Floats | None, window_weights: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """At every value of either: the share of each that is at most it."""
    points = np.sort(np.concatenate((reference, window)))
    return points, _share_up_to(points, reference, reference_weights), _share_up_to(points, window, window_weights)


def _share_up_to(points: Floats, values: Floats, weights: Floats | None) -> Floats:
    if weights is None:
        return np.searchsorted(np.sort(values), points, side="right") / len(values)
    order = np.argsort(values)
    sums = np.concatenate(([0.0], np.cumsum(weights[order])))
    found: Floats = sums[np.searchsorted(values[order], points, side="right")] / sums[-1]
    return found

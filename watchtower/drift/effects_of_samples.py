"""Evidently's measures on two samples of numbers, cut as it cuts them: for whoever compares our numbers with its report.

The product compares in the reference's own bins (`effects_of_profiles`), which do not move with each window.
"""

import numpy as np
from numpy.typing import NDArray

from watchtower.drift import effects

Floats = NDArray[np.float64]

FEW = 20  # different values in the reference, up to which each is a bin of its own


def evidently_counts(reference: Floats, window: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sturges' bins over both together, or every value when the reference has at most 20."""
    if len(np.unique(reference)) <= FEW:
        values = np.unique(np.concatenate((reference, window)))
        return _of_values(values, reference), _of_values(values, window)
    edges = np.histogram_bin_edges(np.concatenate((reference, window)), bins="sturges")
    return _of_edges(edges, reference), _of_edges(edges, window)


def psi(reference: Floats, window: Floats) -> float:
    return effects.psi(*evidently_counts(reference, window))


def jensen_shannon(reference: Floats, window: Floats) -> float:
    return effects.jensen_shannon(*evidently_counts(reference, window))


def hellinger(reference: Floats, window: Floats) -> float:
    """Evidently cuts here by the number of different values, not of rows."""
    edges = np.histogram_bin_edges(np.unique(np.concatenate((reference, window))), bins="sturges")
    return effects.hellinger(_of_edges(edges, reference), _of_edges(edges, window))


def wasserstein(reference: Floats, window: Floats) -> float:
    """Normalised by the reference's standard deviation."""
    return effects.normalised(effects.wasserstein(reference, window), float(np.std(reference)))


def _of_values(values: Floats, sample: Floats) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(values, sample), minlength=len(values)).astype(np.int64)


def _of_edges(edges: Floats, sample: Floats) -> NDArray[np.int64]:
    return np.histogram(sample, edges)[0].astype(np.int64)

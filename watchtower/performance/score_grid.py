"""The grid on which scores are counted: bins of [0, 1], finer towards both ends, the same everywhere, so that counts add.

Between 1/8 and 7/8 a bin is 1/1024 wide. Below 1/8 every halving has 64 bins, down to 2**-20, for a score of a rare class
says as much by 0.0002 against 0.0004 as others do by 0.2 against 0.4; above 7/8 it is the mirror image. Scores that were
rounded to three digits have a bin each, so on them everything counted here is exact.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Counts = NDArray[np.int64]

_HALVINGS: Final = 17  # of 1/8, down to 2**-20
_PER_HALVING: Final = 64
_SIDE: Final = 1 + _HALVINGS * _PER_HALVING  # the first bin holds all below 2**-20
_MIDDLE: Final = 768 + 1  # the last one is for 7/8 itself
_STEP: Final = 1024
_ROUNDING: Final = 1e-6  # a softmax of float32 gives 1.0000001
BINS: Final = 2 * _SIDE + _MIDDLE


def probable(scores: Scores) -> tuple[NDArray[np.bool_], Scores]:
    """Which rows have scores that are probabilities, one or a column for each class, and these scores."""
    within = (scores >= -_ROUNDING) & (scores <= 1 + _ROUNDING)
    good = np.asarray(np.atleast_2d(within.T).all(axis=0))
    return good, np.clip(scores[good], 0.0, 1.0)


def bins_of(scores: Scores) -> Counts:
    """The bin of each score; all of them must lie in [0, 1]."""
    is_upper = scores > 0.875
    near = np.where(is_upper, 1 - scores, scores)
    mantissa, exponent = np.frexp(near)
    # near is in [2**(exponent - 1), 2**exponent), and exponent is -3 in the widest of the halvings, which comes last.
    halving = exponent.astype(np.int64) + (_HALVINGS + 2)
    side = 1 + halving * _PER_HALVING + ((2 * mantissa - 1) * _PER_HALVING).astype(np.int64)
    side = np.where((halving < 0) | (near == 0), 0, side)
    middle = _SIDE + (scores * _STEP).astype(np.int64) - _STEP // 8
    return np.where(is_upper, BINS - 1 - side, np.where(scores < 0.125, side, middle))


def counted(scores: Scores) -> Counts:
    return np.bincount(bins_of(scores), minlength=BINS).astype(np.int64)


def _middles() -> Scores:
    widths = np.exp2(np.arange(_HALVINGS) - (_HALVINGS + 3))
    inner = (widths[:, None] * (1 + (np.arange(_PER_HALVING) + 0.5) / _PER_HALVING)).ravel()
    low = np.concatenate(([np.exp2(-(_HALVINGS + 4))], inner))
    middle = (np.arange(_MIDDLE) + 0.5) / _STEP + 0.125
    middle[-1] = 0.875
    return np.concatenate((low, middle, 1 - low[::-1]))


MIDDLES: Final = _middles()  # what stands for all scores of a bin

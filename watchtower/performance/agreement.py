from typing import Final, Self

import msgspec
import numpy as np

from watchtower.performance.estimate import ALPHA, Estimate, share_of
from watchtower.performance.moments import Mean
from watchtower.performance.sparse import read_version, versioned

VERSION: Final = 1


def disagrees(estimated: Estimate, realised: Estimate) -> bool:
    """Whether what was estimated for some rows and what their labels say have intervals that do not meet.

    Where nothing changed this happens at most with the chance that either interval misses, 2·alpha, and for intervals of one
    width and normal errors in 0.6 % of windows at alpha = 0.05. Then the scores no longer mean what they meant: the concept
    has drifted, or the rows that were labelled are not like the ones that the calibration was fitted on. Asked of many
    windows it must be asked at a smaller alpha. An interval that is unknown meets every other.
    """
    ends = (estimated.low, estimated.high, realised.low, realised.high)
    if any(end is None for end in ends):
        return False
    low, high, realised_low, realised_high = (end or 0.0 for end in ends)
    return high < realised_low or realised_high < low


class AgreementState(msgspec.Struct, frozen=True, array_like=True):
    error: Mean
    size: Mean
    held: int
    intervals: int
    disagreed: int


class Agreement:
    """How good the estimates of one metric have been, over the windows whose labels came: estimate less realised value.

    Bias and mean absolute error with Student's intervals, windows taken as independent; and in what share of windows the
    estimate's interval held the realised value, which ought to be 1 - alpha or more. Windows of one age and size are
    compared; one of ten rows says little, and counts as much as any.
    """

    def __init__(self, *, alpha: float = ALPHA) -> None:
        self.alpha = alpha
        self._error, self._size = Mean(), Mean()
        self._held = 0
        self._intervals = 0
        self.disagreed = 0

    def update(self, estimated: Estimate, realised: Estimate) -> None:
        """Of one window, once: when its labels have come, or its period has ended."""
        if estimated.value is None or realised.value is None:
            return
        error = np.array([estimated.value - realised.value])
        self._error.update(error)
        self._size.update(np.abs(error))
        self.disagreed += disagrees(estimated, realised)
        if estimated.low is not None and estimated.high is not None:
            self._intervals += 1
            self._held += estimated.low <= realised.value <= estimated.high

    def merge(self, other: Self) -> None:
        self._error.merge(other._error)
        self._size.merge(other._size)
        self._held += other._held
        self._intervals += other._intervals
        self.disagreed += other.disagreed

    @property
    def windows(self) -> int:
        return self._error.count

    @property
    def bias(self) -> Estimate:
        return self._error.estimate(self.alpha)

    @property
    def mean_error(self) -> Estimate:
        return self._size.estimate(self.alpha, 0.0)

    @property
    def held(self) -> Estimate:
        return share_of(self._held, self._intervals, self.alpha)

    def state(self) -> bytes:
        return versioned(VERSION, AgreementState(self._error, self._size, self._held, self._intervals, self.disagreed))

    def restore(self, data: bytes) -> None:
        kept = read_version(data, VERSION, AgreementState)
        self._error, self._size, self._held = kept.error, kept.size, kept.held
        self._intervals, self.disagreed = kept.intervals, kept.disagreed

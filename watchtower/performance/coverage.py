from typing import Final, NamedTuple, Self

import datasketches  # type: ignore[import-untyped]
import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.estimate import ALPHA, Estimate, share_of, unknown
from watchtower.performance.sparse import read_version, versioned

VERSION: Final = 1
_PRECISION: Final = 200  # KLL's k: ranks within 1.33 % with 99 % confidence (datasketches), 3 kB
_RANK_ERROR: Final = 0.0133


class LagQuantiles(NamedTuple):
    """How long labels take, in seconds."""

    p50: float
    p90: float
    p99: float
    rank_error: float  # by how much the share below each may differ from the one in its name


class CoverageState(msgspec.Struct, frozen=True, array_like=True):
    rows: int
    labelled: int
    early: int
    lags: bytes


class Coverage:
    """Of how many rows the label is known, and how long labels take: what every metric has to be read beside.

    Share = labelled/rows with Wilson's interval as if labels came by chance. They seldom do: answers that were acted on, or
    complained of, are labelled first, and then no interval says how far the labelled rows stand for all. Lag quantiles are
    of a KLL sketch (Karnin, Lang and Liberty, 2016). Recent rows have had less time, so compare windows of one age.
    """

    def __init__(self, *, alpha: float = ALPHA) -> None:
        self.alpha = alpha
        self.rows = 0
        self.labelled = 0
        self.early = (
            0  # labels dated before their answer: a clock that is off, or a label that leaked into the features
        )
        self._lags = datasketches.kll_floats_sketch(_PRECISION)

    def answered(self, rows: int) -> None:
        self.rows += rows

    def update(self, lags_ns: NDArray[np.int64]) -> None:
        """Of rows whose label has come, each once: the time of the label less the time of its answer."""
        self.labelled += int(lags_ns.size)
        self.early += int(np.count_nonzero(lags_ns < 0))
        self._lags.update((np.maximum(lags_ns, 0) / 1e9).astype(np.float32))

    def merge(self, other: Self) -> None:
        self.rows += other.rows
        self.labelled += other.labelled
        self.early += other.early
        self._lags.merge(other._lags)

    @property
    def share(self) -> Estimate:
        if self.rows == 0:
            return unknown(0, self.alpha)
        # A window may hold labels of answers that were counted elsewhere.
        return share_of(min(self.labelled, self.rows), self.rows, self.alpha)

    @property
    def lag(self) -> LagQuantiles | None:
        if self._lags.is_empty():
            return None
        p50, p90, p99 = self._lags.get_quantiles([0.5, 0.9, 0.99])
        return LagQuantiles(float(p50), float(p90), float(p99), _RANK_ERROR if self._lags.is_estimation_mode() else 0.0)

    def state(self) -> bytes:
        return versioned(VERSION, CoverageState(self.rows, self.labelled, self.early, self._lags.serialize()))

    def restore(self, data: bytes) -> None:
        kept = read_version(data, VERSION, CoverageState)
        self.rows, self.labelled, self.early = kept.rows, kept.labelled, kept.early
        self._lags = datasketches.kll_floats_sketch.deserialize(kept.lags)

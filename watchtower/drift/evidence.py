"""Evidence against "no change that matters", from counts per bin: bets that no unchanged column can win for long.

**The null.** A score gives every bin a number between 0 and 1: "is it this bin", "how high does it rank". Its mean over
the reference is `m` with variance `v` from `n` rows. No change that matters means that its mean over the live rows is at
most

    limit = wilson(m, v, n, z) + max(tolerance · √v, tolerance²)

The first term is what the true mean may be, given that the reference is a sample as well (Wilson 1927, with `v` in place
of m(1 - m); exact Wilson for a single bin, and exact altogether for a bin that the reference has not). It is what most tests leave out: a reference is drawn once, so its error is
the same in every window, and enough windows make any test sure of it. The second is the change the user calls
unimportant, in standard deviations of the score; for a share that was zero, tolerance².

**The bet.** For each row, 1 + λ(score - limit): positive, and of mean at most 1 under the null whatever else the
distribution does, so the product over rows is an e-value (Waudby-Smith & Ramdas 2024). For a single bin it is the
likelihood ratio of a binomial. Bet sizes λ = size/√v cover shifts from a tenth of a standard deviation upward.

**The sum.** Shiryaev-Roberts e-detector, per bet and window: M ← e · (M + 1), with which E[M at window t] ≤ t. An alarm
at M ≥ N therefore comes on average after N windows or later, and any weighted mean of such M keeps that (Shin, Ramdas &
Rinaldo 2022, "E-detectors"). Windows without rows start no bet: silence is no evidence.

**Not for** rows that repeat each other (retries, one user's thousand rows): evidence counts observations, so they must be
independent. Where they are not, cap the rows that a window may count for. Not for vectors: see `multivariate`.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

DRIFT_SIZES: Final = (0.1, 0.2, 0.4, 0.8)  # in standard deviations of the score
RETURN_SIZES: Final = (0.05, 0.1, 0.3)  # smaller, for what has returned is only the width of the tolerance away
_MOST: Final = 0.9  # of the bet that one row could lose entirely
_LARGEST: Final = 345.0  # logarithm of where evidence stops growing: its square is still a float
_STATE_VERSION: Final = 1
_SINCE: Final = ("opens", "since", "rows", "sums")


class Scores(NamedTuple):
    """Many scores over the bins of many columns, flat: score `j` owns `bins[starts[j]:starts[j+1]]`, all others rest."""

    bins: Indices
    values: Floats
    starts: Indices
    rest: Floats  # what every bin of the column counts that the score does not name
    column: Indices  # of each score

    def means(self, shares: Floats) -> Floats:
        return self.sums(shares, np.ones(len(self.rest)))

    def variances(self, shares: Floats) -> Floats:
        squares = self._replace(values=self.values**2, rest=self.rest**2)
        return np.maximum(squares.means(shares) - self.means(shares) ** 2, 0.0)

    def sums(self, counts: Floats, rows: Floats) -> Floats:
        """Of the scores over rows, where `rows` has a number for each score."""
        gained = counts[self.bins] * (self.values - self._spread(self.rest))
        return np.add.reduceat(gained, self.starts) + rows * self.rest

    def least(self) -> Floats:
        return np.minimum(np.minimum.reduceat(self.values, self.starts), self.rest)

    def greatest(self) -> Floats:
        return np.maximum(np.maximum.reduceat(self.values, self.starts), self.rest)

    def _spread(self, each: Floats) -> Floats:
        """From a number for each score to one for each of its bins."""
        return np.repeat(each, np.diff(self.starts, append=len(self.bins)), axis=0)

    def log_factors(self, bets: Floats, limits: Floats) -> tuple[Floats, Floats]:
        """Of a row in each named bin, beyond that of a row at rest; and of a row at rest. A column for each bet size."""
        at_rest = np.log1p(bets * (self.rest - limits)[:, None])
        named = np.log1p(self._spread(bets) * (self.values - self._spread(limits))[:, None])
        return named - self._spread(at_rest), at_rest


class Null(NamedTuple):
    """What the reference allows, for each score."""

    means: Floats
    limits: Floats
    deviations: Floats  # of the score at its limit

    @classmethod
    def of(cls, scores: Scores, shares: Floats, rows: Floats, tolerance: float, risk: float) -> Self:
        """From the reference's shares of the bins, for each score the rows behind it, and the risk that it misleads."""
        means, variances = scores.means(shares), scores.variances(shares)
        allowed = np.maximum(tolerance * np.sqrt(variances), tolerance**2)
        never = 1 - risk ** (1 / rows)  # the largest share of which so many rows may have none
        could_be = np.where(means > 0, wilson(means, variances, rows, NormalDist().inv_cdf(1 - risk)), never)
        limits = could_be + allowed
        # Exact for a single bin, where the variance at the limit is limit · (1 - limit).
        at_limit = variances + (limits - means) * (1 - limits - means)
        return cls(means, limits, np.sqrt(np.maximum(at_limit, 1e-6)))


def wilson(means: Floats, variances: Floats, rows: Floats, z: float) -> Floats:
    """The upper end of Wilson's score interval, for `z` standard errors."""
    spread = z * np.sqrt(variances / rows + z**2 / (4 * rows**2))
    upper: Floats = (means + z**2 / (2 * rows) + spread) / (1 + z**2 / rows)
    return upper


class Bets(NamedTuple):
    """Log factors ready to be multiplied with counts: all bets of all scores in one pass over the bins."""

    scores: Scores
    named: Floats
    at_rest: Floats
    is_open: NDArray[np.bool_]  # a limit that nothing can pass leaves nothing to bet on

    @classmethod
    def on_drift(cls, scores: Scores, null: Null) -> Self:
        """Against "the mean is at most the limit"."""
        room = np.maximum(null.limits - scores.least(), 1e-9)
        is_open = null.limits < scores.greatest() - 1e-9
        bets = np.minimum(np.multiply.outer(1 / null.deviations, DRIFT_SIZES), (_MOST / room)[:, None])
        return cls(scores, *scores.log_factors(bets * is_open[:, None], null.limits), is_open)

    @classmethod
    def on_return(cls, scores: Scores, null: Null) -> Self:
        """Against "the mean is at least the limit": once won, a drift is over."""
        room = np.maximum(scores.greatest() - null.limits, 1e-9)
        bets = np.minimum(np.multiply.outer(1 / null.deviations, RETURN_SIZES), (_MOST / room)[:, None])
        is_open = null.limits < scores.greatest() - 1e-9
        return cls(scores, *scores.log_factors(-bets * is_open[:, None], null.limits), is_open)

    def log_e(self, counts: Floats, rows: Floats) -> Floats:
        """The logarithm of each bet's e-value for a window: `rows` has a number for each score."""
        gained = counts[self.scores.bins][:, None] * self.named
        evidence: Floats = np.add.reduceat(gained, self.scores.starts) + rows[:, None] * self.at_rest
        return evidence


class EDetectors:
    """Shiryaev-Roberts sums of many bets side by side, and since when each has been winning.

    The latter is where the bet's CUSUM last left zero: the most likely window of the change (Page 1954). No `merge`: the
    order of windows is what it is about.
    """

    __slots__ = ("evidence", "opens", "rows", "since", "sums")

    def __init__(self, scores: int, sizes: int) -> None:
        shape = (scores, sizes)
        self.evidence: Floats = np.zeros(shape)
        self.opens: Floats = np.zeros(shape)  # CUSUM, in natural logarithms
        self.since: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        self.rows: Floats = np.zeros(shape)  # since then
        self.sums: Floats = np.zeros(shape)  # of the score, since then

    def update(self, log_e: Floats, starts: NDArray[np.bool_], at_ns: int, rows: Floats, sums: Floats) -> None:
        """A window; `starts` says of which scores it may begin a bet, `rows` and `sums` have a number for each score."""
        e = np.exp(np.minimum(log_e, _LARGEST))
        self.evidence = np.minimum(e * (self.evidence + starts[:, None]), np.exp(_LARGEST))
        is_new = self.opens <= 0
        np.copyto(self.since, at_ns, where=is_new)
        for own, more in ((self.opens, log_e), (self.rows, rows[:, None]), (self.sums, sums[:, None])):
            np.copyto(own, 0.0, where=is_new)
            np.add(own, more, out=own)

    def reset(self, which: NDArray[np.bool_]) -> None:
        for each in (self.evidence, self.opens, self.rows, self.sums):
            each[which] = 0.0
        self.since[which] = 0

    def state(self) -> bytes:
        """What is not zero; where a CUSUM has not left zero, since when and of how many rows say nothing."""
        is_winning = self.opens > 0
        kept = [self.evidence, *(np.where(is_winning, getattr(self, name), 0) for name in _SINCE)]
        return msgspec.msgpack.encode([_STATE_VERSION, self.evidence.shape, *(_sparse(each) for each in kept)])

    def restore(self, state: bytes) -> None:
        """What `state` gave, of as many scores and sizes; anything else is a ValueError."""
        version, shape, *kept = msgspec.msgpack.decode(state)
        if version != _STATE_VERSION or tuple(shape) != self.evidence.shape:
            raise ValueError("the state of other detectors")
        for name, (places, values) in zip(("evidence", *_SINCE), kept, strict=True):
            dense = np.zeros_like(getattr(self, name))
            dense.flat[np.frombuffer(places, dtype=np.int32)] = np.frombuffer(values, dtype=dense.dtype)
            setattr(self, name, dense)

    def take_over(self, other: Self, theirs: Sequence[int], ours: Sequence[int]) -> None:
        """All that some of another's scores have, each in the place of one here."""
        for name in ("evidence", *_SINCE):
            getattr(self, name)[list(ours)] = getattr(other, name)[list(theirs)]


def _sparse(array: NDArray[np.generic]) -> tuple[bytes, bytes]:
    """Places and values of what is not zero."""
    places = np.flatnonzero(array)
    return places.astype(np.int32).tobytes(), array.ravel()[places].tobytes()

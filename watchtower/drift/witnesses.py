"""A reference's sample in two halves: one learns in which direction live rows differ, the other says what that is worth."""

import zlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from watchtower.drift.evidence import Floats, wilson
from watchtower.drift.lifts import Directions, Lift, Pairs

_ERRORS: Final = 4.0  # standard errors of the second half
_REACH: Final = 8.0  # standard deviations of a witness between the scores 0 and 1
_MOST: Final = 0.9  # of the bet that one row could lose entirely


@dataclass(frozen=True, slots=True, eq=False)
class JointReference:
    lift: Lift
    centre: Floats
    scale: Floats
    learned: Floats  # features of the first half, standardised
    held_out: Floats  # and of the second
    discriminant: Floats  # the inverse of their covariance, with a ridge
    mark: int  # of the sample: the last digits of what is made of it differ from one processor to the next

    @classmethod
    def of_columns(cls, names: tuple[str, ...], sample: Floats, seed: int = 0) -> Self:
        """Of rows of numbers, NaN where there is none: for what columns do together."""
        first, second = _halves(sample, seed)
        return cls._of(Pairs.of(names, first), first, second)

    @classmethod
    def of_vectors(cls, name: str, sample: Floats, seed: int = 0) -> Self:
        """Of the vectors of one column."""
        first, second = _halves(sample, seed)
        return cls._of(Directions.of(name, first, seed), first, second)

    @classmethod
    def _of(cls, lift: Lift, first: Floats, second: Floats) -> Self:
        features = lift(first)
        centre, spread = features.mean(axis=0), features.std(axis=0)
        scale = np.where(spread > 1e-9, spread, np.inf)  # what never varied has no unit to differ in
        learned = (features - centre) / scale
        size = learned.shape[1]
        covariance = learned.T @ learned / len(learned) + np.eye(size) * (0.1 + size / len(learned))
        mark = zlib.crc32(second.tobytes(), zlib.crc32(first.tobytes()))
        return cls(lift, centre, scale, learned, (lift(second) - centre) / scale, np.linalg.inv(covariance), mark)

    def features(self, rows: Floats) -> Floats:
        return np.asarray((self.lift(rows) - self.centre) / self.scale, dtype=np.float64)


def _halves(sample: Floats, seed: int) -> tuple[Floats, Floats]:
    """At random, for the order of a sample may mean something: a table is often sorted."""
    order = np.random.default_rng(seed).permutation(len(sample))
    return sample[order[: len(sample) // 2]], sample[order[len(sample) // 2 :]]


class Witnesses:
    """Directions in which live rows differ, with what the reference's second half says of each."""

    __slots__ = ("deviations", "directions", "limits", "means", "reach", "starts")

    def __init__(self, directions: Floats, reference: JointReference, tolerance: float) -> None:
        self.directions = directions
        learned = reference.learned @ directions
        self.starts, self.reach = learned.mean(axis=0), _REACH * np.maximum(learned.std(axis=0), 1e-9)
        held = self.scores(reference.held_out)
        self.means, variances = held.mean(axis=0), held.var(axis=0)
        self.deviations = np.sqrt(np.maximum(variances, 1e-6))
        rows = np.full(len(self.means), float(len(held)))
        allowed = np.maximum(tolerance * self.deviations, tolerance**2)
        self.limits = wilson(self.means, variances, rows, _ERRORS) + allowed

    def scores(self, features: Floats) -> Floats:
        """Of each row by each witness."""
        scores: Floats = np.clip(0.5 + (features @ self.directions - self.starts) / self.reach, 0.0, 1.0)
        return scores

    def log_e(self, scores: Floats, sizes: tuple[float, ...], sign: float) -> Floats:
        """Of a window's rows together: `sign` is +1 for a bet on drift, -1 for one on its end."""
        room = np.maximum(self.limits if sign > 0 else 1 - self.limits, 1e-9)
        bets = np.minimum(np.multiply.outer(1 / self.deviations, sizes), (_MOST / room)[:, None])
        evidence: Floats = np.log1p(sign * bets * (scores - self.limits)[:, :, None]).sum(axis=0)
        return evidence

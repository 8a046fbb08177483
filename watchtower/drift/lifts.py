"""Rows of many columns, or vectors, as features whose means show what no single column's margin does.

Both know only the half of the reference's sample that they are made from, so that the other half can judge what is
learned on them. A cell that is missing or no number is neutral.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from watchtower.drift.evidence import Floats, Indices

MOST_COLUMNS: Final = 40  # 780 pairs
MOST_DIRECTIONS: Final = 64
_FARTHEST: Final = 4.0  # standard deviations: no single row may outweigh the others


class Lift(Protocol):
    @property
    def labels(self) -> tuple[str, ...]:
        """Of each feature, for people."""

    def __call__(self, rows: Floats) -> Floats:
        """A row of features for each row."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The product of two columns' ranks, for every pair: its mean is Spearman's correlation (1904).

    Not for dependencies between three columns that no pair shows.
    """

    labels: tuple[str, ...]
    ordered: NDArray[np.float32]  # the reference's values of each column, in ascending order
    lefts: Indices
    rights: Indices

    @classmethod
    def of(cls, names: tuple[str, ...], sample: Floats) -> Self:
        """Words should come as numbers, such as their rank by frequency; columns past the first 40 are left out."""
        names = names[:MOST_COLUMNS]
        lefts, rights = np.triu_indices(len(names), 1)
        labels = tuple(f"{names[left]} with {names[right]}" for left, right in zip(lefts, rights, strict=True))
        return cls(labels, np.sort(_single(sample[:, : len(names)]), axis=0), lefts, rights)

    def __call__(self, rows: Floats) -> Floats:
        single = _single(rows)
        ranks = np.column_stack([self._ranks(column, single[:, column]) for column in range(self.ordered.shape[1])])
        products: Floats = ranks[:, self.lefts] * ranks[:, self.rights]
        return products

    def _ranks(self, column: int, values: NDArray[np.float32]) -> Floats:
        """Among the reference's numbers, in units in which they have mean zero and variance one."""
        numbers = self.ordered[:, column]
        numbers = numbers[~np.isnan(numbers)]
        if not len(numbers):
            return np.zeros(len(values))
        below, up_to = np.searchsorted(numbers, values, "left"), np.searchsorted(numbers, values, "right")
        ranks = np.sqrt(12.0) * ((below + up_to) / (2 * len(numbers)) - 0.5)
        return np.where(np.isnan(values), 0.0, ranks)


def _single(rows: Floats) -> NDArray[np.float32]:
    """A number that came through single precision on one way only is no other number."""
    with np.errstate(over="ignore"):
        return rows.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """A vector's coordinates in up to 64 directions, their squares, and its length: means, spreads and norms.

    Longer vectors are projected at random (Johnson & Lindenstrauss 1984). Not for changes of a correlation alone.
    """

    labels: tuple[str, ...]
    projection: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, name: str, sample: Floats, seed: int) -> Self:
        size = sample.shape[1]
        drawn = np.random.default_rng(seed).normal(size=(size, MOST_DIRECTIONS)) / np.sqrt(size)
        projection = np.eye(size) if size <= MOST_DIRECTIONS else drawn
        moved = _coordinates(sample, projection)
        numbers = range(moved.shape[1] - 1)
        places = [*(f"direction {number}" for number in numbers), "length"]
        labels = (*(f"{name}: {place}" for place in places), *(f"{name}: spread of {place}" for place in places))
        return cls(labels, projection, moved.mean(axis=0), np.maximum(moved.std(axis=0), 1e-9))

    def __call__(self, rows: Floats) -> Floats:
        moved = (_coordinates(rows, self.projection) - self.centre) / self.scale
        near = np.clip(moved, -_FARTHEST, _FARTHEST)
        return np.hstack((near, near**2))


def _coordinates(rows: Floats, projection: Floats) -> Floats:
    finite = np.nan_to_num(rows, nan=0.0, posinf=1e6, neginf=-1e6)
    return np.column_stack((finite @ projection, np.linalg.norm(finite, axis=1)))

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

DIRECTIONS: Final = 64


class Vectors(msgspec.Struct, array_like=True):
    """Where vectors of one length point: count, mean and mean of squares, along at most 64 directions.

    Up to 64 dimensions the directions are the axes, and all is exact. Beyond, each axis is added to one of 64 sums with
    a random sign (Charikar, Chen, Farach-Colton 2002), fixed by the dimension: a vector's squared length, a distance
    or a product keeps its expectation, with a relative error of about √(2/64) = 18 % for one pair, which does not shrink
    with the rows. So a mean's shift in a space of 1,536 dimensions is told in 64 numbers. Joined by addition, in any
    order. Not for a change that leaves every mean where it was: that is for the tests on a sample.
    """

    dimension: int = 0
    count: int = 0
    total: list[float] = []
    squares: list[float] = []

    def update(self, vectors: NDArray[np.float64]) -> None:
        if len(vectors):
            along = projected(vectors)
            with np.errstate(over="ignore"):
                self._add(vectors.shape[1], len(vectors), along.sum(axis=0), np.square(along).sum(axis=0))

    def merge(self, other: "Vectors") -> None:
        if other.count:
            self._add(other.dimension, other.count, np.array(other.total), np.array(other.squares))

    @property
    def mean(self) -> NDArray[np.float64]:
        return np.array(self.total) / max(self.count, 1)

    @property
    def variance(self) -> NDArray[np.float64]:
        return np.maximum(np.array(self.squares) / max(self.count, 1) - np.square(self.mean), 0)

    def _add(self, dimension: int, count: int, total: NDArray[np.float64], squares: NDArray[np.float64]) -> None:
        if not self.count:
            self.dimension, self.count, self.total, self.squares = dimension, count, total.tolist(), squares.tolist()
            return
        if dimension != self.dimension:
            raise ValueError(f"a vector of {dimension} numbers among those of {self.dimension}")
        self.count += count
        self.total = (np.array(self.total) + total).tolist()
        self.squares = (np.array(self.squares) + squares).tolist()


class _Folding(NamedTuple):
    order: NDArray[np.intp]  # axes, those of one direction together
    signs: NDArray[np.float64]  # in that order
    starts: NDArray[np.intp]


def projected(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each vector along the directions of its dimension."""
    dimension = vectors.shape[1]
    if dimension <= DIRECTIONS:
        return vectors
    folding = _folding(dimension)
    return np.add.reduceat(vectors[:, folding.order] * folding.signs, folding.starts, axis=1)


@lru_cache(maxsize=16)
def _folding(dimension: int) -> _Folding:
    """As even as it can be: every direction takes as many axes as the others, give or take one."""
    generator = np.random.default_rng(dimension)
    order = generator.permutation(dimension)
    signs = generator.choice((-1.0, 1.0), dimension)
    return _Folding(order, signs, np.arange(DIRECTIONS) * dimension // DIRECTIONS)

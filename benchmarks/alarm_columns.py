"""Thirty columns of the kinds that models are fed with, and the exact chance of each bin: what detectors are measured on.

Knows nothing of any detector, so that every peer is given the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Moved and stretched: x → shift + scale · x."""

    draw: Callable[[np.random.Generator, int], Floats]
    chance_below: Callable[[Floats], Floats]  # of a value less than each of these
    shift: float = 0.0
    scale: float = 1.0

    def sample(self, rng: np.random.Generator, rows: int) -> Floats:
        return self.shift + self.scale * self.draw(rng, rows)

    def chances(self, cuts: Sequence[float]) -> Floats:
        """Of the bins between these cuts."""
        below = self.chance_below((np.array(cuts) - self.shift) / self.scale)
        return np.diff(below, prepend=0.0, append=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    shares: Floats

    @property
    def names(self) -> list[str]:
        return [f"w{index}" for index in range(len(self.shares))]

    def sample(self, rng: np.random.Generator, rows: int) -> list[str]:
        names = self.names
        return [names[index] for index in rng.choice(len(names), rows, p=self.shares)]


Source = Numbers | Words


def _zero_inflated(rng: np.random.Generator, rows: int) -> Floats:
    return np.where(rng.random(rows) < 0.5, 0.0, rng.lognormal(size=rows))


def _zero_inflated_below(cuts: Floats) -> Floats:
    below: Floats = 0.5 * (cuts > 0) + 0.5 * stats.lognorm(1).cdf(cuts)
    return below


def _zipf(words: int, exponent: float = 1.0) -> Floats:
    shares = 1 / np.arange(1.0, words + 1) ** exponent
    ranked: Floats = shares / shares.sum()
    return ranked


NORMAL: Final = Numbers(lambda rng, rows: rng.normal(size=rows), stats.norm().cdf)
KINDS: Final[dict[str, Source]] = {
    "normal": NORMAL,
    "three words": Words(np.array([0.6, 0.3, 0.1])),
    "lognormal": Numbers(lambda rng, rows: rng.lognormal(size=rows), stats.lognorm(1).cdf),
    "heavy-tailed": Numbers(lambda rng, rows: rng.standard_t(2, size=rows), stats.t(2).cdf),
    "200 words": Words(_zipf(200)),
    "zero-inflated": Numbers(_zero_inflated, _zero_inflated_below),
    "integer": Numbers(
        lambda rng, rows: rng.poisson(4.0, size=rows).astype(float),
        lambda cuts: stats.poisson(4).cdf(np.ceil(cuts) - 1),
    ),
    "3,000 words": Words(_zipf(3000, 0.8)),  # as zip codes are: no reference has seen all
}
COLUMNS: Final = 30
NORMAL_COLUMN: Final = "c0"
WORDS_COLUMN: Final = "c1"


def columns() -> dict[str, Source]:
    return {f"c{index}": kind for index, kind in enumerate(islice(cycle(KINDS.values()), COLUMNS))}


def moved(source: Source, shift: float) -> Source:
    """By so many standard deviations of a normal column; any other is left as it is."""
    return replace(source, shift=shift) if isinstance(source, Numbers) and source is NORMAL else source


def window_sizes(rng: np.random.Generator, rows: int | None, windows: int) -> Iterator[int]:
    """All the same, or of all sizes from one row up."""
    if rows is not None:
        yield from [rows] * windows
    else:
        yield from rng.choice([1, 5, 20, 50, 200, 1000], windows).tolist()

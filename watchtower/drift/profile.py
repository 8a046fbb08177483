"""A column's summary over any stretch of time: `update` with a batch, `merge` with another stretch, ask for anything.

What a merge keeps exactly: every count, the extremes, the distinct sketch, and mean and variance to a float's rounding.
What it keeps within a bound: quantiles (`Quantiles`), words that the bins do not know (`Words`). A text's and a vector's
descriptions are profiles of their own, its `parts`. About 3 kB a column of numbers, whatever the rows.

Windows are joined only when they were counted in the same bins; a new baseline begins new windows.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.drift.bins import Bins, Counts
from watchtower.drift.profile_distinct import Distinct
from watchtower.drift.profile_moments import Moments
from watchtower.drift.profile_quantiles import Quantiles
from watchtower.drift.profile_vectors import Vectors
from watchtower.drift.profile_words import CAPACITY, Words
from watchtower.drift.values import NUMERIC, PARTS, WORDY, Values
from watchtower.table import Kind

VERSION: Final = 1
_PLAIN_NUMBERS: Final = {Kind.INTEGER, Kind.NUMBER}


class ProfileState(msgspec.Struct, array_like=True):
    """A profile as it is kept. New fields go at the end, with a default."""

    kind: Kind
    mark: int  # of the bins
    count: int
    missing: int
    nans: int
    infinities: int
    odd: dict[str, int]
    counts: list[int]
    below: int
    above: int
    moments: Moments
    origin: float
    quantiles: bytes
    distinct: bytes
    words: Words
    vectors: Vectors
    parts: dict[str, "ProfileState"]


class Profile:
    __slots__ = (
        "above",
        "below",
        "bins",
        "count",
        "counts",
        "distinct",
        "infinities",
        "kind",
        "missing",
        "moments",
        "nans",
        "odd",
        "parts",
        "quantiles",
        "vectors",
        "words",
    )

    def __init__(self, kind: Kind, bins: Bins | None = None, capacity: int = CAPACITY) -> None:
        """`capacity` is for words that have no bin: all of them, while there are no bins."""
        self.kind = kind
        self.bins = bins
        self.count = self.missing = self.nans = self.infinities = self.below = self.above = 0
        self.odd: dict[str, int] = {}
        self.counts: Counts = np.zeros(bins.size if bins else 0, np.int64)
        self.moments = Moments()
        self.quantiles = Quantiles(_origin(bins))
        self.distinct = Distinct()
        self.words = Words(capacity)
        self.vectors = Vectors(bins.dimension if bins else 0)
        known = bins.parts if bins else {}
        self.parts = {name: Profile(Kind.NUMBER, known.get(name)) for name in PARTS.get(kind, ())}

    def update(self, values: Values) -> None:
        if self.vectors.dimension:
            values = values.fitting(self.vectors.dimension)
        self.count += values.count
        self.missing += values.missing
        self.nans += values.nans
        self.infinities += values.infinities
        _add(self.odd, values.odd)
        if self.bins:
            self.counts += self.bins.counts(values)
        if self.kind in NUMERIC:
            self._update_numbers(values)
        elif self.kind in WORDY:
            self._update_words(values.words)
        elif self.kind is Kind.TEXT:
            self.distinct.update_words(values.texts)
            self._update_parts(values.described())
        elif self.kind is Kind.VECTOR:
            self.vectors.update(values.vectors)
            self._update_parts(values.described())

    def merge(self, other: "Profile") -> None:
        if _mark(other.bins) != _mark(self.bins):
            raise ValueError("profiles are joined only where they were counted in the same bins")
        if {self.kind, other.kind} == _PLAIN_NUMBERS:
            self.kind = Kind.NUMBER
        elif other.kind is not self.kind:
            self._merge_as_unlike(other)
            return
        if self.kind is Kind.VECTOR and self._differs_in_length(other):
            self._merge_as_unfit(other)
            return
        self._merge_counts(other)
        self.counts += other.counts
        self.below += other.below
        self.above += other.above
        self.moments.merge(other.moments)
        self.quantiles.merge(other.quantiles)
        self.distinct.merge(other.distinct)
        self.words.merge(other.words)
        self.vectors.merge(other.vectors)
        for name, part in self.parts.items():
            part.merge(other.parts[name])

    @property
    def absent(self) -> int:
        return self.missing + self.nans

    @property
    def oddities(self) -> int:
        return self.infinities + sum(self.odd.values())

    @property
    def present(self) -> int:
        """Rows with a value of the column's own kind."""
        return self.count - self.absent - self.oddities

    @property
    def types(self) -> dict[str, int]:
        """Rows by what they hold."""
        own = {self.kind.value: self.present, "null": self.missing, "nan": self.nans, "infinity": self.infinities}
        return {name: rows for name, rows in (own | self.odd).items() if rows}

    def top(self, number: int) -> list[tuple[str, int]]:
        """The most frequent words and their rows: exact for those with a bin, as `Words` says for others."""
        binned = zip(self.bins.words, self.counts.tolist(), strict=False) if self.bins else ()
        both = [(word, rows) for word, rows in (*binned, *self.words.counts.items()) if rows]
        return sorted(both, key=lambda item: (-item[1], item[0]))[:number]

    def state(self) -> bytes:
        return msgspec.msgpack.encode((VERSION, self.kept()))

    @classmethod
    def restore(cls, state: bytes, bins: Bins | None = None) -> "Profile":
        """`bins` are not in the state, for a thousand windows share them: hand in the same."""
        version, kept = msgspec.msgpack.decode(state, type=tuple[int, ProfileState])
        if version != VERSION:
            raise ValueError(f"a profile of version {version}, where {VERSION} is known")
        return cls.of_kept(kept, bins)

    def kept(self) -> ProfileState:
        parts = {name: part.kept() for name, part in self.parts.items()}
        return ProfileState(
            self.kind, _mark(self.bins), self.count, self.missing, self.nans, self.infinities, self.odd,
            self.counts.tolist(), self.below, self.above, self.moments, self.quantiles.origin,
            self.quantiles.state() if self.quantiles.count else b"", self.distinct.state(), self.words, self.vectors, parts,
        )  # fmt: skip

    @classmethod
    def of_kept(cls, kept: ProfileState, bins: Bins | None) -> "Profile":
        if kept.mark != _mark(bins):
            raise ValueError("a profile is read with the bins that it was counted in")
        profile = cls(kept.kind, bins)
        profile.count, profile.missing, profile.nans = kept.count, kept.missing, kept.nans
        profile.infinities, profile.odd = kept.infinities, kept.odd
        profile.counts = np.array(kept.counts, np.int64)
        profile.below, profile.above = kept.below, kept.above
        profile.moments, profile.words, profile.vectors = kept.moments, kept.words, kept.vectors
        profile.quantiles = Quantiles(kept.origin, kept.quantiles)
        profile.distinct = Distinct(kept.distinct)
        known = bins.parts if bins else {}
        profile.parts = {name: cls.of_kept(part, known.get(name)) for name, part in kept.parts.items()}
        return profile

    def _update_numbers(self, values: Values) -> None:
        self.moments.update(values.numbers)
        self.quantiles.update(values.numbers)
        self.distinct.update_numbers(values.numbers)
        if self.bins:
            below, above = self.bins.outside(values)
            self.below += below
            self.above += above

    def _update_words(self, words: Mapping[str, int]) -> None:
        self.distinct.update_words(words)
        self.words.update(self.bins.without_bin(words) if self.bins else words)

    def _update_parts(self, described: Mapping[str, NDArray[np.float64]]) -> None:
        for name, numbers in described.items():
            self.parts[name].update(Values(Kind.NUMBER, len(numbers), numbers))

    def _merge_counts(self, other: "Profile") -> None:
        self.count += other.count
        self.missing += other.missing
        self.nans += other.nans
        self.infinities += other.infinities
        _add(self.odd, other.odd)

    def _differs_in_length(self, other: "Profile") -> bool:
        mine, theirs = self.vectors, other.vectors
        return bool(mine.count and theirs.count) and mine.dimension != theirs.dimension

    def _merge_as_unlike(self, other: "Profile") -> None:
        """Without a baseline a window takes the kind of its first rows; the other's values are odd here."""
        self._merge_counts(other)
        if other.present:
            _add(self.odd, {other.kind.value: other.present})

    def _merge_as_unfit(self, other: "Profile") -> None:
        """Without a baseline a window takes the length that it saw first; the other's vectors are odd here."""
        self._merge_counts(other)
        _add(self.odd, Values(Kind.VECTOR, 0, vectors=np.empty((other.present, 0))).fitting(1).odd)


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, rows in more.items():
        total[name] = total.get(name, 0) + rows


def _mark(bins: Bins | None) -> int:
    return bins.mark if bins else 0


def _origin(bins: Bins | None) -> float:
    """A cut amid the reference's numbers."""
    return bins.cuts[len(bins.cuts) // 2] if bins and bins.cuts else 0.0

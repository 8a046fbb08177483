"""The bins of a column: chosen once from the reference, so that every window after it is counted in the same ones.

Numbers are cut where each bin holds the same share of the reference (equal mass): every bin then has the same sampling
error, and no bin is empty in the reference. A value that alone holds a bin's share (zeros in a zero-inflated column,
a default) gets a bin of its own: the interval from it to the next float. The first and the last bin are open, so that
every finite number has a bin. Cuts that would leave a bin empty in the reference are taken back; only
a constant has two empty ones, below and above itself.

Fractions may have gone through single precision on one way only, in a file or a tensor, and are then a little larger or
smaller: a cut, and the range, leave room for that, a cut where the reference has nothing in it.

Words are the reference's most frequent; its rarer ones are counted together as `other`, and what the reference never
held as `new`. Texts and vectors have no bins of their own: their parts (length, words, …, norm) are numbers that do.

A window's counts are one array of fixed length, the slots in this order:

| column | slots |
|---|---|
| number, integer | the bins, `odd`, `missing` |
| category, boolean | the words, `other`, `new`, `odd`, `missing` |
| text, vector, timestamp, null | `present`, `odd`, `missing` |

`missing` is null and NaN; `odd` is values of another type, and infinities. A timestamp has no bins because the usual
one grows: it would leave any fixed range at once. When its age matters, let the caller send the age.
"""

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.drift.profile_words import shortened
from watchtower.drift.values import WORDY, Values
from watchtower.table import Kind

BINS: Final = 10  # as PSI's users know it; river, NannyML and whylogs cut there, too
MAX_WORDS: Final = 200
MAX_KNOWN: Final = 10_000  # of further words that are told from new ones; a longer list is no category
PRESENT, OTHER, NEW, ODD, MISSING = "present", "other", "new", "odd", "missing"

_LARGEST_SINGLE: Final = float(np.finfo(np.float32).max)

Counts = NDArray[np.int64]


class Bins(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    kind: Kind
    cuts: tuple[float, ...] = ()  # ascending; a bin reaches from one, which it holds, to the next
    points: tuple[float, ...] = ()  # values that alone hold a bin's share
    words: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()  # words of the reference beyond `words`
    is_closed: bool = True  # False: the reference had more words than are known, so none can be called new
    unseen: float = 0.0  # share of live rows whose word the reference has not: as many as those whose word it has once
    low: float = -np.inf  # the reference's least and greatest number: a window's beyond them are out of range
    high: float = np.inf
    dimension: int = 0  # of the reference's vectors
    parts: dict[str, "Bins"] = {}  # of a text's and a vector's descriptions, which are numbers

    @classmethod
    def of_numbers(cls, kind: Kind, ordered: NDArray[np.float64], bins: int = BINS) -> "Bins":
        """From the reference's finite numbers in ascending order."""
        if not len(ordered):
            return cls(kind=kind)
        points = tuple(_points(ordered, bins).tolist())
        cuts = _cuts(kind, ordered, points, bins)
        return cls(kind=kind, cuts=cuts, points=points, low=float(ordered[0]), high=float(ordered[-1]))

    @classmethod
    def of_words(cls, kind: Kind, tally: Mapping[str, int], most: int = MAX_WORDS) -> "Bins":
        """From the reference's words and their rows; a word is as long as one that is kept."""
        kept: dict[str, int] = {}
        for word, rows in tally.items():
            shown = shortened(word)
            kept[shown] = kept.get(shown, 0) + rows
        tally = kept
        ordered = sorted(tally, key=lambda word: (-tally[word], word))
        rest = ordered[most:]
        return cls(
            kind=kind,
            words=tuple(ordered[:most]),
            known=frozenset(rest[:MAX_KNOWN]),
            is_closed=len(rest) <= MAX_KNOWN,
            unseen=list(tally.values()).count(1) / max(sum(tally.values()), 1),
        )

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A name for each slot, for people."""
        return (*self._value_labels(), ODD, MISSING)

    @property
    def size(self) -> int:
        """How many slots a window's counts have."""
        return len(self.labels)

    @property
    def values(self) -> slice:
        """The slots that hold values of the column's own kind: what the effect sizes compare."""
        return slice(0, self.size - 2)

    @property
    def new_slot(self) -> int | None:
        """Where words are counted that the reference never had; a column may well have a word `new`."""
        return len(self.words) + 1 if self.kind in WORDY else None

    @cached_property
    def mark(self) -> int:
        """The same for equal bins, in any process: what was counted in other bins is not taken for ours."""
        return zlib.crc32(msgspec.msgpack.encode(self, order="deterministic"))

    def widened(self, low: float, high: float, further: Mapping[str, int], *, is_whole: bool = True) -> "Bins":
        """The same bins, of a reference of which more has been read than they were chosen from.

        `is_whole`: whether `further` has all the words that have no bin.
        """
        known = self.known | set(
            sorted(further, key=lambda word: (-further[word], word))[: MAX_KNOWN - len(self.known)]
        )
        is_closed = self.is_closed and is_whole and len(further) <= MAX_KNOWN - len(self.known)
        low, high = min(low, self.low), max(high, self.high)
        return msgspec.structs.replace(self, low=low, high=high, known=known, is_closed=is_closed)

    def counts(self, values: Values) -> Counts:
        """How many of a batch's rows fall into each slot; their sum is the batch's rows."""
        found = np.zeros(self.size, np.int64)
        found[-2], found[-1] = values.oddities, values.absent
        if self.kind in WORDY:
            self._count_words(values.words, found)
        elif self.is_numeric:
            found[:-2] = self._count_numbers(values.numbers)
        else:
            found[0] = values.count - values.oddities - values.absent
        return found

    def outside(self, values: Values) -> tuple[int, int]:
        """How many numbers are below the reference's least, and above its greatest."""
        numbers = values.numbers
        low, high = self._range
        below = int(np.searchsorted(numbers, low, side="left"))
        return below, len(numbers) - int(np.searchsorted(numbers, high, side="right"))

    def without_bin(self, words: Mapping[str, int]) -> dict[str, int]:
        """The words that are counted as `other` or `new`."""
        own = len(self.words)
        return {word: rows for word, rows in words.items() if self._slot(word, own) >= own}

    def is_new(self, word: str) -> bool:
        return self.is_closed and self._slot(word, -1) < 0

    @property
    def is_numeric(self) -> bool:
        return self.kind in {Kind.NUMBER, Kind.INTEGER}

    @cached_property
    def _range(self) -> tuple[float, float]:
        if self.kind is not Kind.NUMBER:
            return self.low, self.high
        return _before_in_single(self.low), _behind_in_single(self.high)

    @cached_property
    def _starts(self) -> dict[float, float]:
        """Of a point's bin: cut → point."""
        return {cut: point for point in self.points for cut in (point, _before_in_single(point))}

    @cached_property
    def _ends(self) -> dict[float, float]:
        return {cut: point for point in self.points for cut in (_behind(point), _behind_in_single(point))}

    @cached_property
    def _slots(self) -> dict[str, int]:
        rare = dict.fromkeys(self.known, len(self.words))
        return rare | {word: slot for slot, word in enumerate(self.words)}

    def _count_numbers(self, ordered: NDArray[np.float64]) -> Counts:
        """In ascending order a bin is a stretch: a search for each cut is cheaper than one for each number."""
        ends = np.empty(len(self.cuts) + 2, np.int64)
        ends[0], ends[-1] = 0, len(ordered)
        ends[1:-1] = np.searchsorted(ordered, self.cuts, side="left")
        return ends[1:] - ends[:-1]

    def _count_words(self, words: Mapping[str, int], found: Counts) -> None:
        unknown = len(self.words) + (1 if self.is_closed else 0)
        for word, rows in words.items():
            found[self._slot(word, unknown)] += rows

    def _slot(self, word: str, unknown: int) -> int:
        slots = self._slots
        slot = slots.get(word)
        return slots.get(shortened(word), unknown) if slot is None else slot

    def _value_labels(self) -> tuple[str, ...]:
        if self.kind in WORDY:
            return (*self.words, OTHER, NEW)
        if not self.is_numeric:
            return (PRESENT,)
        if not self.cuts:
            return ("any",)
        inner = [self._interval(*pair) for pair in zip(self.cuts, self.cuts[1:], strict=False)]
        first, last = self._shown(self.cuts[0]), self._shown(self.cuts[-1])
        return (f"{'up to' if self.cuts[0] in self._ends else 'below'} {first}", *inner, f"from {last}")

    def _interval(self, start: float, end: float) -> str:
        point = self._ends.get(end)
        if point is not None and self._starts.get(start) == point:
            return f"{point:.6g}"
        return f"{self._shown(start)} to {self._shown(end)}"

    def _shown(self, cut: float) -> str:
        """A cut beside a point is named after the point, from which no print could tell it."""
        return f"{self._ends.get(cut, self._starts.get(cut, cut)):.6g}"


def _behind(number: float) -> float:
    with np.errstate(over="ignore"):  # behind the largest float is infinity
        return float(np.nextafter(number, np.inf))


def _before_in_single(number: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.nextafter(np.float32(number), np.float32(-np.inf)))


def _behind_in_single(number: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.nextafter(np.float32(number), np.float32(np.inf)))


def _edges(kind: Kind, number: float, ordered: NDArray[np.float64]) -> tuple[float, float]:
    """Where a bin begins that holds the number, and where one ends that holds none behind it."""
    start, end = number, _behind(number)
    if kind is not Kind.NUMBER or number.is_integer() or abs(number) >= _LARGEST_SINGLE:
        return start, end
    wide = _before_in_single(number), _behind_in_single(number)
    at, behind = np.searchsorted(ordered, (number, end), side="left")
    first, last = np.searchsorted(ordered, wide, side="left")
    return wide[0] if first == at else start, wide[1] if last == behind else end


def _cuts(kind: Kind, ordered: NDArray[np.float64], points: tuple[float, ...], bins: int) -> tuple[float, ...]:
    number = len(ordered)
    around = [_edges(kind, point, ordered) for point in points]
    if ordered[0] == ordered[-1]:  # whatever else a constant becomes must show
        return around[0]
    rest = ordered[~np.isin(ordered, points)]
    pieces = max(round(bins * len(rest) / number), 1)
    inner = rest[(np.arange(1, pieces) * len(rest)) // pieces] if len(rest) else rest
    starts = [start for start, _ in around]
    further = [_edges(kind, cut, ordered)[0] for cut in inner.tolist()]
    cuts = np.unique([*starts, *(end for _, end in around), *further])
    return _without_empty_bins(cuts, starts, ordered)


def _points(ordered: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    distinct, rows = np.unique(ordered, return_counts=True)
    return distinct[rows * bins >= len(ordered)]


def _without_empty_bins(
    cuts: NDArray[np.float64], starts: Sequence[float], ordered: NDArray[np.float64]
) -> tuple[float, ...]:
    """None at either end of the reference, and one of two that it has nothing between.

    Those two are the cut behind a point and the next one. It is the first, so that what moves away from the point a
    little shows; before another point it is that point, which reads better and tells the same apart.
    """
    positions = np.searchsorted(ordered, cuts, side="left")
    kept = (positions > 0) & (positions < len(ordered))
    is_empty = positions[:-1] == positions[1:]
    is_before_point = np.isin(cuts[1:], starts)
    kept[:-1] &= ~(is_empty & is_before_point)
    kept[1:] &= ~(is_empty & ~is_before_point)
    return tuple(cuts[kept].tolist())

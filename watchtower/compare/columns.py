"""Which measure compares a column, decided from its cells where the configuration does not say it; and its sums over rows."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from watchtower.compare.readings import (
    DIFFERENT,
    DISTANCES,
    SAME,
    Measure,
    Reading,
    components,
    label,
    number,
    probabilities,
    ranking,
    score,
    text,
    vector,
)
from watchtower.compare.settings import CompareSettings
from watchtower.compare.structure import NOWHERE, Inside, Structure

_EMBEDDING = 16  # numbers; a shorter list is a few outputs side by side, of which each has a meaning
_LABEL = 64  # characters; a longer string, or one of more than three words, is text
_MANY = 16  # rows; from here on numbers are compared as arrays
_TEXTS = (Measure.TEXT, Measure.LABEL)
_OPENINGS = ("[", "{")  # that a JSON text of a list or an object begins with
LARGEST = 1e150  # of a distance that is added up: the square of a larger one is no float
_PROBABILITY_SUM = 1e-3  # how far from 1 the sum of a softmax in float16, printed in four digits, may be


class ColumnDifference(NamedTuple):
    """One column of one pair, added up over its rows. `DISTANCES[measure]` names the first and the second distance."""

    measure: Measure
    rows: int
    disagreeing: int
    flips: int
    not_finite: int  # rows with a distance that is infinite or nearly; they are in none of the sums
    first: float  # sum
    first_squares: float
    first_max: float
    second: float  # sum
    second_max: float

    def values(self) -> dict[str, float]:
        """Metric → mean over the rows, by the measure's own names."""
        names = DISTANCES[self.measure]
        count = max(1, self.rows - self.not_finite)
        means = {names[0]: self.first / count, names[1]: self.second / count}
        return {name: mean for name, mean in means.items() if name} | {"flips": self.flips, "max": self.first_max}


class Cells:
    """Compares cells by the settings of an endpoint."""

    def __init__(self, settings: CompareSettings, structure: Structure) -> None:
        self._structure = structure
        self._absolute, self._relative = settings.tolerance, settings.relative_tolerance
        self._threshold, self._top_k = settings.threshold, settings.top_k
        self._cosine, self._similarity = settings.cosine, settings.similarity
        self._configured: dict[Measure, Callable[[Any, Any], Reading]] = {
            Measure.SCORE: self._score,
            Measure.NUMBER: self._numbers,
            Measure.LABEL: label,
            Measure.PROBABILITIES: self._vector,
            Measure.RANKING: lambda a, b: ranking(a, b, self._top_k),
            Measure.VECTOR: lambda a, b: vector(a, b, self._cosine, self._absolute, self._relative),
            Measure.TEXT: lambda a, b: text(a, b, self._similarity),
        }

    def one(self, a: Any, b: Any, asked: Measure | None, at: Inside = NOWHERE) -> tuple[Measure, Reading]:
        """The measure and what it reads. Never raises: a configured measure that does not fit its cells is left aside."""
        if type(a) is float and type(b) is float and asked is None:
            return Measure.NUMBER, number(a, b, self._absolute, self._relative)
        if a is None or b is None:
            return (asked or Measure.MISSING, SAME) if a is b else (Measure.MISSING, DIFFERENT)
        if type(a) is str and type(b) is str and asked not in _TEXTS and a[:1] in _OPENINGS and b[:1] in _OPENINGS:
            a, b = _opened(a, b)
        measure = self._measure(a, b, asked, is_unordered=at.is_unordered)
        try:
            if measure is Measure.RETYPED:
                return measure, DIFFERENT
            if measure is Measure.STRUCTURE:
                return measure, DIFFERENT if self._structure.differences(a, b, at) else SAME
            if at.is_unordered and measure is Measure.RANKING:
                return measure, ranking(a, b, self._top_k, is_unordered=True)
            if measure is Measure.VECTOR and asked is None:
                return measure, vector(a, b, self._cosine, self._absolute, self._relative, has_length=True)
            return measure, self._configured[measure](a, b)
        except OverflowError:  # a whole number that no float holds, in a list
            return measure, SAME if a == b else DIFFERENT

    def many(
        self, a: Sequence[Any], b: Sequence[Any], asked: Measure | None, at: Inside, bad: bytearray
    ) -> ColumnDifference:
        """A column of several rows; rows that disagree are marked in `bad`."""
        if len(a) >= _MANY and asked in (None, Measure.NUMBER) and set(map(type, a)) | set(map(type, b)) == {float}:
            return self._array(np.array(a), np.array(b), bad)
        measures: dict[Measure, int] = {}
        readings: list[Reading] = []
        for row, (x, y) in enumerate(zip(a, b, strict=True)):
            measure, reading = self.one(x, y, asked, at)
            readings.append(reading)
            measures[measure] = measures.get(measure, 0) + 1
            if not reading.agrees:
                bad[row] = 1
        return summed(max(measures, key=measures.__getitem__), readings)

    def _array(self, a: Any, b: Any, bad: bytearray) -> ColumnDifference:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            error = np.abs(a - b)
            largest = np.maximum(np.abs(a), np.abs(b))
            is_same = (a == b) | (np.isnan(a) & np.isnan(b))
            share = np.where(is_same, 0.0, np.where(largest < math.inf, error / largest, math.inf))
            error = np.where(is_same, 0.0, np.where(np.isnan(error), math.inf, error))
            share = np.where(np.isnan(share), math.inf, share)
        wrong = (error > self._absolute) & (share > self._relative)
        np.frombuffer(bad, np.uint8)[wrong] = 1
        is_finite = (error < LARGEST) & (share < LARGEST)
        kept, kept_share = error[is_finite], share[is_finite]
        return ColumnDifference(
            Measure.NUMBER,
            rows=len(a),
            disagreeing=int(wrong.sum()),
            flips=0,
            not_finite=len(a) - len(kept),
            first=float(kept.sum()),
            first_squares=float(kept @ kept),
            first_max=float(kept.max(initial=0.0)),
            second=float(kept_share.sum()),
            second_max=float(kept_share.max(initial=0.0)),
        )

    def _measure(self, a: Any, b: Any, asked: Measure | None, *, is_unordered: bool) -> Measure:
        kind = _shape(a)
        if kind != _shape(b):
            return Measure.RETYPED
        if asked is Measure.STRUCTURE or kind == "object":
            return Measure.STRUCTURE
        if kind == "number":
            return asked if asked in (Measure.SCORE, Measure.LABEL) else Measure.NUMBER
        if kind == "boolean":
            return Measure.LABEL
        if kind == "string":
            if asked in _TEXTS:
                return asked
            return Measure.TEXT if _is_prose(a) or _is_prose(b) else Measure.LABEL
        if asked is Measure.RANKING:
            return asked
        if is_unordered or (kind == "list" and (_has_repeats(a) or _has_repeats(b))):
            return Measure.STRUCTURE
        if kind == "list":
            return Measure.RANKING
        if asked in (Measure.VECTOR, Measure.NUMBER):
            return asked
        if _is_distribution(a) and _is_distribution(b):
            return Measure.PROBABILITIES
        is_embedding = max(len(a), len(b)) >= _EMBEDDING and not (_is_whole(a) and _is_whole(b))
        return Measure.VECTOR if is_embedding else Measure.NUMBER

    def _score(self, a: Any, b: Any) -> Reading:
        return score(a, b, self._absolute, self._relative, self._threshold)

    def _numbers(self, a: Any, b: Any) -> Reading:
        if isinstance(a, list):
            return components(a, b, self._absolute, self._relative) if a or b else SAME
        return number(a, b, self._absolute, self._relative)

    def _vector(self, a: Sequence[float], b: Sequence[float]) -> Reading:
        return probabilities(a, b, self._threshold)


def summed(measure: Measure, readings: Sequence[Reading]) -> ColumnDifference:
    finite = [reading for reading in readings if reading.first < LARGEST and reading.second < LARGEST]
    firsts = [reading.first for reading in finite]
    seconds = [reading.second for reading in finite]
    return ColumnDifference(
        measure,
        rows=len(readings),
        disagreeing=sum(not reading.agrees for reading in readings),
        flips=sum(reading.is_flipped for reading in readings),
        not_finite=len(readings) - len(finite),
        first=sum(firsts),
        first_squares=sum(value * value for value in firsts),
        first_max=max(firsts, default=0.0),
        second=sum(seconds),
        second_max=max(seconds, default=0.0),
    )


def _opened(a: str, b: str) -> tuple[Any, Any]:
    """A list or an object within a row is kept as its JSON text, and says more as what it was."""
    try:
        value = msgspec.json.decode(a)
        return value, value if a == b else msgspec.json.decode(b)
    except (ValueError, RecursionError):
        return a, b


def _has_repeats(items: Sequence[Any]) -> bool:
    """A tag for each word of a text, say: of a ranking, each item has its one place."""
    return len(set(items)) < len(items)


def _is_whole(values: Sequence[Any]) -> bool:
    """Ids, say, or counts: they have no direction, and all lists of large ids the same one."""
    return all(type(value) is int for value in values)


def _shape(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        kinds = set(map(type, value))
        if kinds <= {int, float}:
            return "numbers"
        return "list" if kinds <= {int, float, str, bool} else "object"
    return "object"


def _is_prose(value: str) -> bool:
    return len(value) > _LABEL or value.count(" ") > 2


def _is_distribution(values: Sequence[float]) -> bool:
    if len(values) < 2 or min(values) < 0 or max(values) > 1:
        return False
    return abs(math.fsum(values) - 1) <= _PROBABILITY_SUM

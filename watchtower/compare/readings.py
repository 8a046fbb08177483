"""How far one cell of the shadow's answer is from the primary's, by what kind of value it is.

Every measure gives the same four things, so that whoever adds them up need not know which it was: whether the cells
agree, whether a decision flipped, and two distances that are 0 for equal cells; `DISTANCES` names them. All are
symmetric in the two sides. A distance that cannot be told (infinity against a number, lists without a common item) is
infinite or 1, and never NaN.

Where a whole number and a float are told apart, a cell is declared as `Any`: a `float` that is compiled makes one of both.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from rapidfuzz.distance import Indel, Postfix, Prefix

from watchtower.record import Word

_PART: Final = 4096  # characters whose edits are counted together: the cost grows with the square, and this is 0.2 ms
_RUN: Final = 256  # characters that are normalised together: the cost grows with the square of one letter's marks
_FEW: Final = 32  # numbers; below it a loop is faster than numpy's start
_ROUNDING: Final = 1e-6  # relative, the settings' default: what float32 makes, and no whole number


class Measure(Word):
    NUMBER = "number"
    SCORE = "score"  # a number that is compared by its side of the threshold
    LABEL = "label"
    PROBABILITIES = "probabilities"
    RANKING = "ranking"
    VECTOR = "vector"
    TEXT = "text"
    STRUCTURE = "structure"
    MISSING = "missing"  # null, or no column, on one side
    RETYPED = "retyped"  # values of two kinds, which nothing compares


DISTANCES: Final[Mapping[Measure, tuple[str, str]]] = {
    Measure.NUMBER: ("absolute_error", "relative_error"),
    Measure.SCORE: ("absolute_error", "relative_error"),
    Measure.LABEL: ("flip", ""),
    Measure.PROBABILITIES: ("largest_change", "jensen_shannon"),
    Measure.RANKING: ("top_k_missing", "kendall_distance"),
    Measure.VECTOR: ("cosine_distance", "largest_change"),
    Measure.TEXT: ("edit_distance", "not_exact"),
    Measure.STRUCTURE: ("changed", ""),
    Measure.MISSING: ("missing", ""),
    Measure.RETYPED: ("retyped", ""),
}


class Reading(NamedTuple):
    agrees: bool
    is_flipped: bool  # another decision: another label, argmax or side of the threshold
    first: float
    second: float


SAME: Final = Reading(True, False, 0.0, 0.0)
DIFFERENT: Final = Reading(False, False, 1.0, 0.0)


def number(a: Any, b: Any, absolute: float, relative: float) -> Reading:
    """|a − b|, and that divided by the larger magnitude; agrees as `math.isclose` does. NaN agrees with NaN.

    Whole numbers are not rounded: what tolerates no more than rounding tells the ids 10000001 and 10000002 apart.
    """
    if a == b:
        return SAME
    try:
        error = float(abs(a - b))  # as whole numbers, where they are: one float may stand for a thousand of them
        scale = max(abs(float(a)), abs(float(b)))
    except OverflowError:  # whole numbers that no float holds
        return Reading(False, False, math.inf, 1.0)
    if error != error:  # noqa: PLR0124  the fastest way to ask for NaN
        is_same = (a != a and b != b) or a == b  # noqa: PLR0124
        return SAME if is_same else Reading(False, False, math.inf, math.inf)
    share = error / scale if scale < math.inf else math.inf
    if relative <= _ROUNDING and type(a) is int and type(b) is int:
        return Reading(error <= absolute, False, error, share)
    return Reading(error <= absolute or share <= relative, False, error, share)


def score(a: Any, b: Any, absolute: float, relative: float, threshold: float) -> Reading:
    """Number's distances; agrees when both lie on the same side of the threshold."""
    reading = number(a, b, absolute, relative)
    if reading is SAME:
        return SAME
    is_flipped = (a >= threshold) != (b >= threshold)
    agrees = not is_flipped and reading.first < math.inf
    return Reading(agrees, is_flipped, reading.first, reading.second)


def label(a: object, b: object) -> Reading:
    return SAME if a == b else Reading(False, True, 1.0, 0.0)


def probabilities(a: Sequence[float], b: Sequence[float], threshold: float) -> Reading:
    """Largest change of one class, and the Jensen–Shannon divergence in bits: JS(p, q) = ½ KL(p‖m) + ½ KL(q‖m), m = ½(p + q).

    It agrees when the decision is the same: of two classes the second's side of the threshold, of more the likeliest.
    A model that was trained anew never gives the same probabilities, and its users see the decision. Source: Lin 1991.
    """
    if len(a) != len(b):
        return Reading(False, True, 1.0, 1.0)
    is_flipped = (a[1] >= threshold) != (b[1] >= threshold) if len(a) == 2 else a.index(max(a)) != b.index(max(b))
    if len(a) > _FEW:
        p, q = np.asarray(a, float), np.asarray(b, float)
        change = float(np.abs(p - q).max())
        divergence = _jensen_shannon(p, q)
    else:
        change = max(abs(x - y) for x, y in zip(a, b, strict=True))
        divergence = _short_jensen_shannon(a, b)
    return Reading(not is_flipped, is_flipped, change, divergence)


def _jensen_shannon(p: Any, q: Any) -> float:
    both = p + q  # not halved: the half of the smallest float is 0
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(2 * p / both), 0.0) + np.where(q > 0, q * np.log2(2 * q / both), 0.0)
    return max(0.0, float(terms.sum()) / 2)


def _short_jensen_shannon(a: Sequence[float], b: Sequence[float]) -> float:
    total = 0.0
    for p, q in zip(a, b, strict=True):
        both = p + q
        if p > 0:
            total += p * math.log2(2 * p / both)
        if q > 0:
            total += q * math.log2(2 * q / both)
    return max(0.0, total / 2)


def ranking(a: Sequence[object], b: Sequence[object], top_k: int, *, is_unordered: bool = False) -> Reading:
    """Share of the top k that is not in both, and Kendall's distance (1 − τ)/2 of the items that are.

    It agrees when the top k are the same in the same order. τ counts the pairs of common items in and out of order;
    an item that comes twice is looked at where it comes first. Source: Kendall 1938; the overlap as in Webber, Moffat
    and Zobel 2010, whose RBO needs a persistence that nobody knows.
    """
    ranks_a, ranks_b = _ranks(a, top_k), _ranks(b, top_k)
    longest = max(len(ranks_a), len(ranks_b))
    if not longest:
        return SAME
    places = [ranks_b[item] for item in ranks_a if item in ranks_b]
    missing = 1 - len(places) / longest
    distance = 0.0 if is_unordered else _discordant(places)
    agrees = not missing and not distance
    # The first place is the decision that most users of a ranked list see.
    is_flipped = not agrees and not is_unordered and (next(iter(ranks_a), None) != next(iter(ranks_b), None))
    return Reading(agrees, is_flipped, missing, distance)


def _ranks(items: Sequence[object], top_k: int) -> dict[object, int]:
    ranks: dict[object, int] = {}
    for item in items[:top_k]:
        # A key of its type, too: True, 1 and 1.0 are one key to a dict, and three answers to a reader.
        key = (type(item), item if isinstance(item, str | int | float | bool | None) else repr(item))
        ranks.setdefault(key, len(ranks))
    return ranks


def _discordant(places: Sequence[int]) -> float:
    count = len(places)
    if count < 2:
        return 0.0
    if count <= _FEW:
        wrong = sum(places[i] > places[j] for i in range(count) for j in range(i + 1, count))
    else:
        ranks = np.asarray(places)
        wrong = sum(int((ranks[i] > ranks[i + 1 :]).sum()) for i in range(count - 1))
    return wrong / (count * (count - 1) / 2)


def vector(
    a: Sequence[float],
    b: Sequence[float],
    least_cosine: float,
    absolute: float,
    relative: float,
    *,
    has_length: bool = False,
) -> Reading:
    """1 − cosine similarity, and the largest change of one component; agrees from `least_cosine` on, or within tolerance.

    `has_length`: nobody said that only the direction means something. Then the lengths must be as near as the directions:
    the distance of two directions with the cosine c is √(2 − 2c), and that is what the shorter may lack of the longer.
    """
    if len(a) != len(b):
        return Reading(False, False, 1.0, math.inf)
    p, q = np.asarray(a, float), np.asarray(b, float)
    if not (np.isfinite(p).all() and np.isfinite(q).all()):
        return SAME if np.array_equal(p, q, equal_nan=True) else Reading(False, False, 1.0, math.inf)
    change = float(np.abs(p - q).max(initial=0.0))
    # Divided by the largest first: squares of 1e200 are infinite, and of 1e-200 are zero.
    largest_p, largest_q = float(np.abs(p).max(initial=0.0)), float(np.abs(q).max(initial=0.0))
    largest = max(largest_p, largest_q)
    is_as_long = True
    if not largest_p or not largest_q:
        distance = 0.0 if largest_p == largest_q else 1.0
    else:
        p, q = p / largest_p, q / largest_q
        squares_p, squares_q = float(p @ p), float(q @ q)
        distance = 1 - float(p @ q) / math.sqrt(squares_p * squares_q)
        if has_length:
            lengths = (largest_p / largest * math.sqrt(squares_p), largest_q / largest * math.sqrt(squares_q))
            is_as_long = 1 - min(lengths) / max(lengths) <= math.sqrt(2 - 2 * least_cosine)
    agrees = change <= max(absolute, relative * largest) or (is_as_long and distance <= 1 - least_cosine)
    return Reading(agrees, False, min(2.0, max(0.0, distance)), change)


def components(a: Sequence[Any], b: Sequence[Any], absolute: float, relative: float) -> Reading:
    """A few numbers side by side, each within tolerance: their largest absolute and relative error."""
    if len(a) != len(b):
        return Reading(False, False, math.inf, math.inf)
    parts = [number(x, y, absolute, relative) for x, y in zip(a, b, strict=True)]
    agrees = all(part.agrees for part in parts)
    return Reading(agrees, False, max(part.first for part in parts), max(part.second for part in parts))


def text(a: str, b: str, least_similarity: float) -> Reading:
    """1 − normalised Indel similarity (2·LCS / sum of lengths) of the texts in NFKC, folded case and single spaces.

    Longer ones are compared part by part, behind what is the same at both ends. That never takes texts for more alike
    than they are: an alignment of the parts is one of the whole.
    """
    if a == b:
        return SAME
    plain_a, plain_b = _plain(a), _plain(b)
    if plain_a == plain_b:
        return Reading(True, False, 0.0, 1.0)
    distance = _edits(plain_a, plain_b) / (len(plain_a) + len(plain_b))
    return Reading(least_similarity < 1 and distance <= 1 - least_similarity, False, distance, 1.0)


def _edits(a: str, b: str) -> int:
    """Insertions and deletions that make one of the other; of long texts perhaps a few more."""
    if max(len(a), len(b)) > _PART:
        start = Prefix.similarity(a, b)
        a, b = a[start:], b[start:]
        end = Postfix.similarity(a, b)
        a, b = a[: len(a) - end], b[: len(b) - end]
    parts = math.ceil(max(len(a), len(b)) / _PART)
    return sum(Indel.distance(_part(a, part, parts), _part(b, part, parts)) for part in range(parts))


def _part(text: str, part: int, parts: int) -> str:
    return text[len(text) * part // parts : len(text) * (part + 1) // parts]


def _plain(value: str) -> str:
    return " ".join((value if value.isascii() else _composed(value)).casefold().split())


def _composed(value: str) -> str:
    """In NFKC. No cut comes between a letter and its marks, unless there are more of them than any writing has."""
    parts: list[str] = []
    at = 0
    while at < len(value):
        end = at + _RUN
        while end < min(len(value), at + 2 * _RUN) and unicodedata.category(value[end]).startswith("M"):
            end += 1
        parts.append(unicodedata.normalize("NFKC", value[at:end]))
        at = end
    return "".join(parts)

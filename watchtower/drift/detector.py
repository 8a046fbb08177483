"""What one column is asked: in which ways it may drift, and the score over its bins that shows each of them.

A column whose bins are in order is asked for its location (the mean rank among the reference's rows: 0.64 says that a
live value is above a reference value in 64 of 100 comparisons, Mann & Whitney 1947), its scale (the mean distance of that
rank from the middle, Ansari & Bradley 1960), and each bin's share. Against a shifted normal a rank score needs 5 % more
rows than the mean would, and a single bin twice as many and more; against heavy tails ranks need fewer. A column of
words is asked for the share of each. Both are asked for what is missing, unseen or beyond the reference.

Each way has a weight, and a column's weights sum to one: the price of asking in many ways is that each needs evidence
1/weight times as large, a few dozen rows more and never a false alarm more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from watchtower.drift.evidence import Floats


class Role(StrEnum):
    """What a bin holds."""

    VALUE = "value"
    PRESENT = "present"  # any value that has no bin of its own: asked nothing that `missing` is not asked
    MISSING = "missing"
    UNSEEN = "unseen"  # a word, or a type, that the reference has not
    BELOW = "below"  # the reference's least
    ABOVE = "above"  # the reference's greatest


class Way(StrEnum):
    UP = "up"
    DOWN = "down"
    WIDER = "wider"
    NARROWER = "narrower"
    MORE = "more of"
    LESS = "less of"
    MORE_MISSING = "more missing"
    FEWER_MISSING = "fewer missing"
    NEW = "more of unseen"  # words, or values of another type
    BELOW = "below the reference's least"
    ABOVE = "above the reference's greatest"
    JOINT = "joint"  # seen in several columns together, or in a vector


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The reference of one column: its rows counted by bin.

    `counts` are whole numbers, except for what the reference can only estimate: the share of words that it has not seen
    is the share of its words that it saw once (Good 1953), and `counts` of that bin should say so.
    """

    name: str
    counts: Floats
    labels: tuple[str, ...]
    roles: tuple[Role, ...]
    is_ordered: bool
    seen: float | None = None  # rows, where those that an estimate has added to a bin are missing in no other

    @property
    def rows(self) -> float:
        return float(self.counts.sum()) if self.seen is None else self.seen


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One way to drift, and the score whose mean grows when it does: `values` on `bins`, `rest` on all others."""

    way: Way
    label: str
    bins: tuple[int, ...]
    values: tuple[float, ...]
    rest: float
    weight: float


_OF_ORDER: Final = 0.6  # of the weight, half for location and half for scale
_OF_ROLES: Final = 0.2  # missing, unseen, below, above
_ROLES: Final = {
    Role.MISSING: (Way.MORE_MISSING, Way.FEWER_MISSING),
    Role.UNSEEN: (Way.NEW,),
    Role.BELOW: (Way.BELOW,),
    Role.ABOVE: (Way.ABOVE,),
}


def questions(column: Column) -> list[Question]:
    """The same ones, in the same order, for every reference with the same bins: seasonal references share detectors."""
    of_order = list(_order(column)) if column.is_ordered else []
    of_roles = list(_roles(column))
    of_values = list(_values(column))
    parts = [(of_order, _OF_ORDER), (of_roles, _OF_ROLES), (of_values, 1 - _OF_ORDER - _OF_ROLES)]
    total = sum(share for part, share in parts if part)
    return [
        Question(way, label, bins, values, rest, share / total / len(part))
        for part, share in parts
        for way, label, bins, values, rest in part
    ]


_Asked = tuple[Way, str, tuple[int, ...], tuple[float, ...], float]


def _order(column: Column) -> Iterator[_Asked]:
    bins = tuple(index for index, role in enumerate(column.roles) if role in {Role.VALUE, Role.BELOW, Role.ABOVE})
    if len(bins) < 2:
        return
    counts = column.counts[list(bins)]
    total = float(counts.sum())
    # Without a single row there is no order, and every bin is its middle.
    rank = (np.cumsum(counts) - counts / 2) / total if total else np.full(len(bins), 0.5)
    distance = np.abs(2 * rank - 1)
    # A row without a place in the order counts as the reference's average, so that it moves neither.
    middle = float(counts @ distance) / total if total else 0.0
    for way, score, rest in (
        (Way.UP, rank, 0.5),
        (Way.DOWN, 1 - rank, 0.5),
        (Way.WIDER, distance, middle),
        (Way.NARROWER, 1 - distance, 1 - middle),
    ):
        yield way, "", bins, tuple(score.tolist()), rest


def _values(column: Column) -> Iterator[_Asked]:
    for index, role in enumerate(column.roles):
        if role is Role.VALUE:
            yield Way.MORE, column.labels[index], (index,), (1.0,), 0.0
            yield Way.LESS, column.labels[index], (index,), (0.0,), 1.0


def _roles(column: Column) -> Iterator[_Asked]:
    for index, role in enumerate(column.roles):
        for way in _ROLES.get(role, ()):
            is_fewer = way is Way.FEWER_MISSING
            label = column.labels[index] if role is Role.UNSEEN else ""
            yield way, label, (index,), (0.0 if is_fewer else 1.0,), 1.0 if is_fewer else 0.0


def effect(question: Question, reference: float, limit: float, seen: float) -> str:
    """For a person: how it was, how it is, and how far it might have gone."""
    if question.way in {Way.UP, Way.DOWN}:
        side = "above" if question.way is Way.UP else "below"
        return f"{_share(seen)} of comparisons {side} the reference, up to {_share(limit)} allowed"
    if question.way in {Way.WIDER, Way.NARROWER}:
        side = "farther from" if question.way is Way.WIDER else "nearer to"
        return f"ranks {side} the middle: {seen:.2f} instead of {reference:.2f}, up to {limit:.2f} allowed"
    if question.way in {Way.LESS, Way.FEWER_MISSING}:
        return f"{_share(1 - seen)} instead of {_share(1 - reference)}, down to {_share(1 - limit)} allowed"
    return f"{_share(seen)} instead of {_share(reference)}, up to {_share(limit)} allowed"


def _share(value: float) -> str:
    return f"{100 * max(value, 0.0):.3g} %"

"""The baseline as the detectors use it: for every column its questions, what it allows of them, and the bets against that.

A reference is compiled once and then only multiplied with. Two of them with the same columns and bins (the hours of a
seasonal baseline) share their detectors: each window is held against its own hour, the evidence is summed over all.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.drift.bins import Bins, Counts
from watchtower.drift.detector import Column, Question, Role, questions
from watchtower.drift.evidence import Bets, Null, Scores
from watchtower.drift.values import WORDY


class DetectionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    windows_between_false_alarms: Annotated[float, msgspec.Meta(ge=1)] = 129_600.0  # 90 days of minutes
    windows_between_false_clears: Annotated[float, msgspec.Meta(ge=1)] = 1_440.0
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0  # of the promise: the rest is left to other detectors
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05  # in standard deviations: a smaller change is none
    reference_risk: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.01  # of a reference that misleads
    rows_per_observation: Annotated[float, msgspec.Meta(ge=1)] = 1.0  # that may repeat each other in a window
    rows_per_window: Annotated[float, msgspec.Meta(gt=0)] = 5_000.0  # as many observations a window can be worth


class Reference:
    """The baseline's columns with all that is asked of them, ready to be bet on."""

    def __init__(self, columns: Sequence[Column], settings: DetectionSettings) -> None:
        self.columns = tuple(columns)
        asked = [questions(column) for column in self.columns]
        self.questions: list[Question] = [question for each in asked for question in each]
        self.column_of = np.repeat(np.arange(len(asked)), [len(each) for each in asked])
        self.first_of = np.searchsorted(self.column_of, np.arange(len(asked)))
        self.weights = np.array([question.weight for question in self.questions])
        self.slots = {column.name: slot for slot, column in enumerate(self.columns)}
        self.sizes = np.array([len(column.counts) for column in self.columns], dtype=np.intp)
        self.offsets = np.cumsum(self.sizes) - self.sizes
        # The same for references whose evidence may be summed together: equal columns and bins.
        told = [(column.name, column.labels, column.roles, column.is_ordered) for column in self.columns]
        self.layout = zlib.crc32(msgspec.msgpack.encode(told))
        self._compile(settings)

    @classmethod
    def of(cls, bins: Mapping[str, Bins], counts: Mapping[str, Counts], settings: DetectionSettings) -> Self:
        """Of a baseline: the bins of its columns, and its rows counted in them."""
        return cls([column(name, each, counts[name]) for name, each in bins.items() if name in counts], settings)

    def _compile(self, settings: DetectionSettings) -> None:
        scores = _scores(self.questions, self.column_of, self.offsets)
        # An hour without rows keeps its place among the others; what is known from one row allows nearly everything.
        rows = np.array([max(column.rows, 1.0) for column in self.columns])
        shares = [column.counts / own for column, own in zip(self.columns, rows, strict=True)]
        risk = settings.reference_risk / max(len(self.questions), 2)  # Bonferroni
        flat = np.concatenate([*shares, np.zeros(0)])
        self.null = Null.of(scores, flat, rows[self.column_of], settings.tolerance, risk)
        self.on_drift = Bets.on_drift(scores, self.null)
        self.on_return = Bets.on_return(scores, self.null)


def _scores(asked: Sequence[Question], column_of: NDArray[np.intp], offsets: NDArray[np.intp]) -> Scores:
    lengths = [len(question.bins) for question in asked]
    bins = [offsets[slot] + index for slot, each in zip(column_of, asked, strict=True) for index in each.bins]
    return Scores(
        np.array(bins, dtype=np.intp),
        np.array([value for question in asked for value in question.values], dtype=np.float64),
        np.concatenate(([0], np.cumsum(lengths, dtype=np.intp)))[: len(asked)],
        np.array([question.rest for question in asked], dtype=np.float64),
        column_of,
    )


def column(name: str, bins: Bins, counts: Counts) -> Column:
    """A baseline's column, from its bins and the reference's counts in them."""
    expected = counts.astype(np.float64)
    if bins.kind in WORDY:
        other = len(bins.words)
        unseen = max(expected[other + 1], bins.unseen * expected.sum())
        # The words of one row are mostly among the others, which give their share to those that are still to come. Where
        # they have bins, the shares sum to more than one: which of them will not come again, nobody knows.
        expected[other] = max(expected[other] - (unseen - expected[other + 1]), 0.0)
        expected[other + 1] = unseen if bins.is_closed else 0.0
        # Which words have a bin was chosen by the rows that are counted here, so the others will be more than they were.
        roles = [*[Role.VALUE] * other, Role.PRESENT, Role.UNSEEN]
    else:
        values = len(bins.labels) - 2
        roles = [Role.VALUE if bins.is_numeric else Role.PRESENT] * values
    roles += [Role.UNSEEN, Role.MISSING]
    return Column(name, expected, bins.labels, tuple(roles), bins.is_numeric, float(counts.sum()))

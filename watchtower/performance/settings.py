from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from watchtower.units import UNIT, Count, Seconds, Share

_Alpha = Annotated[float, msgspec.Meta(gt=0, lt=0.5, extra={UNIT: "share"})]

_Classes = Annotated[int, msgspec.Meta(ge=2, le=256)]


class Task(StrEnum):
    AUTO = "auto"  # by the labels and predictions that come first
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class PerformanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How answers are measured once their labels come, and estimated until then."""

    label_period: Seconds = (
        30 * 86400.0
    )  # how long after its answer a label may come, or wait for an id that is unknown
    task: Task = Task.AUTO  # auto: by the labels and predictions that come first
    prediction: str | None = None  # the output column that labels are of; without it the only one, or the first
    score: str | None = None  # the output column of probabilities: a number, or one for each of `classes`
    score_of: Literal["positive", "predicted"] = "positive"  # whose probability a single score is
    threshold: Share = 0.5  # where the prediction itself is a probability: from here on it is the positive class
    positive: str | None = None  # the class of precision, recall and shares; without it 1, or the second of two
    classes: tuple[str, ...] = ()  # in the order of the probabilities' columns
    segments: tuple[str, ...] = ()  # input columns or headers by whose values every number is told apart as well
    max_segments: Count = 20  # values of one segment column that are told apart; later ones are one
    max_classes: _Classes = 32  # that are told apart; later ones are one, and of longer vectors the likeliest counts
    calibration_bins: Annotated[int, msgspec.Meta(ge=2, le=100)] = 10  # of the calibration error
    max_waiting: Count = 100_000  # labels of unknown ids; beyond it the oldest are dropped, and counted
    alpha: _Alpha = 0.05  # every interval misses the truth at most this often, looked at once

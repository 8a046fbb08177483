from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from watchtower.performance.classes import class_name
from watchtower.performance.numbers import numbers
from watchtower.performance.settings import Task

# More different whole numbers than this are counts, not classes; NannyML and Evidently draw lines nearby (20 and 5).
MOST_CLASSES: Final = 20
MOSTLY: Final = 0.95  # of the labels: one "NA" of a CSV file makes no regression


class TaskDecision(NamedTuple):
    task: Task
    is_score: bool  # the prediction itself is a probability, to be cut at a threshold
    why: str


def decide_task(labels: Sequence[object], predicted: Sequence[object], configured: Task = Task.AUTO) -> TaskDecision:
    """What the answers are, from labels and predictions of the same rows; some hundred of them make it safe.

    Decide once and keep it: metrics of two tasks are no series. Counts of few values (children, stars) look like classes,
    and only the configuration can say otherwise.
    """
    label_numbers, answers = numbers(labels), numbers(predicted)
    names = [name for value in labels if (name := class_name(value)) is not None]
    is_share = _are_shares(answers) and names.count("0") + names.count("1") >= MOSTLY * len(names)
    if configured is not Task.AUTO:
        return TaskDecision(configured, configured is Task.CLASSIFICATION and is_share, "configured")
    if is_share:
        return TaskDecision(Task.CLASSIFICATION, True, "labels are 0 and 1, predictions are shares between them")
    if np.isnan(label_numbers).all() or np.isnan(answers).all():
        return TaskDecision(Task.CLASSIFICATION, False, "labels or predictions are no numbers")
    found = np.concatenate((label_numbers, answers))
    found = found[np.isfinite(found)]
    if (found != np.round(found)).any():
        return TaskDecision(Task.REGRESSION, False, "there are fractions among labels and predictions")
    different = len(np.unique(found))
    if different > MOST_CLASSES:
        return TaskDecision(Task.REGRESSION, False, f"{different} different whole numbers")
    return TaskDecision(Task.CLASSIFICATION, False, f"{different} different whole numbers, at most {MOST_CLASSES}")


def _are_shares(answers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    found = answers[np.isfinite(answers)]
    return bool(found.size and ((found >= 0) & (found <= 1)).all() and (found != np.round(found)).any())

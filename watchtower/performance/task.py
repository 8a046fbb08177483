from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchtower.performance.classes import MOSTLY, class_name
from watchtower.performance.numbers import numbers
from watchtower.performance.score_grid import probable
from watchtower.performance.settings import Task

Numbers = NDArray[np.float64]

# More different whole numbers than this are counts, not classes; NannyML and Evidently draw lines nearby (20 and 5).
MOST_CLASSES: Final = 20
# What YAML 1.1 and PostgreSQL read as false and true, and how a test ends. A probability is of the second; of two other
# names nobody knows.
_PAIRS: Final = (
    ("0", "1"),
    *(
        (style(no), style(yes))
        for no, yes in (("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("negative", "positive"))
        for style in (str.lower, str.capitalize, str.upper)
    ),
)


class TaskDecision(NamedTuple):
    task: Task
    of_share: tuple[str, ...]  # the two classes where the prediction itself is a probability, of the second one
    why: str


def decide_task(
    labels: Sequence[object], predicted: Sequence[object], configured: Task = Task.AUTO, positive: str | None = None
) -> TaskDecision:
    """What the answers are, from labels and predictions of the same rows; some hundred of them make it safe.

    Decide once and keep it: metrics of two tasks are no series. Counts of few values (children, stars) look like classes,
    and only the configuration can say otherwise.
    """
    label_numbers, answers = numbers(labels), numbers(predicted)
    of_share = _two_classes(class_names(labels), positive) if are_shares(labels, predicted) else ()
    if configured is not Task.AUTO:
        return TaskDecision(configured, of_share if configured is Task.CLASSIFICATION else (), "configured")
    if of_share:
        why = f"labels are {of_share[0]} and {of_share[1]}, predictions are shares between 0 and 1"
        return TaskDecision(Task.CLASSIFICATION, of_share, why)
    if np.isnan(label_numbers).all() or np.isnan(answers).all():
        return TaskDecision(Task.CLASSIFICATION, (), "labels or predictions are no numbers")
    found = np.concatenate((label_numbers, answers))
    found = found[np.isfinite(found)]
    if _fractions(found):
        return TaskDecision(Task.REGRESSION, (), "there are fractions among labels and predictions")
    different = len(np.unique(found))
    if different > MOST_CLASSES:
        return TaskDecision(Task.REGRESSION, (), f"{different} different whole numbers")
    return TaskDecision(Task.CLASSIFICATION, (), f"{different} different whole numbers, at most {MOST_CLASSES}")


def class_names(values: Sequence[object]) -> list[str]:
    return [name for value in values if (name := class_name(value)) is not None]


def meant(name: str) -> str | None:
    """The class that means yes, where this is it or the one that means no."""
    return next((pair[1] for pair in _PAIRS if name in pair), None)


def are_mostly(names: Sequence[str], classes: Collection[str]) -> bool:
    return sum(name in classes for name in names) >= MOSTLY * len(names)


def are_shares(labels: Sequence[object], predicted: Sequence[object]) -> bool:
    """Whether predictions are probabilities: some are fractions, all are from 0 to 1, and labels are whole or no numbers."""
    found = numbers([value for value in predicted if value is not None])
    known = found[np.isfinite(found)]
    if not known.size or known.size < MOSTLY * found.size or not probable(known)[0].all():
        return False
    return _fractions(known) > 0 and _fractions(numbers(labels)) <= (1 - MOSTLY) * len(labels)


def _fractions(found: Numbers) -> int:
    found = found[np.isfinite(found)]
    return int(np.count_nonzero(found != np.round(found)))


def _two_classes(names: Sequence[str], positive: str | None) -> tuple[str, ...]:
    """The two that nearly all labels are of, the one that a large share speaks for last; none where nobody can tell."""
    pairs: Sequence[tuple[str, str]] = _PAIRS
    if positive is not None:
        known = [name for name, _ in Counter(names).most_common()]
        known += [name for pair in _PAIRS if positive in pair for name in pair]
        pairs = [(name, positive) for name in known if name != positive][:1]
    return next((pair for pair in pairs if are_mostly(names, pair)), ())

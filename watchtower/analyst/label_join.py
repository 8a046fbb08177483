"""Labels and the rows that they are of: which columns were meant, and what is compared with what.

Which column is the prediction: the configured one, else the endpoint's first output. Where that is a vector of
probabilities, its derived `NAME.label` is what was said and the vector is how sure the model was. Which task it is, is
decided from the first labelled rows and then kept: metrics of two tasks are no series.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchtower.performance.classes import class_name
from watchtower.performance.labels import Label
from watchtower.performance.numbers import number, numbers
from watchtower.performance.settings import PerformanceSettings, Task
from watchtower.performance.task import are_mostly, are_shares, class_names, decide_task, meant
from watchtower.record import Role
from watchtower.store.schemas import OUTPUT

Numbers = NDArray[np.float64]
ScoreOf = Literal["positive", "predicted"]

_LABEL: Final = ".label"  # what `payload/derive.py` adds behind the name of a vector
_SCORE: Final = ".score"
A_FEW: Final = 5  # times that a class has to come, where it might be junk
_OF_NEITHER: Final = (
    "predictions are shares, and which of two classes they speak for is not known: "
    "nothing is measured until performance.positive or performance.classes says it"
)
_OF_NAMES: Final = (
    "predictions are places in a vector of probabilities, and labels are names: "
    "nothing is measured until performance.classes gives the names of all places, in their order"
)
_OF_OTHERS: Final = "none of the first labels names a class that was predicted"


class Choice(msgspec.Struct, frozen=True):
    """The columns, as the store names them."""

    prediction: str
    score: str | None  # one number for each row
    vector: str | None  # one for each class

    @property
    def is_derived(self) -> bool:
        return self.vector is not None and self.prediction == self.vector + _LABEL


class Row(NamedTuple):
    """What the store, or the journal, says of one row."""

    who: str
    role: str
    started_ns: int
    cells: Mapping[str, Any]  # by column

    @property
    def is_answered(self) -> bool:
        return any(cell is not None for name, cell in self.cells.items() if name.startswith(OUTPUT))


class Joined(NamedTuple):
    """A label beside what one model said of its row."""

    who: str
    role: str
    label: Label
    started_ns: int
    predicted: Any
    score: Any
    vector: Any
    segments: tuple[str, ...]  # values, in the order of the configured columns


class Answers(NamedTuple):
    """Rows as the metrics take them."""

    predicted: Sequence[object]
    score: Numbers | None = None  # one number for each row
    probabilities: Numbers | None = None  # one for each class


class Reading(msgspec.Struct, frozen=True):
    """How predictions are to be read; what was decided once."""

    task: Task
    why: str
    columns: Choice
    is_measured: bool = True  # whether predictions say a class at all
    is_share: bool = False  # the prediction is a probability, cut at the threshold
    score_of: ScoreOf = "positive"
    classes: tuple[str, ...] = ()  # where all are known; of probabilities, in the order of their columns
    positive: str | None = None  # None while the labels that decided were all of the other class
    is_binary: bool = False
    threshold: float = 0.5

    @property
    def score(self) -> str | None:
        """The column that says how sure the model was."""
        return self.columns.prediction if self.is_share else self.columns.vector or self.columns.score

    @property
    def has_estimates(self) -> bool:
        """Whether there is a score for each class that could be right, so that one can tell without labels."""
        if self.task is Task.REGRESSION or not self.is_measured:
            return False
        has_one = (self.is_share or self.columns.score is not None) and len(self.classes) <= 2
        return self.columns.vector is not None or (has_one and self.is_binary)

    @property
    def waits_for_positive(self) -> bool:
        return self.task is Task.CLASSIFICATION and self.is_measured and self.positive is None

    def answers(self, predicted: Sequence[Any], scores: Sequence[Any], vectors: Sequence[Any]) -> Answers:
        if self.task is Task.REGRESSION:
            return Answers(predicted)
        if not self.is_measured:
            return Answers([None] * len(predicted))
        if self.is_share:
            shares = numbers(predicted)
            return Answers(self._cut(shares), shares)
        if self.columns.vector is not None:
            found = matrix(vectors, len(self.classes))
            return Answers(self._likeliest(found) if self.columns.is_derived else predicted, None, found)
        return Answers(predicted, numbers(scores) if self.columns.score is not None else None)

    def labels(self, values: Sequence[object]) -> Sequence[object]:
        """None in place of what is none of the classes: one "NA" would turn two of them into three."""
        if not self.classes:
            return values
        known = frozenset(self.classes)
        return [value if class_name(value) in known else None for value in values]

    def _cut(self, shares: Numbers) -> list[str | None]:
        no = next(name for name in self.classes if name != self.positive)
        names = np.array([no, self.positive], np.object_)[(shares >= self.threshold).astype(np.intp)]
        names[np.isnan(shares)] = None
        found: list[str | None] = names.tolist()
        return found

    def _likeliest(self, probabilities: Numbers) -> list[str | None]:
        """By the configured names: what was derived may be a position."""
        known: list[bool] = np.asarray(np.isfinite(probabilities).all(axis=1)).tolist()
        tops = np.where(np.isnan(probabilities), -1, probabilities).argmax(axis=1).tolist()
        return [self.classes[top] if is_known else None for top, is_known in zip(tops, known, strict=True)]

    def of_positive(self, answers: Answers, positive: str) -> Numbers | None:
        """Scores as an estimate without labels takes them: of the positive class, or one for each of three and more."""
        if answers.probabilities is not None:
            if len(self.classes) > 2:
                return answers.probabilities
            column: Numbers = answers.probabilities[:, self.classes.index(positive)]
            return column
        if answers.score is None or self.score_of == "positive":
            return answers.score
        says = np.array([class_name(value) == positive for value in answers.predicted], np.bool_)
        return np.where(says, answers.score, 1 - answers.score)


def joined(chosen: Choice | None, label: Label, row: Row, segments: tuple[str, ...]) -> Joined:
    """Without the column that labels are of, there was no prediction."""
    if chosen is None:
        return Joined(row.who, row.role, label, row.started_ns, None, None, None, segments)
    predicted, score = row.cells.get(chosen.prediction), row.cells.get(chosen.score or "")
    vector = row.cells.get(chosen.vector or "")
    if isinstance(score, list):  # a configured score may turn out to be one for each class
        score, vector = None, score
    if not isinstance(vector, list):  # another model's answer to the same question: one number, say
        vector = None
    return Joined(row.who, row.role, label, row.started_ns, predicted, score, vector, segments)


def choose(columns: Sequence[str], settings: PerformanceSettings) -> Choice | None:
    """None as long as there is no such column."""
    outputs = [name for name in columns if name.startswith(OUTPUT)]
    name = OUTPUT + settings.prediction.removeprefix(OUTPUT) if settings.prediction else next(iter(outputs), None)
    score = OUTPUT + settings.score.removeprefix(OUTPUT) if settings.score else None
    if name is None or name not in outputs:
        return None
    if name + _LABEL not in outputs:
        return Choice(name, score, None)
    return Choice(name + _LABEL, name + _SCORE, name) if score is None else Choice(name + _LABEL, score, None)


def decide(columns: Choice, rows: Sequence[Joined], settings: PerformanceSettings) -> Reading:
    """By what the primary's variants said, where they said something: a shadow may answer in another way."""
    deciding = [row for row in rows if row.role == Role.PRIMARY] or rows
    labels, predicted = [row.label.value for row in deciding], [row.predicted for row in deciding]
    positive = class_name(settings.positive)
    decision = decide_task(labels, predicted, settings.task, positive)
    if settings.task is Task.AUTO and (columns.is_derived or settings.classes):
        # A hundred classes by number look like counts, where nobody says that they are classes.
        why = "predictions are the likeliest class" if columns.is_derived else "classes are configured"
        decision = decide_task(labels, predicted, Task.CLASSIFICATION, positive)._replace(why=why)
    if decision.task is Task.REGRESSION:
        return Reading(Task.REGRESSION, decision.why, columns)
    columns = _probabilities(columns, deciding)
    names, said = class_names(labels), class_names([row.predicted for row in rows])
    classes = tuple(class_names(settings.classes)) or decision.of_share
    is_share = are_shares(labels, predicted)
    if is_share and len({*classes}) != 2:
        return Reading(Task.CLASSIFICATION, _OF_NEITHER, columns, is_measured=False)
    width = _width(row.vector for row in deciding) if columns.vector else 0
    positions = tuple(str(at) for at in range(width))
    if not classes and are_mostly(names, positions):
        classes = positions
    has_all = width > 0 and len(classes) == width
    has_vector = has_all and width <= settings.max_classes  # each class costs its curve, in each series
    score_of: ScoreOf = "positive" if is_share else settings.score_of  # a share is of the class that it is cut for
    if columns.is_derived and not has_vector:
        if width and not has_all and _are_places(predicted, labels, positions):
            return Reading(Task.CLASSIFICATION, _OF_NAMES, columns, is_measured=False)
        score_of = "predicted"
    met = _met(names, said)
    two = _two_classes(met, names, said, positive)
    if not classes and columns.score is not None and score_of == "positive":
        if positive is None:
            two = _by_score(two, deciding)
        classes = two  # a score of the positive class leaves room for one other
    named = () if has_vector else said if classes else (*said, *names)
    are_strange = not is_share and not has_vector and {*names}.isdisjoint(said)
    return Reading(
        Task.CLASSIFICATION,
        f"{decision.why}; {_OF_OTHERS}" if are_strange else decision.why,
        columns if has_vector else msgspec.structs.replace(columns, vector=None),
        is_share=is_share,
        score_of=score_of,
        classes=classes,
        positive=_positive(two or sorted(met), classes, positive),
        is_binary=is_share or _is_binary(classes or two or met, named),
        threshold=settings.threshold,
    )


def _probabilities(columns: Choice, rows: Sequence[Joined]) -> Choice:
    """A configured column of scores that turns out to hold one for each class."""
    if columns.vector is None and _width(row.vector for row in rows):
        return Choice(columns.prediction, None, columns.score)
    return columns


def _width(cells: Iterable[Any]) -> int:
    """That most of them have."""
    widths = Counter(len(cell) for cell in cells if isinstance(cell, list))
    return widths.most_common(1)[0][0] if widths else 0


def _are_places(predicted: Sequence[object], labels: Sequence[object], places: Sequence[str]) -> bool:
    """Whether predictions are, and labels are not."""
    return are_mostly(class_names(predicted), places) and not are_mostly(class_names(labels), places)


def _met(names: Sequence[str], said: Sequence[str]) -> list[str]:
    """The classes, commonest first. What no model says is one only when it comes again: a rare class does, an "NA" seldom."""
    labelled = [name for name, count in Counter(names).most_common() if count >= A_FEW]
    return [*dict.fromkeys([*(name for name, _ in Counter(said).most_common()), *labelled])]


def _two_classes(
    met: Sequence[str], names: Sequence[str], said: Sequence[str], positive: str | None
) -> tuple[str, ...]:
    """The two that nearly all labels and predictions are of, the positive one last; none where there are others."""
    given = [] if positive is None else [positive]
    found = sorted([*dict.fromkeys([*given, *met])][:2])
    if len(found) < 2 or not are_mostly(said, found) or not are_mostly(names, found):
        return ()
    last = positive or ("1" if "1" in found else found[1])
    return next(name for name in found if name != last), last


def _by_score(two: tuple[str, ...], rows: Sequence[Joined]) -> tuple[str, ...]:
    """That one last which is said where the score is high; nobody knows by names such as these."""
    if len(two) < 2 or meant(two[1]) is not None:
        return two
    said = np.array([class_name(row.predicted) for row in rows], np.object_)
    scores = numbers([row.score for row in rows])
    first, second = (scores[(said == name) & np.isfinite(scores)] for name in two)
    is_other = first.size > 0 and second.size > 0 and first.mean() > second.mean()
    return (two[1], two[0]) if is_other else two


def _is_binary(classes: Collection[str], named: Sequence[str]) -> bool:
    return len({*classes}) <= 2 and are_mostly(named, {*classes})


def _positive(names: Sequence[str], classes: Sequence[str], given: str | None) -> str | None:
    """Of two classes, without a word on it: 1, or the second of those that are listed, or of the alphabet."""
    if classes:
        second = classes[1] if len(classes) == 2 else classes[0]
        return given if given is not None and given in classes else second
    if given is not None:
        return given
    if len(names) == 1:
        return meant(names[0])
    return names[1] if len(names) == 2 else "1"


def matrix(vectors: Sequence[Any], width: int) -> Numbers:
    """A row of numbers for each vector, of NaN where it is none or has another length."""
    try:
        found = np.array(vectors, np.float64)
        if found.shape == (len(vectors), width):
            return found
    except (TypeError, ValueError):
        pass
    nothing = [float("nan")] * width
    rows = [
        [number(value) for value in one] if isinstance(one, list) and len(one) == width else nothing for one in vectors
    ]
    return np.array(rows, np.float64).reshape(len(rows), width)

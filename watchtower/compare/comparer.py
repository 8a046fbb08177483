"""Compares the two answers of a pair."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.compare.answer import Answer
from watchtower.compare.columns import LARGEST, Cells, ColumnDifference
from watchtower.compare.difference import NO_COLUMNS, Difference, Failure
from watchtower.compare.readings import Measure
from watchtower.compare.settings import CompareSettings, ScoreSettings
from watchtower.compare.structure import Inside, PathDifference, Structure, column_of, is_column
from watchtower.journal.redact import REDACTED, compile_paths
from watchtower.record import Outcome, ShadowOutcome
from watchtower.table import TIMINGS, Table

_FAILED: Final = frozenset(
    {Outcome.ERROR_STATUS, Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TIMED_OUT, Outcome.BAD_ANSWER}
)
_ANSWERED: Final = Outcome.ANSWERED
_REDACTED: Final = REDACTED.encode()
_ANOTHER: Final = b"?" * len(_REDACTED)  # as long: the lengths of texts stand before them
_MAX_PLANS: Final = 64  # shapes of answers, of which a model has a few; beyond it they are forgotten and made anew


class _Planned(NamedTuple):
    name: str
    primary: int  # place in a row; -1 where the side has no such column
    shadow: int
    asked: Measure | None
    inside: Inside


class Comparer:
    """Compares the answers of one endpoint; a `ValueError` says which path of the settings is none."""

    def __init__(self, settings: CompareSettings) -> None:
        ignore = [path for path in settings.ignore if path.startswith("$")]
        unordered = [path for path in settings.unordered if path.startswith("$")]
        self._structure = Structure(ignore, unordered, settings.tolerance, settings.relative_tolerance)
        self._cells = Cells(settings, self._structure)
        self._ignored, self._unordered = _columns_of(settings.ignore), _columns_of(settings.unordered)
        self._asked = {name: Measure(measure) for name, measure in settings.columns.items()}
        self._score, self._tolerance = settings.score, settings.tolerance
        self._plans: dict[tuple[tuple[str, ...], tuple[str, ...]], list[_Planned]] = {}

    def compare(self, primary: Answer, shadow: Answer) -> Difference:
        if primary.outcome != _ANSWERED or shadow.outcome != _ANSWERED:
            failure = _failure(primary, shadow)
            score = self._unknown_score(primary) if failure is Failure.TOO_LARGE else None
            return Difference(False, failure, primary.service_ns, shadow.service_ns, score=score)
        is_whole = primary.is_whole and shadow.is_whole
        if is_whole and primary.body == shadow.body and primary.status == shadow.status:
            zero = None if self._score is None or not _scores(self._score.column, primary) else 0.0
            if primary.is_redacted and self._hides(primary):
                return _unknown(primary, shadow, zero)
            rows = len(primary.table.rows) or 1
            return Difference(True, Failure.NONE, primary.service_ns, shadow.service_ns, rows, 0, zero)
        if is_whole and primary.is_decoded and shadow.is_decoded:
            found = self._compared(primary, shadow)
            is_known = found.failure is not Failure.NONE or not (primary.is_redacted and shadow.is_redacted)
            if is_known or not self._hides(primary):
                return found
            # Whether or not they differ elsewhere: were only those compared that do, all that are compared would disagree.
            hidden = msgspec.structs.replace(found, failure=Failure.UNREADABLE)
            return _unknown(primary, shadow, found.score) if found.agrees else hidden
        return _unread(primary, shadow, self._unknown_score(primary))

    def _hides(self, answer: Answer) -> bool:
        """Whether another value in the place of one that was redacted would be a difference."""
        if _REDACTED not in answer.body:  # it was only written anew, as where it holds escapes or a private name
            return False
        kept = msgspec.msgpack.encode((answer.table.rows, answer.document))
        rows, document = msgspec.msgpack.decode(kept.replace(_REDACTED, _ANOTHER))
        table = Table(answer.table.names, rows)
        return not self._compared(
            answer, msgspec.structs.replace(answer, table=table, document=document, body=b"")
        ).agrees

    def paths(self, primary: Answer, shadow: Answer) -> tuple[PathDifference, ...]:
        """Where the documents differ, for whoever reads the pair; `compare` looks only where columns cannot tell."""
        if not (primary.is_decoded and shadow.is_decoded):
            return ()
        return self._structure.differences(primary.document, shadow.document)

    def _compared(self, primary: Answer, shadow: Answer) -> Difference:
        a, b = primary.table, shadow.table
        columns: Mapping[str, ColumnDifference] = NO_COLUMNS
        if a.names or b.names:
            plan = self._plans.get((a.names, b.names)) or self._plan(a.names, b.names)
            rows, columns, disagreeing = self._table(plan, a.rows, b.rows)
            # Where the same columns stand side by side they tell more than paths, and the walk takes twice their time.
            is_alike = a.names == b.names and len(a.rows) == len(b.rows)
            is_told = not disagreeing or (is_alike and not any(map(_is_nested, columns.values())))
            paths = () if is_told else self.paths(primary, shadow)
        else:
            paths = self.paths(primary, shadow)
            rows, disagreeing = 1, int(bool(paths))
            if primary.document is None and shadow.document is None:
                disagreeing = int(primary.body != shadow.body)
        failure = Failure.NONE
        if primary.status != shadow.status:
            failure, disagreeing = Failure.STATUS, rows
        return Difference(
            disagreeing == 0,
            failure,
            primary.service_ns,
            shadow.service_ns,
            rows,
            disagreeing,
            None if self._score is None else self._score_difference(self._score, primary, shadow),
            columns,
            paths,
        )

    def _table(
        self, plan: Sequence[_Planned], a: Sequence[Sequence[Any]], b: Sequence[Sequence[Any]]
    ) -> tuple[int, dict[str, ColumnDifference], int]:
        """Rows compared, each column's difference, rows that disagree. Rows are paired by place; one too many disagrees."""
        columns: dict[str, ColumnDifference] = {}
        if len(a) == 1 and len(b) == 1:
            row_a, row_b, is_bad = a[0], b[0], False
            for name, at_a, at_b, asked, inside in plan:
                cell_a = row_a[at_a] if at_a >= 0 else None
                cell_b = row_b[at_b] if at_b >= 0 else None
                measure, (agrees, is_flipped, first, second) = self._cells.one(cell_a, cell_b, asked, inside)
                is_bad = is_bad or not agrees
                if first < LARGEST and second < LARGEST:
                    sums = (0, first, first * first, first, second, second)
                else:
                    sums = (1, 0.0, 0.0, 0.0, 0.0, 0.0)
                columns[name] = ColumnDifference(measure, 1, 0 if agrees else 1, 1 if is_flipped else 0, *sums)
            return 1, columns, int(is_bad)
        common = min(len(a), len(b))
        bad = bytearray(common)
        for name, at_a, at_b, asked, inside in plan if common else ():
            cells_a = [row[at_a] for row in a[:common]] if at_a >= 0 else [None] * common
            cells_b = [row[at_b] for row in b[:common]] if at_b >= 0 else [None] * common
            columns[name] = self._cells.many(cells_a, cells_b, asked, inside, bad)
        rows = max(len(a), len(b))
        return max(1, rows), columns, sum(bad) + rows - common

    def _plan(self, a: tuple[str, ...], b: tuple[str, ...]) -> list[_Planned]:
        places_a = {name: place for place, name in enumerate(a)}
        places_b = {name: place for place, name in enumerate(b)}
        names = [name for name in dict.fromkeys(a + b) if not self._is_left_out(name, places_a)]
        plan = [
            _Planned(
                name,
                places_a.get(name, -1),
                places_b.get(name, -1),
                self._asked.get(name),
                self._structure.inside(name, is_unordered=_is_named(name, self._unordered)),
            )
            for name in names
        ]
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[a, b] = plan
        return plan

    def _is_left_out(self, name: str, places: Mapping[str, int]) -> bool:
        """Ignored; a time, which latencies are for; or derived from a vector of probabilities, which is compared itself, and better."""
        base, _, derived = name.rpartition(".")
        is_derived = derived in {"label", "score"} and base in places and name not in self._asked
        is_timing = name in TIMINGS and name not in self._asked
        return is_derived or is_timing or _is_named(name, self._ignored)

    def _score_difference(self, score: ScoreSettings, primary: Answer, shadow: Answer) -> float | None:
        """None where neither side has a score; NaN where one alone has it, in a row, or they differ beyond the bounds."""
        ours, theirs = _scores(score.column, primary), _scores(score.column, shadow)
        if len(ours) != len(theirs):
            return math.nan
        if not ours:
            return None
        low, high = score.low, score.high
        # The bound in the place of both would hide by how much; of one that a float missed by little, it hides little.
        least, most = low - self._tolerance, high + self._tolerance
        if any(a != b and not (least <= a <= most and least <= b <= most) for a, b in zip(ours, theirs, strict=True)):
            return math.nan
        means = [math.fsum(min(high, max(low, value)) for value in each) / len(each) for each in (theirs, ours)]
        return means[0] - means[1]

    def _unknown_score(self, primary: Answer) -> float | None:
        """Of a pair that could not be read; none where it is known that there was none to differ from."""
        if self._score is None:
            return None
        is_read = primary.is_decoded and primary.is_whole
        return None if is_read and not _scores(self._score.column, primary) else math.nan


def compare(primary: Answer, shadow: Answer, settings: CompareSettings) -> Difference:
    """One pair alone; who compares many keeps a `Comparer`, which reads the settings once."""
    return Comparer(settings).compare(primary, shadow)


def _failure(primary: Answer, shadow: Answer) -> Failure:
    is_primary_failed, is_shadow_failed = primary.outcome in _FAILED, shadow.outcome in _FAILED
    if primary.outcome == _ANSWERED and shadow.outcome == ShadowOutcome.TOO_LARGE and shadow.status:
        return Failure.TOO_LARGE  # without a status it was the request that was, and nobody was asked
    if not (is_primary_failed or primary.outcome == _ANSWERED) or not (is_shadow_failed or shadow.outcome == _ANSWERED):
        return Failure.NOT_ASKED
    if is_primary_failed and is_shadow_failed:
        return Failure.BOTH
    return Failure.PRIMARY if is_primary_failed else Failure.SHADOW


def _unread(primary: Answer, shadow: Answer, score: float | None) -> Difference:
    """At least one answer could not be read. What is unlike all the same is so in all rows; of the rest nobody knows."""
    if primary.status != shadow.status:
        failure = Failure.STATUS
    elif primary.is_decoded and primary.is_whole and shadow.is_whole and not shadow.is_beyond_us:
        failure = Failure.SHADOW_UNREADABLE
    else:
        return _unknown(primary, shadow, score)
    rows = len(primary.table.rows) or 1
    return Difference(False, failure, primary.service_ns, shadow.service_ns, rows, rows, score)


def _unknown(primary: Answer, shadow: Answer, score: float | None) -> Difference:
    return Difference(False, Failure.UNREADABLE, primary.service_ns, shadow.service_ns, score=score)


def _scores(column: str, answer: Answer) -> list[Any]:
    if column not in answer.table.names:
        return []
    place = answer.table.names.index(column)
    cells: list[Any] = [row[place] for row in answer.table.rows]
    return [cell for cell in cells if _is_number(cell)]


def _is_number(cell: Any) -> bool:
    return type(cell) in (int, float) and cell == cell  # noqa: PLR0124  NaN is none


def _is_nested(column: ColumnDifference) -> bool:
    """Whether something within its cells differs, of which the column does not tell where."""
    return column.measure is Measure.STRUCTURE and column.disagreeing > 0


def _columns_of(paths: Sequence[str]) -> list[tuple[str, bool]]:
    """The columns that are named, each as `column_of` has it: by its own name, or by a path."""
    found = [column_of(path) for path in compile_paths(path for path in paths if path.startswith("$"))]
    return [(path, False) for path in paths if not path.startswith("$")] + [one for one in found if one is not None]


def _is_named(name: str, columns: Sequence[tuple[str, bool]]) -> bool:
    return any(is_column(name, *column) for column in columns)

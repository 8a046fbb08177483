import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchtower.compare.answer import Answer
from watchtower.compare.columns import ColumnDifference
from watchtower.compare.comparer import Comparer, compare
from watchtower.compare.difference import COMPARED, Difference, Failure
from watchtower.compare.readings import Measure
from watchtower.compare.settings import CompareSettings, ScoreSettings
from watchtower.compare.worst import severity
from watchtower.record import Outcome, ShadowOutcome
from watchtower.table import EMPTY, Table

PLAIN = CompareSettings()


def answer(*rows: Any, names: tuple[str, ...] = ("prediction",), body: bytes = b"", status: int = 200) -> Answer:
    table = Table(names, [row if isinstance(row, tuple) else (row,) for row in rows])
    return Answer(Outcome.ANSWERED, status, 1000, table, list(rows), body or repr((rows, names)).encode())


def document(value: object) -> Answer:
    return Answer(Outcome.ANSWERED, 200, 1000, EMPTY, value, repr(value).encode())


def column(a: Any, b: Any, settings: CompareSettings = PLAIN) -> ColumnDifference:
    return compare(answer(a), answer(b), settings).columns["prediction"]


OUTCOMES = [
    ("answered", "answered", Failure.NONE),
    ("answered", "timed_out", Failure.SHADOW),
    ("answered", "error_status", Failure.SHADOW),
    ("reset", "answered", Failure.PRIMARY),
    ("error_status", "error_status", Failure.BOTH),
    ("answered", "breaker_open", Failure.NOT_ASKED),
    ("cancelled", "answered", Failure.NOT_ASKED),
    ("refused", "incomplete", Failure.NOT_ASKED),
    ("an outcome of a later version", "answered", Failure.NOT_ASKED),
]


@pytest.mark.parametrize(("primary", "shadow", "expected"), OUTCOMES)
def test_who_failed_is_told_by_the_outcomes(primary: str, shadow: str, expected: Failure) -> None:
    one, other = replace(answer(1.0), outcome=primary), replace(answer(1.0), outcome=shadow)

    assert compare(one, other, PLAIN).failure is expected


@pytest.mark.parametrize("primary", Outcome)
@pytest.mark.parametrize("shadow", ShadowOutcome)
def test_only_two_answers_are_compared(primary: Outcome, shadow: ShadowOutcome) -> None:
    difference = compare(replace(answer(1.0), outcome=primary), replace(answer(1.0), outcome=shadow), PLAIN)

    assert (difference.failure in COMPARED) == (primary is Outcome.ANSWERED and shadow is ShadowOutcome.ANSWERED)


def test_equal_bodies_agree_in_all_their_rows() -> None:
    assert compare(answer(1, 2, 3), answer(1, 2, 3), PLAIN) == Difference(True, Failure.NONE, 1000, 1000, 3)


def test_another_status_disagrees_whatever_the_body_says() -> None:
    difference = compare(answer(1, 2), answer(1, 2, status=203), PLAIN)

    assert (difference.agrees, difference.failure, difference.rows_disagreeing) == (False, Failure.STATUS, 2)


READ = answer(1, 2)
STRANGE = replace(answer(1, 2, body=b"<html>"), is_decoded=False)
OTHER = replace(STRANGE, body=b"<body>")
CUT = replace(STRANGE, is_whole=False)
UNREAD = [
    (READ, STRANGE, Failure.SHADOW_UNREADABLE, 2),
    (READ, CUT, Failure.UNREADABLE, 0),
    (READ, replace(STRANGE, is_beyond_us=True), Failure.UNREADABLE, 0),
    (STRANGE, READ, Failure.UNREADABLE, 0),
    (STRANGE, OTHER, Failure.UNREADABLE, 0),
    (CUT, STRANGE, Failure.UNREADABLE, 0),
    (CUT, CUT, Failure.UNREADABLE, 0),
    (CUT, replace(CUT, status=203), Failure.STATUS, 2),
]


@pytest.mark.parametrize(("primary", "shadow", "failure", "disagreeing"), UNREAD)
def test_a_body_that_was_not_read_agrees_with_none(
    primary: Answer, shadow: Answer, failure: Failure, disagreeing: int
) -> None:
    found = compare(primary, shadow, PLAIN)

    assert (found.agrees, found.failure, found.rows_disagreeing) == (False, failure, disagreeing)


def test_two_whole_bodies_of_the_same_bytes_agree_whatever_they_say() -> None:
    assert compare(STRANGE, STRANGE, PLAIN).agrees


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (answer("<redacted>"), Failure.UNREADABLE),
        (answer(0.5, 0.5, '{"name": "<redacted>"}'), Failure.UNREADABLE),
        (document({"items": [{"name": "<redacted>"}]}), Failure.UNREADABLE),
        (Answer(Outcome.ANSWERED, 200, 1000, body=b"<redacted>", is_decoded=False), Failure.UNREADABLE),
        (answer(0.5, math.nan), Failure.NONE),
        (Answer(Outcome.ANSWERED, 200, 1000, body="Škoda".encode(), is_decoded=False), Failure.NONE),
    ],
)
def test_what_was_redacted_on_both_sides_is_not_known_to_agree(kept: Answer, expected: Failure) -> None:
    one = replace(kept, is_redacted=True)

    assert compare(one, replace(one, service_ns=2000), PLAIN).failure is expected


@pytest.mark.parametrize(("hidden", "expected"), [("<redacted>", Failure.UNREADABLE), ("", Failure.NONE)])
def test_a_pair_with_redacted_values_is_not_compared_whether_it_differs_elsewhere_or_not(
    hidden: str, expected: Failure
) -> None:
    one, other = (replace(answer((score, hidden), names=("score", "name")), is_redacted=True) for score in (0.5, 0.9))
    found = compare(one, other, PLAIN)

    assert (found.failure, found.rows_disagreeing) == (expected, 1)


def test_two_bodies_that_were_not_kept_do_not_agree() -> None:
    unknown = Answer(Outcome.ANSWERED, 200, 1000, is_decoded=False, is_whole=False)

    assert compare(unknown, unknown, PLAIN).failure is Failure.UNREADABLE


def test_two_answers_without_a_body_agree() -> None:
    empty = Answer(Outcome.ANSWERED, 204, 1000)

    assert compare(empty, empty, PLAIN).agrees


def test_the_latency_difference_is_the_shadows_minus_the_primarys() -> None:
    assert compare(answer(1), replace(answer(2), service_ns=5000), PLAIN).latency_ns == 4000


KINDS = [
    (1.0, 2.0, Measure.NUMBER),
    (1, 2, Measure.NUMBER),
    (True, False, Measure.LABEL),
    ("cat", "dog", Measure.LABEL),
    ("this is a whole sentence", "and this is another", Measure.TEXT),
    ([0.1, 0.9], [0.8, 0.2], Measure.PROBABILITIES),
    ([1.5, 2.5], [1.5, 9.5], Measure.NUMBER),
    ([1.0] * 20, [-1.0] * 20, Measure.VECTOR),
    ([10_000_000 + item for item in range(20)], [10_000_100 - item for item in range(20)], Measure.NUMBER),
    (["a", "b"], ["b", "a"], Measure.RANKING),
    (["cat", "cat", "dog"], ["cat", "dog", "dog"], Measure.STRUCTURE),
    ({"a": 1}, {"a": 2}, Measure.STRUCTURE),
    ([[1], [2]], [[1], [3]], Measure.STRUCTURE),
    (1.0, None, Measure.MISSING),
    (1.0, "1.0", Measure.RETYPED),
    (True, 1, Measure.RETYPED),
]


@pytest.mark.parametrize(("a", "b", "measure"), KINDS)
def test_the_measure_is_decided_from_the_cells(a: object, b: object, measure: Measure) -> None:
    found = column(a, b)

    assert (found.measure, found.disagreeing) == (measure, 1)


FORECAST = [100.0 + hour for hour in range(24)]


@pytest.mark.parametrize(
    ("factor", "is_asked", "expected"), [(2.0, False, False), (1.01, False, True), (2.0, True, True)]
)
def test_only_an_embedding_by_name_may_be_of_another_length(factor: float, is_asked: bool, expected: bool) -> None:
    settings = CompareSettings(columns={"prediction": "vector"}) if is_asked else PLAIN

    assert compare(answer(FORECAST), answer([factor * value for value in FORECAST]), settings).agrees == expected


def test_the_configuration_decides_where_the_cells_do_not_say_it() -> None:
    asked = CompareSettings(columns={"prediction": "label"})

    assert (column(1, 2, asked).measure, column(1, 2, asked).flips) == (Measure.LABEL, 1)


def test_a_configured_measure_that_does_not_fit_is_left_aside() -> None:
    assert column("cat", "dog", CompareSettings(columns={"prediction": "probabilities"})).measure is Measure.LABEL


def test_a_score_on_its_side_of_the_threshold_agrees() -> None:
    asked = CompareSettings(columns={"prediction": "score"}, threshold=0.3)

    assert [column(0.2, b, asked).disagreeing for b in (0.25, 0.35)] == [0, 1]


def test_what_is_derived_from_probabilities_is_not_compared_again() -> None:
    names = ("p", "p.label", "p.score")

    found = compare(answer(([0.3, 0.7], "b", 0.7), names=names), answer(([0.2, 0.8], "b", 0.8), names=names), PLAIN)

    assert (found.agrees, set(found.columns)) == (True, {"p"})


def test_a_column_that_one_side_lacks_disagrees_in_every_row() -> None:
    found = compare(answer((1, 2), (1, 2), names=("a", "b")), answer(1, 1, names=("a",)), PLAIN)

    assert (found.rows_disagreeing, found.columns["b"].measure) == (2, Measure.MISSING)


def test_columns_may_stand_in_another_order() -> None:
    assert compare(answer((1, 2), names=("a", "b")), answer((2, 1), names=("b", "a")), PLAIN).agrees


def test_a_row_too_few_disagrees() -> None:
    found = compare(answer(1, 2, 3), answer(1, 2), PLAIN)

    assert (found.rows, found.rows_disagreeing) == (3, 1)


def test_a_row_counts_once_however_many_columns_disagree() -> None:
    names = ("a", "b")

    found = compare(answer((1, 1), (2, 2), names=names), answer((9, 9), (2, 2), names=names), PLAIN)

    assert (found.rows, found.rows_disagreeing) == (2, 1)


@pytest.mark.parametrize("size", [2, 15, 16, 200])
def test_many_rows_are_added_up_as_one_by_one(size: int) -> None:
    rng = np.random.default_rng(size)
    a = rng.normal(size=size)
    b = a + np.where(rng.random(size) < 0.5, 0.0, 0.1)
    found = column_of_many([*a.tolist(), math.nan, 1.0], [*b.tolist(), math.nan, math.inf])

    error = np.abs(a - b)
    assert found[:5] == (Measure.NUMBER, size + 2, int((error > 0).sum()) + 1, 0, 1)
    assert found[5:] == pytest.approx(
        (
            error.sum(),
            (error**2).sum(),
            error.max(),
            (error / np.maximum(abs(a), abs(b))).sum(),
            (error / np.maximum(abs(a), abs(b))).max(),
        )
    )


def column_of_many(a: list[float], b: list[float]) -> ColumnDifference:
    return compare(answer(*a), answer(*b), PLAIN).columns["prediction"]


@pytest.mark.parametrize("path", ["took", "$.took", "$..took", "$.predictions[*].took", "$['took']"])
def test_an_ignored_column_may_differ(path: str) -> None:
    names = ("prediction", "took")

    assert compare(answer((1, 5), names=names), answer((1, 6), names=names), CompareSettings(ignore=(path,))).agrees


@pytest.mark.parametrize("path", ["$.meta.took", "$..meta", "$.took[0]", "$.took.other"])
def test_a_path_to_something_else_ignores_no_column(path: str) -> None:
    names = ("prediction", "took")

    found = compare(answer((1, 5), names=names), answer((1, 6), names=names), CompareSettings(ignore=(path,)))

    assert not found.agrees


def test_an_unordered_column_may_stand_in_any_order() -> None:
    settings = CompareSettings(unordered=("$.prediction",))

    assert compare(answer(["a", "b"]), answer(["b", "a"]), settings).agrees


LONG = [float(number) for number in range(20)]


@pytest.mark.parametrize(
    ("a", "b", "agrees"), [(LONG, LONG[::-1], True), ([1, 1, 2], [1, 2, 2], False), (LONG, [*LONG[:-1], 99.0], False)]
)
def test_of_an_unordered_column_every_item_counts_as_often_as_it_comes(a: Any, b: Any, agrees: bool) -> None:
    assert compare(answer(a), answer(b), CompareSettings(unordered=("prediction",))).agrees == agrees


NESTED = [
    ('["a","b"]', '["b","a"]', Measure.RANKING),
    ('[{"x":1,"id":7}]', '[{"x":2,"id":7}]', Measure.STRUCTURE),
    ('{"x":1}', '["x"]', Measure.RETYPED),
    ("[no JSON", "[nor this", Measure.LABEL),
    ("[" * 5000, "[" * 5001, Measure.TEXT),
]


@pytest.mark.parametrize(("a", "b", "measure"), NESTED)
def test_a_nested_value_is_compared_as_what_it_was_and_not_as_its_text(a: str, b: str, measure: Measure) -> None:
    found = column(a, b)

    assert (found.measure, found.disagreeing) == (measure, 1)


def test_numbers_within_a_nested_value_agree_within_the_tolerance() -> None:
    assert compare(answer('[{"x":1.0,"y":2}]'), answer('[{"y":2.0,"x":1.00000001}]'), PLAIN).agrees


def test_a_column_that_is_compared_as_text_is_not_looked_into() -> None:
    assert not compare(answer('{"a": 1}'), answer('{"a": 1.0}'), CompareSettings(columns={"prediction": "text"})).agrees


PATHS = [
    "$.predictions[*].boxes[*].id",
    "$.boxes[*].id",
    "$.boxes.*.id",
    "$..id",
    "$..boxes[*].id",
]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_ignored_within_a_column_may_differ(path: str) -> None:
    a, b = ('[{"x":1,"id":7}]',), ('[{"x":1,"id":8}]',)

    assert compare(answer(a, names=("boxes",)), answer(b, names=("boxes",)), CompareSettings(ignore=(path,))).agrees


@pytest.mark.parametrize("path", ["$.boxes[*].x.id", "$.other[*].id", "$.id", "$.boxes[1].id"])
def test_a_path_to_something_else_ignores_nothing_within_a_column(path: str) -> None:
    a, b = ('[{"x":1,"id":7}]',), ('[{"x":1,"id":8}]',)
    found = compare(answer(a, names=("boxes",)), answer(b, names=("boxes",)), CompareSettings(ignore=(path,)))

    assert not found.agrees


def test_documents_without_columns_are_compared_by_their_paths() -> None:
    found = compare(document({"a": [1, 2]}), document({"a": [1, 3]}), PLAIN)

    assert [(path.path, path.change.value) for path in found.paths] == [("$.a[*]", "changed")]


def test_bytes_that_are_no_document_are_compared_as_they_are() -> None:
    one, other = replace(document(None), body=b"\x01"), replace(document(None), body=b"\x02")

    assert [compare(one, b, PLAIN).agrees for b in (one, other)] == [True, False]


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="a path like"):
        Comparer(CompareSettings(ignore=("$.",)))


SCORED = CompareSettings(score=ScoreSettings(column="prediction", low=0, high=1))
SCORES = [
    (answer(0.5, 0.5), answer(0.0, 0.75), -0.125),
    (answer(7.0), answer(7.0, body=b"7.00"), 0.0),
    (answer(1.0), answer(1.0 + 1e-9), 0.0),
    (answer(7.0), answer(9.0), math.nan),
    (answer(7.0), answer(0.5), math.nan),
    (answer(0.5, 0.5), answer(0.5, None), math.nan),
    (answer(0.5, 0.5), answer(0.5, math.nan), math.nan),
    (answer(0.5), answer("x"), math.nan),
    (answer(0.5), answer(10**400), math.nan),
    (answer("x"), answer("y"), None),
    (answer(None), answer(None), None),
    (replace(answer("<redacted>"), is_redacted=True), replace(answer("<redacted>"), is_redacted=True), None),
    (answer(0.5), STRANGE, math.nan),
    (answer("x"), STRANGE, None),
    (answer(0.5), replace(answer(0.6), is_whole=False), math.nan),
    (answer(0.5), replace(STRANGE, outcome=ShadowOutcome.TOO_LARGE), math.nan),
]


@pytest.mark.parametrize(("one", "other", "expected"), SCORES)
def test_the_score_difference_is_known_where_both_have_it_within_the_bounds(
    one: Answer, other: Answer, expected: float | None
) -> None:
    found = compare(one, other, SCORED).score

    assert repr(found) == repr(expected)


def test_an_answer_that_cannot_be_read_is_as_bad_as_another_status() -> None:
    status = compare(READ, replace(READ, status=201), PLAIN)

    assert severity(compare(READ, STRANGE, PLAIN)) == severity(status)


def test_a_failure_is_worse_than_a_status_and_that_than_any_answer() -> None:
    failed = compare(answer(1), replace(answer(1), outcome="reset"), PLAIN)
    status = compare(answer(1), answer(1, status=201), PLAIN)
    far, near = compare(answer(1), answer(1e9), PLAIN), compare(answer(1), answer(1.1), PLAIN)

    assert severity(failed) > severity(status) > severity(far) > severity(near) > 0


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)
MEASURES = st.sampled_from(
    [None, "number", "score", "label", "probabilities", "ranking", "vector", "text", "structure"]
)
ROWS = st.lists(CELLS, min_size=0, max_size=3)


@given(ROWS, ROWS, MEASURES, st.booleans())
def test_any_two_tables_are_compared_and_alike_from_both_sides(
    a: list[Any], b: list[Any], asked: Any, is_unordered: bool
) -> None:
    settings = CompareSettings(
        columns={"prediction": asked} if asked else {}, unordered=("prediction",) if is_unordered else ()
    )
    one, other = answer(*((cell,) for cell in a)), answer(*((cell,) for cell in b))

    there, back = compare(one, other, settings), compare(other, one, settings)

    assert (there.agrees, there.rows, there.rows_disagreeing) == (back.agrees, back.rows, back.rows_disagreeing)
    assert all(math.isfinite(value) for found in there.columns.values() for value in found[1:])


@given(ROWS, MEASURES)
def test_a_table_agrees_with_itself_under_any_measure(rows: list[Any], asked: Any) -> None:
    settings = CompareSettings(columns={"prediction": asked} if asked else {})
    one, same = answer(*((cell,) for cell in rows), body=b"1"), answer(*((cell,) for cell in rows), body=b"2")

    assert compare(one, same, settings).agrees


@given(CELLS, CELLS)
def test_any_two_documents_are_compared(a: object, b: object) -> None:
    assert compare(document(a), document(b), PLAIN).agrees == compare(document(b), document(a), PLAIN).agrees

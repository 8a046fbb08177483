import math
from dataclasses import astuple, dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchtower.compare.aggregate import OTHER, ShadowTotals
from watchtower.compare.answer import Answer
from watchtower.compare.comparer import Comparer
from watchtower.compare.difference import Difference, Failure
from watchtower.compare.readings import Measure
from watchtower.compare.settings import CompareSettings
from watchtower.compare.structure import OTHER_PATHS, Change, PathDifference
from watchtower.compare.twin import column_excess, excess
from watchtower.table import Table

COMPARER = Comparer(CompareSettings())


def compared(a: float, b: float, name: str = "p", outcome: str = "answered", took_ns: int = 2000) -> Difference:
    one, other = (Answer("answered", 200, 1000, Table((name,), [(v,)]), body=str(v).encode()) for v in (a, b))
    return COMPARER.compare(one, replace(other, outcome=outcome, service_ns=took_ns))


@dataclass(frozen=True, slots=True)
class Sums:
    pairs: int
    compared: int
    agreeing: int
    rows: int
    bad: int


def sums(totals: ShadowTotals) -> Sums:
    whole = totals.whole
    return Sums(whole.pairs, whole.compared, whole.agreeing, whole.rows, whole.rows_disagreeing)


def totals(*differences: Difference, segment: str | None = None, caps: tuple[int, int] = (50, 200)) -> ShadowTotals:
    found = ShadowTotals(*caps)
    for difference in differences:
        found.add(difference, segment)
    return found


def test_pairs_are_counted_by_what_became_of_them() -> None:
    found = totals(compared(1, 1), compared(1, 2), compared(1, 1, outcome="timed_out"))

    assert sums(found) == Sums(3, 2, 1, 2, 1)
    assert dict(found.whole.failures) == {Failure.NONE: 2, Failure.SHADOW: 1}


def test_the_share_that_disagrees_is_of_those_compared() -> None:
    assert totals(compared(1, 1), compared(1, 2), compared(1, 1, outcome="reset")).whole.disagreement == 0.5
    assert math.isnan(totals().whole.disagreement)


def test_a_columns_moments_are_numpys() -> None:
    errors = np.array([0.5, 0.25, 3.0])
    found = totals(*(compared(1.0, 1.0 + error) for error in errors))
    values = found.columns["p", Measure.NUMBER].values(Measure.NUMBER)

    assert values["absolute_error_mean"] == pytest.approx(errors.mean())
    assert values["absolute_error_deviation"] == pytest.approx(errors.std())
    assert values["absolute_error_max"] == errors.max()


def test_a_column_is_told_apart_by_its_measure() -> None:
    found = totals(compared(1.0, 2.0), compared(1.0, math.inf))
    column = found.columns["p", Measure.NUMBER]

    assert (column.rows, column.not_finite, column.first) == (2, 1, 1.0)


def test_latencies_are_told_for_both_sides_and_for_the_difference() -> None:
    found = totals(*(compared(1, 2, took_ns=1000 + 1000 * number) for number in range(101))).whole.latencies()

    assert found["primary"] == (1e-6, 1e-6, 1e-6)
    assert found["difference"][0] == pytest.approx(50e-6, rel=0.05)


def test_without_pairs_there_are_no_latencies() -> None:
    assert totals().whole.latencies() == {}


def test_segments_beyond_the_cap_are_one_and_counted() -> None:
    found = ShadowTotals(2, 200)
    for segment in "abcd":
        found.add(compared(1, 1), segment)

    assert {name: part.pairs for name, part in found.segments.items()} == {"a": 1, "b": 1, OTHER: 2}
    assert found.left_out["segments"] == 2


def test_columns_beyond_the_cap_are_one_and_counted() -> None:
    found = totals(*(compared(1, 2, name=name) for name in "abcd"), caps=(50, 2))

    assert {name: column.rows for (name, _), column in found.columns.items()} == {"a": 1, "b": 1, OTHER: 2}
    assert found.left_out["columns"] == 2


def test_paths_beyond_the_cap_are_one_and_counted() -> None:
    paths = tuple(PathDifference(f"$.{name}", Change.CHANGED, 2) for name in "abcd")
    found = totals(Difference(False, Failure.NONE, 1, 1, 1, 1, paths=paths), caps=(50, 2))

    assert {path: times for (path, _), times in found.paths.items()} == {"$.a": 2, "$.b": 2, OTHER_PATHS: 4}
    assert found.left_out["paths"] == 4


DIFFERENCES = st.lists(
    st.builds(
        compared,
        st.sampled_from([0.0, 1.0, 2.5]),
        st.sampled_from([0.0, 1.0, math.inf, math.nan]),
        st.sampled_from(["p", "q"]),
        st.sampled_from(["answered", "answered", "reset", "breaker_open"]),
        st.integers(1, 10**9),
    ),
    max_size=12,
)


@given(DIFFERENCES, DIFFERENCES)
def test_two_halves_merged_are_the_whole(a: list[Difference], b: list[Difference]) -> None:
    whole = totals(*a, *b, segment="s")
    merged = totals(*a, segment="s")
    merged.merge(totals(*b, segment="s"))

    assert astuple(sums(merged)) == astuple(sums(whole))
    assert (merged.whole.failures, merged.columns, merged.paths) == (whole.whole.failures, whole.columns, whole.paths)
    assert merged.whole.latencies() == whole.whole.latencies()  # exact while a sketch keeps every value
    assert {name: part.pairs for name, part in merged.segments.items()} == {
        name: part.pairs for name, part in whole.segments.items()
    }


@given(DIFFERENCES, DIFFERENCES)
def test_after_a_restart_it_goes_on(a: list[Difference], b: list[Difference]) -> None:
    before, after = totals(*a, segment="s"), ShadowTotals(50, 200)
    after.restore(before.state())
    for difference in b:
        before.add(difference, "s")
        after.add(difference, "s")

    assert after.state() == before.state()


def test_the_twins_share_is_taken_off() -> None:
    found = excess((300, 10_000), (290, 10_000), 0.01)

    assert (found.shadow, found.twin, found.is_noise) == (0.03, 0.029, True)
    assert found.low < 0.001 < found.high


def test_what_is_beyond_the_noise_is_found() -> None:
    found = excess((600, 10_000), (290, 10_000), 0.01)

    assert not found.is_noise
    assert found.low < found.value < found.high


def test_a_twin_that_was_never_asked_takes_nothing_off() -> None:
    found = excess((600, 10_000), (0, 0), 0.01)

    assert (found.is_noise, math.isnan(found.value)) == (True, True)


def test_every_column_has_its_own_noise() -> None:
    shadow = totals(*[compared(1, 2, name="noisy")] * 400, *[compared(1, 2, name="changed")] * 400)
    twin = totals(*[compared(1, 2, name="noisy")] * 400)
    twin.columns["changed", Measure.NUMBER] = type(twin.columns["noisy", Measure.NUMBER])(rows=400)

    found = {name: each.is_noise for (name, _), each in column_excess(shadow, twin, 0.01).items()}
    assert found == {"noisy": True, "changed": False}


def test_rows_of_equal_bodies_are_rows_of_every_column() -> None:
    shadow = totals(*[compared(1, 2)] * 100, *[compared(1, 1)] * 300)
    ((_, measure), column) = next(iter(shadow.columns.items()))

    assert (shadow.equal_rows, column.values(measure, shadow.equal_rows)["disagreement"]) == (300, 0.25)


def test_equal_rows_are_merged_and_kept() -> None:
    shadow, other, restored = totals(compared(1, 1)), totals(compared(1, 1)), totals()
    shadow.merge(other)
    restored.restore(shadow.state())

    assert restored.equal_rows == 2

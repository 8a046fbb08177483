import pytest
from drift_columns import KINDS, part, rows

from watchtower.drift.baseline import build
from watchtower.drift.freezer import MOST_BYTES, Freezer


def test_the_first_rows_are_frozen_and_no_further_ones() -> None:
    freezer = Freezer(100)

    taken = [freezer.add(*part(rows(200), start, start + 60)) for start in (0, 60, 120)]

    assert (taken, freezer.is_full, freezer.progress) == ([60, 40, 0], True, 1.0)
    assert freezer.frozen(name="a", made_at_ns=1, kinds=KINDS).rows == 100


def test_it_is_the_same_baseline_as_one_of_a_file_of_these_rows() -> None:
    freezer = Freezer(100)
    freezer.add(*rows(100))

    frozen = freezer.frozen(name="a", made_at_ns=1)

    assert frozen.version == build([rows(100)], name="b", source="c", made_at_ns=2).version
    assert frozen.source == "the first 100 live rows"


def test_it_goes_on_after_a_restart() -> None:
    freezer = Freezer(100)
    freezer.add(*part(rows(100), 0, 70))

    restarted = Freezer.restore(freezer.state(), 100)
    restarted.add(*part(rows(100), 70, 100))
    freezer.add(*part(rows(100), 70, 100))

    assert restarted.frozen(name="a", made_at_ns=1).version == freezer.frozen(name="a", made_at_ns=1).version


@pytest.mark.parametrize(("rows", "taken", "frozen"), [(150, 70, 150), (60, 0, 80)])
def test_rows_that_are_kept_stay_where_another_number_is_asked_for(rows: int, taken: int, frozen: int) -> None:
    first = Freezer(100)
    first.add(("in.x",), ([0.5] * 80,))
    again = Freezer.restore(first.state(), rows)

    assert again.add(("in.x",), ([1.5] * 100,)) == taken
    assert (again.is_full, again.frozen(name="a", made_at_ns=1).rows) == (True, frozen)


def test_no_columns_are_no_rows() -> None:
    assert (Freezer(5).add((), ()), Freezer(5).progress) == (0, 0.0)


def test_long_texts_fill_it_before_its_rows_do() -> None:
    freezer = Freezer(1000)
    taken = 0
    while not freezer.is_full:
        taken += freezer.add(("in.prompt",), (["x" * 65536] * 100,))

    assert taken == 600


def test_long_vectors_fill_it_before_its_rows_do() -> None:
    freezer = Freezer(5000)
    taken = 0
    while not freezer.is_full:
        taken += freezer.add(("in.embedding",), ([[0.5] * 4096] * 100,))

    assert taken == 1000


@pytest.mark.slow
def test_numbers_without_end_fill_it_before_its_rows_do() -> None:
    freezer = Freezer(1_000_000)
    names = tuple(f"in.{number}" for number in range(100))
    while not freezer.is_full:
        freezer.add(names, [(0.5,) * 10_000] * len(names))

    assert freezer.progress == 0.04
    assert len(freezer.state()) < 1.2 * MOST_BYTES

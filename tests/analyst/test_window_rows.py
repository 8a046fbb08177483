"""A window's rows as they were: enough of them to bet on, and not without measure."""

import msgspec
import numpy as np

from watchtower.analyst.watching import Watch
from watchtower.analyst.window_rows import NUMBERS_KEPT, ROWS_KEPT, WindowRows
from watchtower.drift.baseline import build
from watchtower.drift.profiles import Profiles
from watchtower.drift.settings import DriftSettings
from watchtower.drift.windows import MINUTE_NS

NAME = "out.embedding"
EMPTY = build([], name="a", source="a test", made_at_ns=1)


def filled(length: int, rows: WindowRows | None = None) -> WindowRows:
    found = rows or WindowRows(Profiles())
    for _ in range(20):
        found.update((NAME,), ([[0.5] * length] * 100,), {NAME: length})
    return found


def test_of_short_vectors_as_many_rows_are_kept_as_are_looked_at() -> None:
    assert filled(8).count == ROWS_KEPT


def test_of_long_vectors_fewer_rows_are_kept() -> None:
    rows = filled(4096)

    assert 50 < rows.count < 2 * NUMBERS_KEPT / 4096
    assert len(rows.kept[NAME]) == rows.count


def test_a_vector_of_another_length_takes_no_other_rows_place() -> None:
    rows = filled(8)
    rows.update((NAME,), ([[0.5] * 30_000],), {NAME: 8})

    assert rows.count == ROWS_KEPT


def test_a_list_among_numbers_is_not_kept() -> None:
    rows = WindowRows(Profiles())
    rows.update((NAME,), ([1.5, [0.5] * 30_000],), {NAME: 0})

    assert rows.kept == {NAME: [1.5, None]}


def test_what_was_restored_is_not_kept_twice() -> None:
    rows = filled(4096)
    again = WindowRows.restore(rows.state(), EMPTY, 200)

    assert filled(4096, again).count == rows.count


def test_rows_of_an_earlier_version_are_kept_on() -> None:
    state = msgspec.msgpack.encode((Profiles().state(), {NAME: [[0.5]] * 100}))
    rows = WindowRows.restore(state, EMPTY, 200)
    rows.update((NAME,), ([[1.5]] * 50,), {NAME: 1})

    assert (rows.count, rows.kept[NAME]) == (150, [[0.5]] * 100 + [[1.5]] * 50)


def test_of_each_variant_as_large_a_share_is_kept_as_it_has() -> None:
    rows = WindowRows(Profiles())
    for _ in range(20):
        for variant, number in ((0.0, 950), (1.0, 50)):  # a batch's rows come one variant after the other
            rows.update((NAME,), ([variant] * number,), {NAME: 0})

    assert rows.count == ROWS_KEPT
    assert 0.02 < np.mean(rows.kept[NAME]) < 0.08  # type: ignore[arg-type]


def test_rows_that_have_none_of_the_columns_count_as_well() -> None:
    rows = WindowRows(Profiles())
    rows.update(("in.prompt",), (["a"] * 3,), {NAME: 0})
    rows.update((NAME,), ([0.5],), {NAME: 0})

    assert (rows.count, rows.kept) == (4, {NAME: [None, None, None, 0.5]})


def test_what_was_bet_on_is_not_written_again() -> None:
    vectors = [[float(number % 7), 1.0, float(number % 5)] for number in range(2000)]
    watch = Watch("churn", DriftSettings(lateness=0.0), lambda _: None)
    watch.adopt(build([((NAME,), (vectors,))], name="a", source="a test", made_at_ns=1), "a 1")
    for minute in range(2):
        watch.take(minute * MINUTE_NS, (NAME,), (vectors[:50],))
        watch.judge()

    assert watch.last is not None
    assert (watch.last.start_ns, watch.last.held.kept) == (0, {})

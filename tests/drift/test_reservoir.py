from collections.abc import Sequence

import numpy as np
from scipy import stats

from watchtower.drift.reservoir import LONGEST, SHOWN, Reservoir


def filled(size: int, *batches: Sequence[object], seed: int = 0) -> list[object]:
    reservoir = Reservoir(size, seed)
    for batch in batches:
        reservoir.add(("x",), (batch,))
    return reservoir.columns["x"]


def test_few_rows_are_all_kept_in_their_order() -> None:
    assert filled(5, [1, 2], [3]) == [1, 2, 3]


def test_the_same_rows_and_seed_give_the_same_sample() -> None:
    batches = [list(range(100)), list(range(100, 400))]

    assert filled(10, *batches, seed=3) == filled(10, *batches, seed=3)


def test_every_row_has_the_same_chance() -> None:
    kept = np.concatenate([filled(10, list(range(25)), list(range(25, 50)), seed=seed) for seed in range(1000)])

    assert stats.chisquare(np.bincount(kept.astype(int), minlength=50)).pvalue > 0.001


def test_rows_stay_whole() -> None:
    reservoir = Reservoir(20)
    for start in range(0, 1000, 100):
        reservoir.add(("a", "b"), (list(range(start, start + 100)), np.arange(start, start + 100) * 2))

    assert [2 * cell for cell in reservoir.columns["a"]] == reservoir.columns["b"]  # type: ignore[operator]


def test_a_column_is_missing_in_the_rows_that_do_not_have_it() -> None:
    reservoir = Reservoir(9)
    reservoir.add(("a",), ([1],))
    reservoir.add(("b",), ([2],))

    assert reservoir.columns == {"a": [1, None], "b": [None, 2]}


def test_what_is_kept_can_be_written_and_has_a_measure() -> None:
    kept = filled(9, ["x" * (LONGEST + 1), "\ud800", 2**70, 10**400, np.ma.MaskedArray([1], [True]).tolist()[0]])

    assert kept == ["x" * (LONGEST - 1) + "…", "?", float(2**70), None, None]


def test_of_a_long_text_the_beginning_goes_on_to_the_sample() -> None:
    reservoir = Reservoir(2)
    reservoir.add(("x",), (["y" * 5000, 3],))

    assert reservoir.shown("x") == ["y" * (SHOWN - 1) + "…", 3]


def test_of_long_vectors_fewer_rows_are_kept_and_every_row_has_the_same_chance() -> None:
    kept: list[object] = []
    for seed in range(300):
        reservoir = Reservoir(40, seed, most_numbers=100)
        for start, width in ((0, 2), (50, 10)):  # the second batch's leave room for ten rows
            rows = range(start, start + 50)
            reservoir.add(("row", "vector"), (list(rows), [[0.0] * width for _ in rows]))
        kept += reservoir.columns["row"]

    assert (reservoir.rows, len(kept)) == (10, 3000)
    assert stats.chisquare(np.bincount(np.array(kept, int), minlength=100)).pvalue > 0.001

import numpy as np
import pytest
from drift_columns import baseline, rows
from scipy import stats

from watchtower.drift.baseline import Baseline, build
from watchtower.drift.effects_of_profiles import Effects, effects_of_table
from watchtower.drift.profiles import Profiles
from watchtower.table import Kind


def measured(reference: Baseline, name: str, cells: list[object]) -> Effects:
    window = reference.fresh()
    window.update((name,), (cells,))
    return effects_of_table(reference.profiles, window)[name]


def of(name: str, cells: list[object], kind: Kind) -> Baseline:
    return build([((name,), (cells,))], name="test", source="made up", made_at_ns=0, kinds={name: kind})


def test_the_reference_against_itself_is_no_change() -> None:
    reference = baseline()
    window = reference.fresh()
    window.update(*rows(2000, seed=1))

    found = effects_of_table(reference.profiles, window)["in.items"]

    assert (found.psi, found.total_variation, found.cramers_v, found.missing) == (0, 0, 0, 0)
    assert found.ks is not None
    assert found.ks <= 2 * 0.0165
    assert (found.mean_shift, found.out_of_range, found.rows, found.reference_rows) == (0, 0, 2000, 2000)


def test_a_small_window_against_a_small_reference_has_scipys_values() -> None:
    random = np.random.default_rng(1)
    old, new = random.normal(size=150), random.normal(0.5, 1, size=100)

    found = measured(of("in.x", old.tolist(), Kind.NUMBER), "in.x", new.tolist())

    assert found.ks == pytest.approx(stats.ks_2samp(old, new).statistic, abs=1e-9)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(old, new) / old.std(), rel=1e-6)
    assert found.mean_shift == pytest.approx((new.mean() - old.mean()) / old.std(), rel=1e-9)


def test_of_long_windows_kolmogorov_smirnov_is_within_both_sketches_errors() -> None:
    random = np.random.default_rng(2)
    old, new = random.normal(size=20_000), random.normal(0.2, 1, size=20_000)

    found = measured(of("in.x", old.tolist(), Kind.NUMBER), "in.x", new.tolist())

    assert found.ks == pytest.approx(stats.ks_2samp(old, new).statistic, abs=2 * 0.0165)


def test_missing_rows_are_a_share_of_their_own_and_no_other_distribution() -> None:
    found = measured(of("in.x", [1.0, 2.0, 3.0, None], Kind.NUMBER), "in.x", [1.0, 2.0, 3.0, None, None, "x"])

    assert [found.psi, found.missing, found.odd] == pytest.approx([0, 1 / 3, 1 / 6])
    assert found.missing_change == pytest.approx(1 / 3 - 1 / 4)


def test_new_words_and_numbers_out_of_range_are_told_apart_from_a_shift() -> None:
    words = measured(of("in.w", ["a", "b"], Kind.CATEGORY), "in.w", ["a", "b", "zebra", "zoo"])
    numbers = measured(of("in.x", [1.0, 2.0], Kind.NUMBER), "in.x", [0.0, 1.0, 2.0, 9.0])

    assert (words.new_words, words.out_of_range) == (0.5, None)
    assert (numbers.new_words, numbers.out_of_range) == (None, 0.5)


def test_a_window_without_values_has_no_effects() -> None:
    found = measured(of("in.x", [1.0, 2.0], Kind.NUMBER), "in.x", [None])

    assert (found.psi, found.ks, found.wasserstein, found.missing) == (None, None, None, 1)


def test_numbers_too_large_to_be_told_apart_have_no_distance() -> None:
    found = measured(of("in.x", [-1e308, 1e308], Kind.NUMBER), "in.x", [1e308, 1e308])

    assert (found.mean_shift, found.total_variation) == (0.0, 0.5)


def test_the_parts_of_texts_and_vectors_are_measured() -> None:
    reference = baseline()
    window = reference.fresh()
    window.update(*rows(500))

    assert {"in.note.length", "in.embedding.norm"} <= set(effects_of_table(reference.profiles, window))


def test_a_column_that_the_reference_does_not_have_is_not_measured() -> None:
    window = Profiles()
    window.update(("in.x",), ([1],))

    assert effects_of_table(baseline().profiles, window) == {}


def test_rows_to_which_a_column_was_not_sent_are_missing() -> None:
    before = baseline()
    window = before.fresh()
    names, columns = rows(60, seed=8)
    window.update(names, columns)
    window.update(["in.country"], [["de"] * 40])

    found = effects_of_table(before.profiles, window)

    assert (found["in.items"].missing, found["in.items"].missing_change) == (0.4, 0.4)

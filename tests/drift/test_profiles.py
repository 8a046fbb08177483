import pytest
from drift_columns import KINDS, baseline, part, rows

from watchtower.drift.baseline import build
from watchtower.drift.profile import Profile
from watchtower.drift.profiles import Profiles, key
from watchtower.table import Kind, Side


def test_a_column_is_named_after_its_side() -> None:
    assert [key(Side.INPUT, "age"), key(Side.OUTPUT, "score")] == ["in.age", "out.score"]


def test_windows_merge_to_the_whole() -> None:
    reference, batch = baseline(), rows(900, seed=3)
    whole, merged = reference.fresh(), reference.fresh()
    whole.update(*batch)
    for start in (600, 0, 300):
        window = reference.fresh()
        window.update(*part(batch, start, start + 300))
        merged.merge(window)

    assert merged.rows == whole.rows
    assert {name: counts.tolist() for name, counts in merged.counts().items()} == {
        name: counts.tolist() for name, counts in whole.counts().items()
    }


def test_profiles_are_read_back() -> None:
    reference = baseline()
    profiles = reference.fresh()
    profiles.update(*rows(300))

    restored = Profiles.restore(profiles.state(), reference.kinds, reference.bins)

    assert restored.state() == profiles.state()


def test_the_parts_of_texts_and_vectors_have_counts_of_their_own() -> None:
    profiles = baseline().fresh()
    profiles.update(*rows(10))

    assert {"in.note", "in.note.length", "in.note.words", "in.note.non_ascii", "in.embedding.norm"} <= set(
        profiles.counts()
    )


def test_a_column_without_a_kind_gets_that_of_its_first_cells() -> None:
    profiles = Profiles()
    profiles.update(("in.a", "in.b"), ([1, 2], ["x", None]))

    assert {name: profile.kind for name, profile in profiles.columns.items()} == {
        "in.a": Kind.INTEGER,
        "in.b": Kind.CATEGORY,
    }


def test_ten_thousand_columns_are_capped_and_counted() -> None:
    profiles = Profiles(most=50)
    profiles.update([f"in.{number}" for number in range(10_000)], [[1, 2]] * 10_000)

    assert (len(profiles.columns), profiles.left_out_cells) == (50, 2 * 9_950)
    assert profiles.left_out == pytest.approx(9_950, rel=0.25)


def test_the_baselines_columns_are_never_left_out() -> None:
    profiles = baseline().fresh(most=1)
    profiles.update(["in.flood", "in.flood2"], [[1], [1]])
    profiles.update(*rows(5))

    assert set(KINDS) <= set(profiles.columns)
    assert profiles.left_out == 1


def joined(*cells: list[object]) -> Profile:
    """Windows of a column that no baseline says the kind of."""
    profiles = Profiles()
    for each in cells:
        window = Profiles()
        window.update(("in.a",), (each,))
        profiles.merge(window)
    assert profiles.left_out == 0
    return profiles.columns["in.a"]


def test_a_column_that_another_window_has_is_taken_over() -> None:
    assert joined([2.0]).count == 1


def test_values_of_another_kind_in_another_window_are_odd() -> None:
    assert joined([1, None], ["x", "x", None]).types == {"integer": 1, "category": 2, "null": 2}


def test_whole_numbers_in_one_window_and_others_in_the_next_are_numbers() -> None:
    profile = joined([1, 2], [0.5], [3])

    assert (profile.types, profile.moments.mean) == ({"number": 4}, 1.625)


def test_a_column_that_was_missing_at_first_is_what_it_is_later() -> None:
    assert joined([None, None], [1.5], [None]).types == {"number": 1, "null": 3}


@pytest.mark.parametrize("sent", [("in.a", "in.a.length"), ("in.a",), ("in.a.length",)])
def test_a_column_called_like_a_part_of_another_is_counted_in_its_own_bins(sent: tuple[str, ...]) -> None:
    cells = {"in.a": ["one two three four", "one two three four five"] * 50, "in.a.length": ["x", "y"] * 50}
    made = build([(tuple(cells), tuple(cells.values()))], name="a", source="a test", made_at_ns=1)
    window = made.fresh()
    window.update(sent, [cells[name] for name in sent])

    assert {name: len(counts) for name, counts in window.counts().items()}.items() <= {
        name: bins.size for name, bins in made.flat_bins().items()
    }.items()
    assert made.flat_bins()["in.a.length"].kind is Kind.CATEGORY


def test_no_columns_are_no_rows() -> None:
    profiles = Profiles()
    profiles.update((), ())

    assert profiles.rows == 0


def test_thirty_columns_fit_into_a_hundred_kilobytes() -> None:
    numbers = [[row * column % 997 / 7 for row in range(20_000)] for column in range(1, 31)]
    profiles = Profiles()
    profiles.update([f"in.{column}" for column in range(30)], numbers)

    assert len(profiles.state()) <= 100_000


def test_rows_without_a_column_lack_it() -> None:
    found = baseline().fresh()
    names, columns = rows(100, seed=3)
    found.update(names, columns)
    without = [at for at, name in enumerate(names) if name != "in.items"]
    names, columns = rows(30, seed=4)
    found.update([names[at] for at in without], [columns[at] for at in without])

    assert int(found.counts()["in.items"].sum()) == 130
    assert int(found.counts()["in.items"][-1]) == 30


def test_a_column_that_no_row_has_is_missing_in_all() -> None:
    found = baseline().fresh()
    found.update(["in.country"], [["de"] * 7])

    assert found.counts()["in.items"].tolist()[-1] == found.counts()["in.items"].sum() == 7

import numpy as np
import pytest
from drift_columns import KINDS, baseline, part, rows

from watchtower.drift.baseline import Baseline, build, resolution
from watchtower.drift.seasonal import Choice, Seasons
from watchtower.drift.windows import HOUR_NS
from watchtower.table import Kind


def test_every_row_of_the_reference_is_counted_though_the_cuts_are_of_a_sample() -> None:
    found = build([rows(9_000, 1), rows(8_000, 2)], name="a", source="b", made_at_ns=3, kinds=KINDS, sample=50)

    assert found.rows == 17_000
    assert {int(counts.sum()) for name, counts in found.counts().items() if "." not in name[3:]} == {17_000}
    assert (found.sample_rows, {len(cells) for cells in found.sample.values()}) == (50, {50})


def test_nothing_of_the_reference_is_new_or_out_of_range_in_itself() -> None:
    words = [f"word-{number}" for number in range(6_000)]
    numbers = np.arange(6_000.0)
    found = build(
        [(("in.w", "in.x"), (words, numbers))], name="a", source="b", made_at_ns=3, kinds={"in.w": Kind.CATEGORY}
    )
    window = found.fresh()
    window.update(("in.w", "in.x"), (words, numbers))

    assert window.columns["in.w"].counts[found.bins["in.w"].new_slot] == 0
    assert (window.columns["in.x"].below, window.columns["in.x"].above) == (0, 0)


def test_kinds_are_inferred_where_they_are_not_configured() -> None:
    found = build(
        [rows(500)], name="a", source="b", made_at_ns=3, kinds={"in.items": Kind.CATEGORY}, ignore=("in.seen",)
    )

    assert found.kinds == {
        "in.amount": Kind.NUMBER,
        "in.items": Kind.CATEGORY,
        "in.country": Kind.CATEGORY,
        "in.member": Kind.BOOLEAN,
        "in.note": Kind.CATEGORY,
        "in.embedding": Kind.VECTOR,
        "in.unused": Kind.NULL,
    }


def test_columns_beyond_the_most_are_left_out() -> None:
    assert list(build([rows(50)], name="a", source="b", made_at_ns=3, max_columns=2).kinds) == ["in.amount", "in.items"]


def test_a_baseline_is_read_back_as_it_was() -> None:
    found = baseline()

    restored = Baseline.from_bytes(found.to_bytes())

    assert restored.to_bytes() == found.to_bytes()
    assert (restored.version, restored.counts().keys()) == (found.version, found.counts().keys())


def test_the_version_is_of_what_was_counted_and_not_of_when() -> None:
    first = build([rows(300)], name="a", source="b", made_at_ns=3)
    again = build([part(rows(300), 0, 100), part(rows(300), 100, 300)], name="c", source="d", made_at_ns=9)

    assert (first.version == again.version, first.version == baseline().version) == (True, False)


def test_with_references_by_the_hour_it_is_another_version() -> None:
    plain, seasons = baseline(), Seasons()
    for hour in range(2 * 168):
        busy = 1000 if hour % 24 < 12 else 2000
        seasons.update(hour * HOUR_NS, 3000, {"in.member": np.array([busy, 3000 - busy, 0, 0, 0, 0])})
    found, choice = plain.with_seasons(seasons)

    assert choice is Choice.SEASONAL
    assert found.version == Baseline.from_bytes(found.to_bytes()).version != plain.version


def test_a_later_version_of_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match="version 9"):
        Baseline.from_bytes(b"\x92\x09" + baseline().to_bytes()[2:])


def test_a_small_sample_is_of_all_rows_of_a_table_that_is_sorted() -> None:
    table = [(("in.age",), (list(range(5000)),))]
    found = build(table, name="a", source="b", made_at_ns=3, sample=500)

    assert 2250 < np.mean(found.sample["in.age"]) < 2750  # type: ignore[arg-type]


def test_without_a_sample_no_row_is_kept() -> None:
    assert baseline(sample=0).sample == {}


def test_an_empty_reference_has_no_columns_and_no_resolution() -> None:
    found = build([], name="a", source="b", made_at_ns=3)

    assert (found.rows, dict(found.kinds), found.resolution) == (0, {}, 1.0)


def test_the_resolution_is_the_bound_of_dvoretzky_kiefer_and_wolfowitz() -> None:
    random = np.random.default_rng(1)
    grid = (np.arange(5000) + 1) / 5000
    beyond = sum(np.abs(np.sort(random.random(5000)) - grid).max() > resolution(5000) for _ in range(200))

    assert resolution(5000) == pytest.approx(0.0192, abs=1e-4)
    assert beyond <= 20


def test_differences_are_listed_and_small_ones_forgiven() -> None:
    found = baseline().differences(
        {**KINDS, "in.amount": Kind.INTEGER, "in.country": Kind.TEXT, "in.member": Kind.NUMBER, "in.extra": Kind.NUMBER}
        | {"in.unused": Kind.VECTOR}
    )

    assert found == [
        "in.extra: number here, and not in the baseline",
        "in.member: boolean in the baseline, and number here",
    ]


def test_a_missing_column_is_a_difference() -> None:
    live = {name: kind for name, kind in KINDS.items() if name != "in.items"}

    assert baseline().differences(live) == ["in.items: integer in the baseline, and missing here"]


def test_seasons_that_were_not_chosen_change_nothing() -> None:
    found, choice = baseline().with_seasons(Seasons())

    assert (choice, found.seasons) == (Choice.TOO_SHORT, None)
    assert found.reference(0).keys() == found.counts().keys()


def test_long_texts_are_measured_in_their_whole_length() -> None:
    texts = ["x " * 4000, "y " * 3000] * 50
    found = build([(("in.prompt",), (texts,))], name="a", source="b", made_at_ns=3, kinds={"in.prompt": Kind.TEXT})

    assert (found.bins["in.prompt"].parts["length"].low, found.bins["in.prompt"].parts["length"].high) == (6000, 8000)
    assert found.bins["in.prompt"].parts["length"].cuts == (8000,)


def test_of_too_many_columns_what_the_model_answers_is_kept() -> None:
    names = (*(f"in.{number}" for number in range(5)), "out.a", "out.b")
    batch = names, [list(range(10)) for _ in names]
    found = {most: build([batch], name="a", source="b", made_at_ns=3, max_columns=most).kinds for most in (1, 4, 7)}

    assert {most: list(kinds) for most, kinds in found.items()} == {
        1: ["out.a"],
        4: ["in.0", "in.1", "out.a", "out.b"],
        7: list(names),
    }


def test_words_that_were_forgotten_while_it_was_read_make_no_word_new() -> None:
    words = [f"word-{number}" for number in range(30_000)]
    found = build([(("in.w",), (words,))], name="a", source="b", made_at_ns=3, kinds={"in.w": Kind.CATEGORY})

    assert not found.bins["in.w"].is_closed

import numpy as np
import pytest
from scipy import stats

from watchtower.drift.seasonal import HOURS, Choice, Seasons, explained, hour_of_week

HOUR_NS = 3_600_000_000_000
MONDAY_NS = 4 * 24 * HOUR_NS  # 5 January 1970


def history(weeks: int, rows: int, night: float = 0.5) -> Seasons:
    """Of a column with two bins; at night, the first of which has another share."""
    seasons = Seasons()
    for hour in range(weeks * HOURS):
        share = night if hour % 24 < 6 else 0.5
        seasons.update(
            MONDAY_NS + hour * HOUR_NS, rows, {"in.x": np.array([round(rows * share), round(rows * (1 - share))])}
        )
    return seasons


def test_a_week_begins_on_monday() -> None:
    assert [hour_of_week(MONDAY_NS), hour_of_week(MONDAY_NS + 25 * HOUR_NS), hour_of_week(MONDAY_NS - 1)] == [
        0,
        25,
        167,
    ]


def test_two_weeks_with_other_nights_have_seasons() -> None:
    assert history(2, 1000, night=0.9).choice() is Choice.SEASONAL


def test_one_week_is_too_short() -> None:
    assert history(1, 9000, night=0.9).choice() is Choice.TOO_SHORT


def test_hours_of_few_rows_are_too_few() -> None:
    assert history(2, 400, night=0.9).choice() is Choice.TOO_FEW_ROWS


def test_hours_that_are_all_alike_have_no_season() -> None:
    assert history(2, 1000).choice() is Choice.NO_SEASON


def test_what_hours_differ_by_chance_explains_nothing() -> None:
    random = np.random.default_rng(1)
    found = [explained(random.multinomial(1000, [0.1] * 10, size=HOURS)) for _ in range(50)]

    assert max(found) < 0.05


def test_what_is_explained_is_cramers_v_but_for_the_correction() -> None:
    table = np.random.default_rng(1).integers(0, 9000, (20, 5))

    assert explained(table) == pytest.approx(stats.contingency.association(table, method="cramer"), rel=1e-2)


def test_a_window_is_compared_with_its_own_hour() -> None:
    seasons = history(2, 1000, night=0.9)

    assert seasons.reference(MONDAY_NS + 3 * HOUR_NS)["in.x"].tolist() == [1800, 200]
    assert seasons.reference(MONDAY_NS + 12 * HOUR_NS)["in.x"].tolist() == [1000, 1000]


def test_parts_of_a_history_merge_to_the_whole() -> None:
    merged = history(1, 1000, night=0.9)
    merged.merge(history(2, 1000, night=0.9))

    assert merged.reference(MONDAY_NS)["in.x"].tolist() == [2700, 300]


def test_seasons_are_read_back() -> None:
    seasons = history(2, 1000, night=0.9)

    assert Seasons.restore(seasons.state()).state() == seasons.state()


@pytest.mark.parametrize("table", [np.zeros((3, 2), int), np.ones((1, 2), int), np.ones((3, 1), int)])
def test_a_table_without_rows_or_choices_explains_nothing(
    table: np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> None:
    assert explained(table) == 0

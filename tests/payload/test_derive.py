import pytest

from watchtower.payload.derive import labelled
from watchtower.table import Table


def derived(*vectors: object, classes: tuple[str, ...] = ()) -> list[list[object]]:
    """What stands behind the vectors."""
    return [list(row[1:]) for row in labelled(Table(("p",), [[vector] for vector in vectors]), classes).rows]


def test_the_largest_probability_is_the_label_and_the_score() -> None:
    assert derived([0.25, 0.75], [0.5, 0.5]) == [["1", 0.75], ["0", 0.5]]


def test_columns_are_named_after_the_vector() -> None:
    assert labelled(Table(("a", "p"), [[1, [0, 1]]])).names == ("a", "p", "p.label", "p.score")


def test_a_label_has_its_classs_name_where_there_are_as_many() -> None:
    assert derived([0.25, 0.75], classes=("no", "yes")) == [["yes", 0.75]]
    assert derived([0.25, 0.75], classes=("no", "yes", "maybe")) == [["1", 0.75]]


@pytest.mark.parametrize("total", [0.9991, 1.0009])
def test_rounded_probabilities_are_some_still(total: float) -> None:
    assert len(derived([0.5, total - 0.5])[0]) == 2


@pytest.mark.parametrize(
    "vector",
    [[1.0], [0.9, 0.8], [0.5, 0.498], [1.5, -0.5], [float("nan"), 1.0], [], [0.0005] * 2_000, "text", None, 1.0],
    ids=lambda vector: str(vector)[:20],
)
def test_what_is_no_distribution_derives_nothing(vector: object) -> None:
    assert derived(vector) == [[]]


def test_a_single_row_that_is_none_spoils_the_column() -> None:
    assert derived([0.25, 0.75], [3, 4]) == [[], []]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_row_without_an_answer_spoils_no_other(missing: int) -> None:
    vectors: list[object] = [[0.25, 0.75], [0.5, 0.5]]
    vectors.insert(missing, None)
    expected: list[list[object]] = [["1", 0.75], ["0", 0.5]]
    expected.insert(missing, [None, None])

    assert expected == derived(*vectors)


def test_a_table_that_has_a_label_already_is_left_alone() -> None:
    table = Table(("p", "p.label"), [[[0.25, 0.75], "yes"]])

    assert labelled(table) is table

import pytest

from watchtower.performance.settings import Task
from watchtower.performance.task import are_shares, decide_task

CLASSES, NUMBERS = Task.CLASSIFICATION, Task.REGRESSION


def test_words_are_classes() -> None:
    assert decide_task(["cat", "dog"], ["dog", "dog"])[:2] == (CLASSES, ())


def test_truth_values_are_classes() -> None:
    assert decide_task([True, False], [True, True])[:2] == (CLASSES, ())


def test_few_whole_numbers_are_classes_also_as_texts() -> None:
    assert decide_task(["1", "0", "2"], [1, 0, 2.0])[:2] == (CLASSES, ())


def test_many_whole_numbers_are_numbers() -> None:
    assert decide_task(list(range(30)), list(range(30)))[:2] == (NUMBERS, ())


def test_fractions_are_numbers() -> None:
    assert decide_task([1.5, 2.0], [1.0, 2.0])[:2] == (NUMBERS, ())


def test_shares_against_nothing_and_one_are_scores_of_classes() -> None:
    assert decide_task([1, 0, "true"], [0.9, 0.2, 0.6])[:2] == (CLASSES, ("0", "1"))


def test_a_share_that_rounding_puts_beyond_one_is_one() -> None:
    assert decide_task([1, 0, 1], [0.9, 0.2, 1.0000001])[:2] == (CLASSES, ("0", "1"))
    assert decide_task([1, 0, 1], [0.9, 0.2, 1.1])[:2] == (NUMBERS, ())


def test_what_is_configured_is_not_doubted() -> None:
    assert decide_task([1, 0], [1, 0], NUMBERS) == (NUMBERS, (), "configured")


def test_why_is_said() -> None:
    assert decide_task([1, 0], [1, 0]).why == "2 different whole numbers, at most 20"


def test_a_few_labels_that_are_neither_make_no_regression() -> None:
    labels: list[object] = [0, 1] * 50 + ["NA"]

    assert decide_task(labels, [0.25] * 101).of_share == ("0", "1")
    assert not decide_task([0, 1, "NA"], [0.25] * 3).of_share


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ([0, 0, 0], None, ("0", "1")),
        (["No", "Yes"], None, ("No", "Yes")),
        (["negative", "negative"], None, ("negative", "positive")),
        (["no", "yes"], "no", ("yes", "no")),
        (["no", "no"], "no", ("yes", "no")),
        (["legit", "legit"], "fraud", ("legit", "fraud")),
        ([2, 5], "5", ("2", "5")),
        ([1, 0], "0", ("1", "0")),
    ],
)
def test_of_which_class_a_share_is_is_configured_or_said_by_its_name(
    labels: list[object], positive: str | None, expected: tuple[str, str]
) -> None:
    assert decide_task(labels, [0.25] * len(labels), Task.AUTO, positive)[:2] == (CLASSES, expected)


@pytest.mark.parametrize(
    ("labels", "positive"),
    [(["legit", "fraud"], None), (["fraud", "fraud"], "fraud"), (["a", "b", "c"], "a"), (["yes", "maybe"], None)],
)
def test_of_which_class_a_share_is_is_not_guessed(labels: list[object], positive: str | None) -> None:
    assert decide_task(labels, [0.25] * len(labels), Task.AUTO, positive)[:2] == (CLASSES, ())


def test_numbers_that_are_fractions_as_labels_are_no_shares() -> None:
    assert not are_shares([0.5, 1.0], [0.5, 1.0])
    assert not are_shares(["cat", "dog"], ["cat", 0.5])
    assert are_shares([0, 1] * 20 + [0.5], [0.5] * 41)

from watchtower.performance.settings import Task
from watchtower.performance.task import decide_task

CLASSES, NUMBERS = Task.CLASSIFICATION, Task.REGRESSION


def test_words_are_classes() -> None:
    assert decide_task(["cat", "dog"], ["dog", "dog"])[:2] == (CLASSES, False)


def test_truth_values_are_classes() -> None:
    assert decide_task([True, False], [True, True])[:2] == (CLASSES, False)


def test_few_whole_numbers_are_classes_also_as_texts() -> None:
    assert decide_task(["1", "0", "2"], [1, 0, 2.0])[:2] == (CLASSES, False)


def test_many_whole_numbers_are_numbers() -> None:
    assert decide_task(list(range(30)), list(range(30)))[:2] == (NUMBERS, False)


def test_fractions_are_numbers() -> None:
    assert decide_task([1.5, 2.0], [1.0, 2.0])[:2] == (NUMBERS, False)


def test_shares_against_nothing_and_one_are_scores_of_classes() -> None:
    assert decide_task([1, 0, "true"], [0.9, 0.2, 0.6])[:2] == (CLASSES, True)


def test_what_is_configured_is_not_doubted() -> None:
    assert decide_task([1, 0], [1, 0], NUMBERS) == (NUMBERS, False, "configured")


def test_why_is_said() -> None:
    assert decide_task([1, 0], [1, 0]).why == "2 different whole numbers, at most 20"


def test_a_few_labels_that_are_neither_make_no_regression() -> None:
    labels: list[object] = [0, 1] * 50 + ["NA"]

    assert decide_task(labels, [0.25] * 101).is_score
    assert not decide_task([0, 1, "NA"], [0.25] * 3).is_score

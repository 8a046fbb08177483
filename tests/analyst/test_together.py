import numpy as np

from watchtower.analyst.together import Together
from watchtower.drift.baseline import build
from watchtower.drift.reference import DetectionSettings
from watchtower.table import Kind

COLUMNS = ("in.age", "in.income")


def rows(number: int, correlation: float, seed: int) -> list[list[float]]:
    """Two columns whose own distributions never change."""
    drawn = np.random.default_rng(seed).normal(size=(2, number))
    drawn[1] = correlation * drawn[0] + np.sqrt(1 - correlation**2) * drawn[1]
    values: list[list[float]] = drawn.tolist()
    return values


def evidence(rows_per_observation: float) -> float:
    reference = build([(COLUMNS, rows(2000, 0.0, 99))], name="a", source="a test", made_at_ns=1, sample=2000)
    together = Together(reference, DetectionSettings(rows_per_observation=rows_per_observation))
    for window in range(2):
        together.observe(window, dict(zip(COLUMNS, rows(100, 0.7, window), strict=True)), 100)
    (found,) = together.evidence().values()
    return found


def test_what_changes_together_is_evidence() -> None:
    assert evidence(1) > 1


def test_rows_that_repeat_each_other_are_less_evidence_together_as_well() -> None:
    assert 0 < evidence(5) < evidence(1) / 2


def test_a_broken_vector_in_the_baseline_is_no_evidence_against_the_others() -> None:
    drawn = np.random.default_rng(5).normal(size=(2000, 4)).tolist()
    reference = build([(("in.e",), ([[1e308, -1e308, 0.0, 0.0], *drawn],))], name="a", source="a test", made_at_ns=1)
    together = Together(reference, DetectionSettings())
    for window in range(10):
        rows_of_now = np.random.default_rng([6, window]).normal(size=(100, 4)).tolist()
        together.observe(window, {"in.e": rows_of_now}, 100)

    assert together.alarms == []
    assert together.evidence()["in.e"] < 3


def test_unchanged_columns_of_many_words_are_no_evidence() -> None:
    names = tuple(f"in.{number}" for number in range(5))
    generator = np.random.default_rng(7)
    words = [f"word {number}" for number in range(2000)]
    reference = build(
        [(names, generator.choice(words, (5, 5000)).tolist())],
        name="a", source="a test", made_at_ns=1, kinds=dict.fromkeys(names, Kind.CATEGORY),
    )  # fmt: skip
    together = Together(reference, DetectionSettings())
    for window in range(10):
        together.observe(window, dict(zip(names, generator.choice(words, (5, 200)).tolist(), strict=True)), 200)

    assert together.alarms == []
    assert together.evidence()["columns together"] < 1

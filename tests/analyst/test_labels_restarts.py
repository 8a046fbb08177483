"""Every label once, whenever the analyst ends: by a commit, or killed between two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from label_stage import KEPT, Key, LabelStage, answered, counts, settle, shadowed

from watchtower.analyst.analyst import Analyst
from watchtower.analyst.label_join import Joined, Row
from watchtower.analyst.measuring import DECIDED_BY, Measuring
from watchtower.performance.labels import Label
from watchtower.performance.settings import PerformanceSettings
from watchtower.store.inbox import Value
from watchtower.store.state import State

LABELS: dict[Key, Value] = {number: number % 2 for number in range(6)}
ROWS = [each for n in range(6) for each in (answered(n, 0.1 + 0.15 * n), shadowed(n, 0.9 - 0.15 * n))]


def expected(folder: Path) -> tuple[Any, list[dict[str, Any]]]:
    """In one life, without an accident."""
    folder.mkdir()
    stage = LabelStage(folder)
    stage.label(LABELS)
    return stage.measure(ROWS), stage.query(KEPT)


@pytest.mark.parametrize("steps", range(6))
def test_killed_after_any_step_the_next_life_ends_with_the_same(tmp_path: Path, steps: int) -> None:
    shown, kept = expected(tmp_path / "whole")
    stage = LabelStage(tmp_path, analyst={"max_lag": "100d", "batch": 4})
    stage.label(LABELS)
    stage.record(ROWS)
    with stage.started() as analyst:
        for _ in range(steps):
            analyst.step()

    assert (stage.measure(), stage.query(KEPT)) == (shown, kept)


def joined(analyst: Analyst) -> None:
    """Everything is looked up, and nothing of it committed."""
    while analyst.step():
        pass
    analyst.commit()
    analyst.step()


def committed(analyst: Analyst) -> None:
    joined(analyst)
    analyst.commit()


@pytest.mark.parametrize("ending", [joined, committed])
def test_killed_around_the_commit_of_joined_labels_nothing_is_counted_twice(
    tmp_path: Path, ending: Callable[[Analyst], None]
) -> None:
    shown, kept = expected(tmp_path / "whole")
    stage = LabelStage(tmp_path)
    stage.label(LABELS)
    stage.record(ROWS)
    for _ in range(2):
        with stage.started() as analyst:
            ending(analyst)

    assert (stage.measure(), stage.query(KEPT)) == (shown, kept)


def test_what_was_joined_and_not_committed_is_taken_again(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label(LABELS)
    stage.record(ROWS)
    with stage.started() as analyst:
        joined(analyst)
    with State(stage.data_dir) as state:
        taken = state.labels_taken

    assert (taken, stage.query(KEPT)) == (0, [])


def test_nothing_is_shown_as_joined_that_is_not_committed(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label(LABELS)
    stage.record(ROWS)
    with stage.started() as analyst:
        joined(analyst)

    assert counts(stage.performance())["joined"] == 0


def test_restarts_show_the_same_document(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({**LABELS, 77: 1})
    shown = stage.measure(ROWS)

    assert [stage.measure() for _ in range(3)] == [shown] * 3


def test_a_label_that_settles_is_kept_over_a_restart(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label({1: 1})
    stage.measure([answered(1, 0.9, at_s=50)])
    stage.clock.advance(60)

    assert counts(stage.measure())["joined"] == 1


def test_other_settings_begin_the_metrics_anew_and_keep_the_counts(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    stage.label(LABELS)
    stage.measure(ROWS)
    stage.configure({"performance": {"threshold": 0.2}}, analyst={"max_lag": "100d"})
    shown = stage.measure()

    assert (shown["joined"], shown["coverage"], shown["series"]) == (6, 1, [])


def test_under_other_settings_the_task_is_decided_by_as_many_labels_again(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    numbers = [7.0, *(0.5 + number for number in range(2 * DECIDED_BY - 1))]
    stage.record(answered(number, value) for number, value in enumerate(numbers))
    stage.label({number: numbers[number] for number in range(1, DECIDED_BY + 1)})
    stage.measure()
    stage.configure({"performance": {"alpha": 0.1}}, analyst={"max_lag": "100d"})
    stage.label({0: 8})
    first = stage.measure()
    stage.label({number: numbers[number] for number in range(DECIDED_BY + 1, 2 * DECIDED_BY)})
    then = stage.measure()

    assert (first["task"], first["is_decided"]) == ("classification", False)
    assert (then["task"], then["is_decided"]) == ("regression", True)


def test_labels_whose_rows_had_no_prediction_decide_no_task() -> None:
    measuring = Measuring(PerformanceSettings())
    rows = [joined_row(number)._replace(predicted=None) for number in range(DECIDED_BY)]
    measuring.count(rows, len(rows), 1)
    measuring.join(rows[0].label, [Row("blue", "primary", 0, {"out.prediction": 0.5})])
    measuring.count([*rows, joined_row(0)], len(rows) + 1, 1)

    assert (measuring.joined, measuring.is_decided) == (2 * DECIDED_BY + 1, False)


def test_a_statistic_of_another_version_begins_anew(tmp_path: Path) -> None:
    settings = PerformanceSettings()
    measuring = Measuring(settings)
    rows = [joined_row(number) for number in range(DECIDED_BY)]
    measuring.join(rows[0].label, [Row("blue", "primary", 0, {"out.prediction": 0.5})])
    measuring.count(rows, len(rows), 1)
    version, made_for, counted, coverage, choice, early, measured = msgspec.msgpack.decode(measuring.state())
    measured[1][0][1] = b"nonsense"
    restored = Measuring(settings)
    restored.restore(msgspec.msgpack.encode((version, made_for, counted, coverage, choice, early, measured)))

    assert (restored.joined, restored.measured) == (DECIDED_BY, None)


def joined_row(number: int) -> Joined:
    label = Label(b"%06d" % number, 0, number % 2, 0)
    return Joined("blue", "primary", label, 0, 0.25 + 0.5 * (number % 2), None, None, ())


def test_a_life_in_which_labels_come_all_the_time_counts_each_once(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path)
    with stage.started() as analyst:
        for number in range(5):
            stage.label({number: 1, number + 1: 0})
            stage.record([answered(number, 0.9)])
            settle(analyst)

    assert len({(each["request_id"], each["value"]) for each in stage.query(KEPT)}) == len(stage.query(KEPT))
    assert counts(stage.performance())["joined"] == 5

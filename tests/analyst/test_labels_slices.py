"""A store that is large: what is looked for in it takes many steps, and the journal is read in between."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from label_stage import LabelStage, answered, counts, settle

from watchtower.analyst.labelling import REST, SLICE_NS
from watchtower.clock import SECOND, ManualClock
from watchtower.store.schemas import TableName
from watchtower.store.state import State

ALONE: dict[str, Any] = {"shadows": []}
STEPS = 200


class HurriedClock(ManualClock):
    """Time flies: whoever looks twice finds that a slice is over."""

    def monotonic_ns(self) -> int:
        self.advance(SLICE_NS / SECOND)
        return self.now_ns


def stored(folder: Path) -> LabelStage:
    """Three files of rows."""
    stage = LabelStage(folder, ALONE)
    for number in range(3):
        stage.measure([answered(number, 0.9)])
    stage.clock = HurriedClock(stage.clock.now_ns, stage.clock.epoch_ns)
    return stage


def test_a_look_that_takes_many_steps_finds_everything(tmp_path: Path) -> None:
    stage = stored(tmp_path)
    stage.label({0: 1, 1: 1, 2: 0})
    with stage.started() as analyst:
        for _ in range(STEPS):
            analyst.step()
        analyst.commit()

    assert counts(stage.performance()) == {"joined": 3, "changed": 0, "unknown": 0, "waiting": 0}


def test_a_look_rests_between_its_slices(tmp_path: Path) -> None:
    stage = stored(tmp_path)
    stage.label({0: 1})
    with stage.started() as analyst:
        for _ in range(REST):
            analyst.step()
        analyst.commit()

    assert counts(stage.performance())["joined"] == 0


def test_a_row_that_comes_while_its_label_is_looked_for_is_found(tmp_path: Path) -> None:
    stage = stored(tmp_path)
    stage.label({0: 1, 99: 1})
    with stage.started() as analyst:
        analyst.step()
        stage.record([answered(99, 0.9)])
        for _ in range(STEPS):
            analyst.step()
        analyst.commit()
        for _ in range(STEPS):
            analyst.step()
        analyst.commit()

    assert counts(stage.performance()) == {"joined": 2, "changed": 0, "unknown": 0, "waiting": 0}


def merged_away(stage: LabelStage) -> None:
    """The table of labels, as housekeeping does it, and so long ago that the old file is gone."""
    with State(stage.data_dir) as state:
        [old] = (entry for entry in state.files() if entry.table is TableName.LABELS)
        new = replace(old, path=f"{old.path}-merged.parquet")
        state.replace([old], [new], 0, {})
    (stage.data_dir / "store" / old.path).rename(stage.data_dir / "store" / new.path)


def test_a_correction_is_none_that_comes_first_though_files_are_merged_while_it_is_looked_for(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.label({0: 1})
    stage.measure([answered(0, 0.9)])
    stage.clock = HurriedClock(stage.clock.now_ns, stage.clock.epoch_ns)
    stage.label({0: 0}, at_s=60)
    with stage.started() as analyst:
        analyst.step()
        merged_away(stage)
        for _ in range(STEPS):
            analyst.step()
        analyst.commit()

    assert counts(stage.performance()) == {"joined": 1, "changed": 1, "unknown": 0, "waiting": 0}


def test_killed_in_the_middle_of_a_look_the_next_life_looks_again(tmp_path: Path) -> None:
    stage = stored(tmp_path)
    stage.label({0: 1, 1: 1})
    with stage.started() as analyst:
        analyst.step()
        analyst.commit()
    with stage.started() as analyst:
        for _ in range(STEPS):
            analyst.step()
        analyst.commit()

    assert counts(stage.performance())["joined"] == 2


def test_a_file_that_is_damaged_leaves_the_others_to_be_read(tmp_path: Path) -> None:
    stage = LabelStage(tmp_path, ALONE)
    stage.measure([answered(1, 0.9)])
    [file] = (stage.data_dir / "store" / "rows").rglob("*.parquet")
    file.write_bytes(b"PAR1" + bytes(file.stat().st_size - 8) + b"PAR1")
    stage.label({1: 1, 2: 1})
    stage.record([answered(2, 0.9)])
    with stage.started() as analyst:
        settle(analyst)

    assert counts(stage.performance()) == {"joined": 1, "changed": 0, "unknown": 0, "waiting": 1}

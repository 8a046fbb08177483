"""A defect that no test has found: it costs what it touches, is counted, and ends nobody."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from analyst_stage import Stage
from drift_stage import ENDPOINT, live, minutes, quiet
from recording import pair

from watchtower.analyst.analyst import Analyst
from watchtower.analyst.labelling import Labelling
from watchtower.analyst.read import Read
from watchtower.analyst_assembly import assembled
from watchtower.analyst_cells import AnalystCells
from watchtower.drift.baseline import build
from watchtower.journal.reader import Entry
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells
from watchtower.store.state import State
from watchtower.store.store import Store


class Defective:
    """A part that fails at every second record, and at every batch where it is told to."""

    def __init__(self, *, fails_at_batches: bool = False) -> None:
        self.taken = 0
        self.left_out: Counter[str] = Counter()
        self._fails_at_batches = fails_at_batches

    def take(self, entry: Entry) -> Read:
        self.taken += 1
        if self.taken % 2:
            raise ZeroDivisionError
        return Read(entry.exchange, entry.stream, entry.position, 0, None, None)

    def end_batch(self, now_ns: int) -> None:
        if self._fails_at_batches:
            raise ZeroDivisionError

    def idle(self, now_ns: int) -> bool:
        return False

    def before_commit(self, now_ns: int) -> Mapping[str, bytes | None]:
        return {}

    def committed(self) -> bool:
        return False

    def skipped(self, reason: str, exchanges: int) -> None:
        self.left_out[reason] += exchanges

    def finish(self, now_ns: int) -> None: ...

    def documents(self, now_ns: int) -> Mapping[str, bytes]:
        return {}


def read_by(part: Defective, stage: Stage) -> None:
    observer = AnalystCells(Cells(stage.metrics, "a1"))
    clock = stage.clock.clock()
    with Store(stage.data_dir, stage.config.store) as store:
        labels = Labelling(store, {}, clock, 0.0)
        analyst = Analyst(
            stage.config.analyst, stage.journal, store, {"churn": part}, labels, clock, observer, reader_name=None
        )
        while analyst.step():
            pass
        analyst.commit()
        analyst.close()


def defects(stage: Stage) -> dict[str, float]:
    found = stage.totals().by(catalogue.ANALYST_DEFECTS, "work")
    return {work: count for work, count in found.items() if count}


def test_a_record_that_meets_a_defect_is_left_out_and_counted(tmp_path: Path) -> None:
    stage, part = Stage(tmp_path), Defective()
    stage.record([exchange for number in range(5) for exchange in pair(number)])
    read_by(part, stage)

    assert (part.taken, part.left_out) == (10, {"defect": 5})


def test_records_that_meet_a_defect_are_kept_all_the_same(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record([exchange for number in range(5) for exchange in pair(number)])
    read_by(Defective(fails_at_batches=True), stage)

    assert stage.query("select count(*) as n from exchanges") == [{"n": 10}]
    assert defects(stage) == {"record": 5, "batch": 1}


class Restless(Defective):
    """Fails when nothing is to be read, and when it is asked what it knows."""

    def take(self, entry: Entry) -> Read:
        return Read(entry.exchange, entry.stream, entry.position, 0, None, None)

    def idle(self, now_ns: int) -> bool:
        raise ZeroDivisionError

    def documents(self, now_ns: int) -> Mapping[str, bytes]:
        raise ZeroDivisionError


def test_neither_idle_time_nor_what_is_shown_ends_the_analyst(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record([exchange for number in range(3) for exchange in pair(number)])
    read_by(Restless(), stage)

    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 6}]
    assert defects(stage).keys() == {"time", "show"}


def fail() -> None:
    raise ZeroDivisionError


def test_a_defect_while_a_baseline_is_built_costs_that_baseline(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("age\n1\n2\n")
    stage = Stage(tmp_path, {"baseline": {"source": str(source)}, "shadows": []})
    stage.record(pair(1))
    observer = AnalystCells(Cells(stage.metrics, "a1"))
    with assembled(stage.config, stage.data_dir, stage.clock.clock(), observer, beat=fail) as analyst:
        while analyst.step():
            pass
        assert analyst.commit()
        analyst.close()

    assert stage.drift()["waiting_for"] == f"{source} cannot be used, by a defect of ours: ZeroDivisionError: "
    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 2}]
    assert defects(stage) == {"baseline": 1}


def test_a_baseline_in_force_that_meets_a_defect_is_done_without(tmp_path: Path) -> None:
    made = build([(("out.vector",), ([[float(n), 1.0] for n in range(600)],))], name="odd", source="", made_at_ns=1)
    stage = Stage(tmp_path, ENDPOINT)
    with State(stage.data_dir) as state:  # what it says to have of a sample is not there
        state.baselines.add("churn", "odd", "", replace(made, sample={}).to_bytes(), 1)
    live(stage, minutes(10))
    quiet(stage)

    assert stage.drift()["baseline"] is None
    assert stage.drift()["waiting_for"].startswith("the baseline odd 1 cannot be used, by a defect of ours: KeyError")
    assert defects(stage) == {"baseline": 2}  # once in each process

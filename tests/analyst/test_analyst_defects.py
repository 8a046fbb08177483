"""A defect that no test has found: it costs what it touches, is counted, and ends nobody."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from analyst_stage import Stage
from recording import pair

from watchtower.analyst.analyst import Analyst
from watchtower.analyst.keeping import Read
from watchtower.analyst.labelling import Labelling
from watchtower.analyst_cells import AnalystCells
from watchtower.journal.reader import Entry
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells
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

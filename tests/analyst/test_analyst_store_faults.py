"""A store that cannot be written: the journal waits, and nothing is lost or counted twice when it can be again."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from analyst_stage import Stage
from recording import pair, primary

from disks import resize, seen_read_only, small_disk
from watchtower.analyst.analyst import Analyst, run
from watchtower.journal import offsets
from watchtower.metrics import catalogue
from watchtower.record import Exchange

COUNTS = "SELECT count(*) AS n, count(DISTINCT request_id) AS ids FROM exchanges"
FULL, LARGE = "8k", "64m"


def pairs(count: int, first: int = 0) -> list[Exchange]:
    return [each for number in range(first, first + count) for each in pair(number)]


def all_read(analyst: Analyst) -> None:
    while analyst.step():
        pass


def fill(path: Path) -> None:
    """As far as the disk goes."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_what_waits_while_the_disk_is_full_is_kept_when_it_is_not(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store = stage.data_dir / "store"
    with small_disk(store, LARGE), stage.started() as analyst:
        stage.record(pairs(100))
        all_read(analyst)
        resize(store, FULL)
        failed = analyst.commit()
        resize(store, LARGE)
        healed = analyst.commit()

        assert (failed, healed) == (False, True)
        assert stage.query(COUNTS) == [{"n": 200, "ids": 100}]
        assert stage.totals().value(catalogue.STORE_FAILURES, reason="disk_full") == 1
        assert stage.totals().value(catalogue.PAIRS) == 100


def test_while_the_store_fails_nothing_more_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store = stage.data_dir / "store"
    with small_disk(store, LARGE), stage.started() as analyst:
        stage.record(pairs(100))
        all_read(analyst)
        with seen_read_only(store):
            analyst.commit()
            stage.record(pairs(100, first=100))
            while_it_fails = [analyst.step() for _ in range(5)]
        all_read(analyst)
        analyst.commit()

        assert while_it_fails == [0] * 5
        assert stage.query(COUNTS) == [{"n": 400, "ids": 200}]
        assert stage.totals().value(catalogue.STORE_FAILURES, reason="read_only") == 6


def test_an_analyst_that_dies_while_the_store_fails_loses_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store = stage.data_dir / "store"
    with small_disk(store, LARGE):
        with stage.started() as analyst:
            stage.record(pairs(100))
            all_read(analyst)
            resize(store, FULL)
            analyst.commit()
        resize(store, LARGE)
        stage.analyse(pairs(100, first=100))

        assert stage.query(COUNTS) == [{"n": 400, "ids": 200}]
        assert stage.shadow()["agreeing"] == 200
        assert stage.totals().value(catalogue.PAIRS) == 200


def test_a_full_disk_under_everything_is_survived(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with small_disk(data_dir, "4m"):
        stage = Stage(tmp_path)
        with stage.started() as analyst:
            stage.record(pairs(500))
            all_read(analyst)
            filler = data_dir / "filler"
            fill(filler)
            failed = analyst.commit()
            filler.unlink()
            healed = analyst.commit()

            assert (failed, healed) == (False, True)
            assert stage.query(COUNTS) == [{"n": 1000, "ids": 500}]
            assert stage.shadow()["agreeing"] == 500


def test_a_folder_that_is_removed_costs_what_was_in_it_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with stage.started() as analyst:
        stage.record(pairs(100))
        all_read(analyst)
        analyst.commit()
        shutil.rmtree(stage.data_dir / "store")
        stage.record(pairs(100, first=100))
        all_read(analyst)
        attempts = [analyst.commit() for _ in range(3)]

    assert attempts[-1]
    assert stage.query(COUNTS) == [{"n": 200, "ids": 100}]
    assert stage.shadow()["agreeing"] == 200


def test_retention_may_not_take_what_was_read_and_not_committed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse(pairs(10))
    committed = offsets.load(stage.journal, "analyst")
    stage.record(pairs(10, first=10))
    with stage.started() as analyst:
        all_read(analyst)
        read = offsets.load(stage.journal, "analyst")
        analyst.commit()

    assert read == committed
    assert offsets.load(stage.journal, "analyst") != read


def test_the_offsets_of_the_journal_are_never_before_those_of_the_store(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    store = stage.data_dir / "store"
    with small_disk(store, LARGE), stage.started() as analyst:
        stage.record(pairs(10))
        all_read(analyst)
        with seen_read_only(store):
            analyst.commit()

        assert offsets.load(stage.journal, "analyst") == {}


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda journal: (journal / "analyst.offsets.json").mkdir()])
def test_a_journal_that_cannot_be_written_ends_no_analyst(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    stage = Stage(tmp_path)
    stage.record(pairs(10))
    with stage.started() as analyst:
        all_read(analyst)
        harm(stage.journal)

        assert analyst.commit()
    assert stage.query(COUNTS) == [{"n": 20, "ids": 10}]


def test_an_analyst_that_is_told_to_stop_reads_what_was_recorded_before(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def pause(seconds: float) -> bool:
        stage.record(pairs(10))
        return True

    with stage.started() as analyst:
        run(analyst, pause, 0.5)

    assert stage.query(COUNTS) == [{"n": 20, "ids": 10}]


def test_damage_in_the_journal_is_counted_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record(pairs(10))
    [segment] = stage.journal.glob("*.wtj")
    found = bytearray(segment.read_bytes())
    found[len(found) // 2] ^= 0xFF
    segment.write_bytes(found)
    stage.analyse()
    stage.analyse()

    assert stage.totals().value(catalogue.ANALYST_JOURNAL_DAMAGE) == 1
    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 19}]


def test_without_damage_none_is_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, {"instances": [[1.0]]}, {"predictions": [1.0]})])

    assert stage.totals().value(catalogue.ANALYST_JOURNAL_DAMAGE) == 0
    assert stage.totals().value(catalogue.STORE_FAILURES) == 0

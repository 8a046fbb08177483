import shutil
from pathlib import Path

import pytest

from watchtower.metrics.bury import bury, standing, total, wipe
from watchtower.metrics.catalogue import OVERHEAD, REQUESTS_IN_FLIGHT, UPGRADES
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import totals
from watchtower.metrics.files import write_series


def work(directory: Path, process: str, events: int) -> None:
    cells = Cells(directory, process)
    cells.counter(UPGRADES, "churn").inc(events)
    cells.gauge(REQUESTS_IN_FLIGHT, "churn").set(events)
    for _ in range(events):
        cells.histogram(OVERHEAD, "churn").observe(0.001)
    cells.close()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_counts_of_the_dead_stay(tmp_path: Path) -> None:
    work(tmp_path, "w1", 3)
    work(tmp_path, "w2", 4)

    bury(tmp_path, "w1")

    found = totals(tmp_path)
    assert (found.value(UPGRADES), found.value(OVERHEAD)) == (7.0, 7.0)


def test_gauges_of_the_dead_are_gone(tmp_path: Path) -> None:
    work(tmp_path, "w1", 3)
    work(tmp_path, "w2", 4)

    bury(tmp_path, "w1")

    assert totals(tmp_path).value(REQUESTS_IN_FLIGHT) == 4.0


def test_files_of_many_dead_do_not_pile_up(tmp_path: Path) -> None:
    for ordinal in range(1, 6):
        work(tmp_path, f"w{ordinal}", ordinal)
        bury(tmp_path, f"w{ordinal}")

    assert names(tmp_path) == ["counter_buried.db", "histogram_buried.db"]
    assert totals(tmp_path).value(UPGRADES) == 15.0


def test_a_process_that_counted_nothing_is_buried_without_a_trace(tmp_path: Path) -> None:
    bury(tmp_path, "w1")

    assert names(tmp_path) == []


def test_buried_twice_it_counts_once(tmp_path: Path) -> None:
    work(tmp_path, "w1", 3)

    bury(tmp_path, "w1")
    bury(tmp_path, "w1")

    assert totals(tmp_path).value(UPGRADES) == 3.0


def test_a_name_that_begins_alike_is_left_alone(tmp_path: Path) -> None:
    work(tmp_path, "w1", 1)
    work(tmp_path, "w11", 2)

    bury(tmp_path, "w1")

    assert totals(tmp_path).value(REQUESTS_IN_FLIGHT) == 2.0


@pytest.mark.parametrize("done", ["draft written", "decided", "dead one removed"])
def test_a_burial_cut_short_counts_everything_once_and_is_finished_by_the_next(tmp_path: Path, done: str) -> None:
    write_series(tmp_path / "counter_buried.db", {"a": 10.0})
    write_series(tmp_path / "counter_w1.db", {"a": 1.0})
    write_series(tmp_path / "counter_w2.db", {"a": 100.0})
    write_series(tmp_path / "counter_buried.draft", {"a": 11.0})
    if done != "draft written":
        shutil.move(tmp_path / "counter_buried.draft", tmp_path / "counter_buried+w1.db")
    if done == "dead one removed":
        (tmp_path / "counter_w1.db").unlink()

    during = total(standing(tmp_path))
    bury(tmp_path, "w1")
    bury(tmp_path, "w2")

    assert during == {"a": 111.0}
    assert total(standing(tmp_path)) == {"a": 111.0}
    assert [path.name for path in standing(tmp_path)] == ["counter_buried.db"]


def test_wiping_leaves_an_empty_directory(tmp_path: Path) -> None:
    work(tmp_path, "w1", 1)
    (tmp_path / "counter_w2.draft").touch()

    wipe(tmp_path)

    assert names(tmp_path) == []


def test_wiping_makes_the_directory(tmp_path: Path) -> None:
    wipe(tmp_path / "a" / "b")

    assert names(tmp_path / "a" / "b") == []

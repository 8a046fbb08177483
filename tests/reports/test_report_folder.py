import os
from pathlib import Path

import pytest

from disks import read_only, small_disk
from watchtower.reports.folder import Kept, Occasion, found, kept, of_alarm, path_of, sweep
from watchtower.reports.settings import ReportSettings

NOON = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR


def page(data_dir: Path, at: float, occasion: Occasion = Occasion.SCHEDULE, size: int = 10) -> Path:
    path = path_of(data_dir, "churn", at, occasion)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (at, at))
    return path


def alarm(at: float) -> Kept:
    return Kept(Path("page"), at, Occasion.ALARM, 1, at)


def test_a_name_says_when_and_why(tmp_path: Path) -> None:
    assert path_of(tmp_path, "churn", NOON + 0.75, Occasion.ALARM) == (
        tmp_path / "reports" / "churn" / "20270115T080000Z-alarm.html"
    )


def test_pages_are_listed_the_newest_first(tmp_path: Path) -> None:
    first, second = page(tmp_path, NOON), page(tmp_path, NOON + 60, Occasion.ASKED, 25)
    (first.parent / "notes.html").write_text("somebody's own")

    assert kept(tmp_path, "churn") == [
        Kept(second, NOON + 60, Occasion.ASKED, 25, NOON + 60),
        Kept(first, NOON, Occasion.SCHEDULE, 10, NOON),
    ]


def test_an_endpoint_without_pages_has_none(tmp_path: Path) -> None:
    assert kept(tmp_path, "churn") == []


def test_a_folder_that_cannot_be_listed_has_no_pages(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "churn").symlink_to("churn")

    assert kept(tmp_path, "churn") == []
    assert found(tmp_path, "churn", "20270115T080000Z-alarm.html") is None
    assert sweep(tmp_path, ReportSettings(), NOON) == []


def test_what_is_no_page_is_passed_over(tmp_path: Path) -> None:
    path = page(tmp_path, NOON)
    path.with_name("20271315T080000Z-asked.html").touch()  # there is no such month
    path.with_name("20270115T080001Z-asked.html").symlink_to("gone")
    path.with_name("20270115T080002Z-asked.html").mkdir()
    path.with_name(".report-gone").symlink_to("gone")

    assert [one.path for one in kept(tmp_path, "churn")] == [path]
    assert found(tmp_path, "churn", "20270115T080002Z-asked.html") is None
    assert sweep(tmp_path, ReportSettings(), NOON + 365 * DAY) == [path]


def test_a_page_that_cannot_be_removed_leaves_the_others_their_way(tmp_path: Path) -> None:
    old = page(tmp_path, NOON)
    with small_disk(tmp_path / "reports" / "rest", "1m") as disk:
        disk.joinpath(old.name).touch()
        disk.joinpath("20270115T080001Z-asked.html").touch()
        with read_only(disk):
            assert sweep(tmp_path, ReportSettings(), NOON + 365 * DAY) == [old]


@pytest.mark.parametrize("name", ["notes.html", "../churn/20270115T080000Z-alarm.html", "20270115T080001Z-alarm.html"])
def test_no_other_file_is_found(tmp_path: Path, name: str) -> None:
    path = page(tmp_path, NOON, Occasion.ALARM)
    (path.parent / "notes.html").write_text("somebody's own")

    assert found(tmp_path, "churn", path.name) == path
    assert found(tmp_path, "churn", name) is None


def test_what_is_too_old_is_removed(tmp_path: Path) -> None:
    old, new = page(tmp_path, NOON), page(tmp_path, NOON + DAY)

    assert sweep(tmp_path, ReportSettings(retention=DAY), NOON + DAY + 1) == [old]
    assert [one.path for one in kept(tmp_path, "churn")] == [new]


def test_a_page_of_rows_that_are_long_past_is_as_old_as_its_file(tmp_path: Path) -> None:
    asked, old = page(tmp_path, NOON, Occasion.ASKED, 400), page(tmp_path, NOON + 1, size=400)
    os.utime(asked, (NOON + 8 * DAY, NOON + 8 * DAY))

    assert sweep(tmp_path, ReportSettings(retention=9 * DAY, max_disk=600), NOON + 8 * DAY) == [old]
    assert sweep(tmp_path, ReportSettings(retention=7 * DAY), NOON + 15 * DAY) == []
    assert sweep(tmp_path, ReportSettings(retention=7 * DAY), NOON + 15 * DAY + 1) == [asked]


def test_what_is_too_much_is_removed_the_oldest_first(tmp_path: Path) -> None:
    pages = [page(tmp_path, NOON + hour * HOUR, size=400) for hour in range(4)]

    assert sweep(tmp_path, ReportSettings(max_disk=1000), NOON + DAY) == [pages[1], pages[0]]


def test_a_folder_that_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    left = page(tmp_path, NOON).parent / ".report-abc"
    left.mkdir()
    made = left.stat().st_mtime

    assert sweep(tmp_path, ReportSettings(deadline=300.0, retention=1e12), made + 60) == []
    assert sweep(tmp_path, ReportSettings(deadline=300.0, retention=1e12), made + 601) == [left]
    assert not left.exists()


def test_an_alarm_has_its_own_page(tmp_path: Path) -> None:
    assert of_alarm([alarm(NOON + 1800), alarm(NOON), alarm(NOON - 60)], NOON + 0.5) == alarm(NOON)


def test_an_alarm_that_had_to_wait_has_the_next_page() -> None:
    assert of_alarm([alarm(NOON + 1800), alarm(NOON - 60)], NOON) == alarm(NOON + 1800)


def test_an_alarm_right_after_another_has_its_page() -> None:
    assert of_alarm([alarm(NOON - 60)], NOON) == alarm(NOON - 60)


@pytest.mark.parametrize("at", [NOON - HOUR - 1, NOON + HOUR + 1])
def test_a_page_of_another_hour_is_not_an_alarms(at: float) -> None:
    assert of_alarm([alarm(at)], NOON) is None


def test_a_page_by_the_clock_is_not_an_alarms() -> None:
    assert of_alarm([Kept(Path("page"), NOON, Occasion.SCHEDULE, 1, NOON)], NOON) is None

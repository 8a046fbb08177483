from store_samples import BEGAN, DAY, HOUR, entry

from watchtower.store.files import FileEntry
from watchtower.store.retention import RemovalReason, plan
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings

AGE, SIZE = RemovalReason.AGE, RemovalReason.SIZE


def planned(*present: FileEntry, retention_days: float = 30, max_disk: int = 1000) -> list[tuple[int, RemovalReason]]:
    settings = StoreSettings(retention=retention_days * 86400, max_disk=max_disk)
    return [(removal.entry.sequence, removal.reason) for removal in plan(present, BEGAN, settings)]


def test_a_file_goes_when_its_newest_row_is_older_than_the_retention() -> None:
    assert planned(entry(1, age_ns=31 * DAY), entry(2, age_ns=30 * DAY), entry(3)) == [(1, AGE)]


def test_a_file_with_one_young_row_stays() -> None:
    assert planned(entry(1, min_ns=BEGAN - 90 * DAY, max_ns=BEGAN)) == []


def test_beyond_the_size_the_oldest_go_until_it_is_kept() -> None:
    found = planned(*(entry(number, age_ns=number * HOUR, size=40) for number in range(1, 6)), max_disk=100)

    assert found == [(5, SIZE), (4, SIZE), (3, SIZE)]


def test_what_goes_by_age_makes_room_for_the_others() -> None:
    assert planned(entry(1, age_ns=31 * DAY, size=60), entry(2, size=60), max_disk=100) == [(1, AGE)]


def test_the_oldest_go_whatever_their_table() -> None:
    windows = entry(1, age_ns=2 * HOUR, size=1, table=TableName.WINDOWS)

    assert planned(entry(2, age_ns=HOUR, size=100), windows, max_disk=100) == [(1, SIZE)]


def test_at_exactly_the_size_all_stay() -> None:
    assert planned(entry(1, size=100), max_disk=100) == []

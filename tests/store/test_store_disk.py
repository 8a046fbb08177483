from pathlib import Path

import numpy as np
import pytest
from store_samples import SETTINGS, asked, keep_rows, on_disk, opened

from disks import read_only, small_disk
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.store import Store

COUNT = "SELECT count(*) AS n FROM rows"
NOISE = np.random.default_rng(7).random(100_000)  # 800 kB that nothing compresses


def test_a_full_disk_is_told_as_such_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "768k") as disk, opened(disk) as store:
        keep_rows(store, 1)
        before = on_disk(disk)
        with pytest.raises(StoreError) as caught:
            keep_rows(store, *range(100_000), in_a=NOISE)

        assert caught.value.fault is StoreFault.DISK_FULL
        assert on_disk(disk) == before
        assert asked(disk, COUNT) == [{"n": 1}]


def test_when_there_is_room_again_what_waited_is_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk, opened(disk) as store:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * (3 * 1024**2 + 512 * 1024))
        with pytest.raises(StoreError):
            keep_rows(store, *range(100_000), in_a=NOISE)
        ballast.unlink()
        store.commit()

        assert asked(disk, COUNT) == [{"n": 100_000}]


def test_a_read_only_disk_is_told_as_such_and_can_be_asked(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        with opened(disk) as store:
            keep_rows(store, 1)
        with read_only(disk):
            with pytest.raises(StoreError) as caught:
                Store(disk, SETTINGS)
            found = asked(disk, COUNT)

        assert (caught.value.fault, found) == (StoreFault.READ_ONLY, [{"n": 1}])


def test_a_folder_that_vanished_is_told_as_such(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as store:
        keep_rows(store, 1)
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError) as caught:
            keep_rows(store, 2)

    assert caught.value.fault is StoreFault.FOLDER_GONE
    assert asked(tmp_path / "elsewhere", COUNT) == [{"n": 1}]

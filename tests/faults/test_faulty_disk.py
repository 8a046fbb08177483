"""A journal that cannot be written never touches the traffic, and writing resumes by itself."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mounts import mounted

from sidecar import Sidecar, until
from stage import stage
from watchtower.metrics import catalogue

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    with mounted(path, "size=2m"):
        yield path


def dropped(sidecar: Sidecar) -> dict[str, float]:
    """By reason, where there are any."""
    by_reason = sidecar.totals().by(catalogue.JOURNAL_DROPPED, "reason")
    return {reason: count for reason, count in by_reason.items() if count}


def written(sidecar: Sidecar) -> float:
    return sidecar.totals().value(catalogue.JOURNAL_WRITTEN)


def fill(disk: Path) -> Path:
    """What fills it, to be removed."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_a_full_disk_costs_records_and_no_request(tmp_path: Path, disk: Path) -> None:
    with stage(tmp_path, shadow={}, data_dir=str(disk)) as on, on.load() as clients:
        clients.wait_for(50)
        fill(disk)
        assert until(lambda: dropped(on.sidecar))
        clients.stop()

        assert set(clients.seen) == {200}
        assert set(dropped(on.sidecar)) == {"disk_full"}
        assert on.sidecar.differences(clients.total, may_drop=True) == []


def test_records_are_written_again_when_there_is_space_again(tmp_path: Path, disk: Path) -> None:
    with stage(tmp_path, data_dir=str(disk)) as on, on.load() as clients:
        filler = fill(disk)
        assert until(lambda: dropped(on.sidecar))
        before = written(on.sidecar)
        filler.unlink()
        assert until(lambda: written(on.sidecar) > before)
        clients.stop()

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total, may_drop=True) == []


def test_the_journals_own_growth_fills_the_disk_and_no_request_fails(tmp_path: Path, disk: Path) -> None:
    with stage(tmp_path, data_dir=str(disk)) as on:
        on.model.size = 32 * 1024
        with on.load() as clients:
            assert until(lambda: dropped(on.sidecar))
            clients.wait_for(50)

        assert set(clients.seen) == {200}
        assert on.sidecar.differences(clients.total, may_drop=True) == []


def test_a_journal_folder_that_turns_read_only_costs_records_until_it_is_writable_again(tmp_path: Path) -> None:
    with stage(tmp_path) as on, on.load() as clients:
        assert until(lambda: written(on.sidecar))
        with mounted(on.sidecar.data_dir / "journal", "ro"):
            assert until(lambda: dropped(on.sidecar))
        before = written(on.sidecar)
        assert until(lambda: written(on.sidecar) > before)
        clients.stop()

        assert set(clients.seen) == {200}
        assert set(dropped(on.sidecar)) == {"read_only"}
        assert on.sidecar.differences(clients.total, may_drop=True) == []


def test_a_data_dir_that_vanishes_costs_no_request(tmp_path: Path) -> None:
    with stage(tmp_path, shadow={}) as on, on.load() as clients:
        assert until(lambda: written(on.sidecar))
        shutil.rmtree(on.sidecar.data_dir)
        before = written(on.sidecar)
        assert until(lambda: written(on.sidecar) > before)
        assert until(on.sidecar.readable_records)
        clients.stop()

        assert set(clients.seen) == {200}


def test_a_worker_that_dies_without_a_data_dir_is_replaced(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        shutil.rmtree(on.sidecar.data_dir)
        os.kill(on.sidecar.workers()[0], signal.SIGKILL)

        assert set(on.ask(50).seen) == {200}

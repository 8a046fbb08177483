from pathlib import Path

import pytest

from watchtower.control.claim import claim
from watchtower.errors import StartError


def test_a_folder_that_is_missing_is_made_for_us_alone(tmp_path: Path) -> None:
    with claim(tmp_path / "a" / "data"):
        mode = (tmp_path / "a" / "data").stat().st_mode & 0o777

    assert mode == 0o700


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(StartError, match="another watchtower uses"):
        claim(tmp_path)


def test_a_folder_is_free_when_its_holder_is_gone(tmp_path: Path) -> None:
    claim(tmp_path).close()

    with claim(tmp_path) as again:
        assert again.name == str(tmp_path / "supervisor.lock")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match="file/data cannot be used as data_dir: Not a directory"):
        claim(tmp_path / "file" / "data")

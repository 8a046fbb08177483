from pathlib import Path

from watchtower.metrics.place import metrics_directory


def test_shared_memory_is_taken_where_there_is_some(tmp_path: Path) -> None:
    directory = metrics_directory(tmp_path / "data", shared_memory=tmp_path)

    assert directory.parent == tmp_path
    assert directory.stat().st_mode & 0o777 == 0o700


def test_the_same_data_dir_has_the_same_place(tmp_path: Path) -> None:
    assert metrics_directory(tmp_path / "a", tmp_path) == metrics_directory(tmp_path / "a" / ".." / "a", tmp_path)
    assert metrics_directory(tmp_path / "a", tmp_path) != metrics_directory(tmp_path / "b", tmp_path)


def test_without_shared_memory_it_is_in_data_dir(tmp_path: Path) -> None:
    assert tmp_path / "metrics" == metrics_directory(tmp_path, tmp_path / "missing")


def test_a_link_that_someone_put_there_is_not_followed(tmp_path: Path) -> None:
    place = metrics_directory(tmp_path, shared_memory=tmp_path)
    place.rmdir()
    place.symlink_to("/")

    assert tmp_path / "metrics" == metrics_directory(tmp_path, shared_memory=tmp_path)


def test_a_folder_that_others_may_write_to_is_not_taken(tmp_path: Path) -> None:
    place = metrics_directory(tmp_path, shared_memory=tmp_path)
    place.chmod(0o777)

    assert tmp_path / "metrics" == metrics_directory(tmp_path, shared_memory=tmp_path)

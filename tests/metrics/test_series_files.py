from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from watchtower.metrics.files import SeriesFile, read_series, series_key, write_series

KEYS = st.dictionaries(st.text(min_size=1, max_size=40), st.floats(allow_nan=False), max_size=12)


def theirs(path: Path) -> dict[str, float]:
    entries = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
    return {key: value for key, value, _, _ in entries}


def test_a_key_is_the_one_that_prometheus_client_makes() -> None:
    expected = mmap_key("a", "a_total", ["z", "b"], ["1", "ü"], "Help.")

    assert expected == series_key("a", "a_total", {"z": "1", "b": "ü"}, "Help.")


@given(series=KEYS)
def test_what_is_written_is_read_here_and_by_prometheus_client(
    tmp_path_factory: pytest.TempPathFactory, series: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("series") / "counter_w1.db"

    write_series(path, series)

    assert series == dict(read_series(path.read_bytes()))
    assert series == theirs(path)


@given(series=KEYS)
def test_what_is_counted_is_read_here_and_by_prometheus_client(
    tmp_path_factory: pytest.TempPathFactory, series: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("series") / "counter_w1.db"
    file = SeriesFile(path)

    for key, value in series.items():
        view, index = file.add(key)
        view[index] = value

    file.close()
    assert series == dict(read_series(path.read_bytes()))
    assert series == theirs(path)


def test_a_file_cut_anywhere_gives_its_whole_entries_and_no_error(tmp_path: Path) -> None:
    series = {"first": 1.0, "second": 2.0, "third": 3.0}
    path = tmp_path / "counter_w1.db"
    write_series(path, series)
    data = path.read_bytes()

    cuts = [dict(read_series(data[:length])) for length in range(len(data) + 1)]

    assert all(cut.items() <= series.items() for cut in cuts)
    assert sorted({len(cut) for cut in cuts}) == [0, 1, 2, 3]


@given(st.binary(max_size=200))
def test_bytes_that_are_no_file_give_no_foreign_error(data: bytes) -> None:
    found = list(read_series(data))

    assert 24 * len(found) <= len(data)  # as many entries as there is room for, and nothing else: no error


def test_a_new_file_is_never_seen_empty(tmp_path: Path) -> None:
    SeriesFile(tmp_path / "counter_w1.db").close()

    assert theirs(tmp_path / "counter_w1.db") == {}
    assert [path.name for path in tmp_path.iterdir()] == ["counter_w1.db"]

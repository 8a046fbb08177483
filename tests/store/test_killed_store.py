import os
import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import BEGAN, DAY, asked, on_disk
from store_writing import SETTINGS, STREAM

from watchtower.store.store import Store

PROGRAM = Path(__file__).with_name("store_writing.py")


def killed_after(data_dir: Path, seed: int, commits: int) -> int:
    """Runs the writer, and kills it when it has told of some commits; gives the last that it told of."""
    paths = [str(PROGRAM.parent), os.environ.get("PYTHONPATH", "")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, str(PROGRAM), str(data_dir), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(commits)]
        process.kill()
        # What is left in the pipe was committed, too; its last line may be half of one.
        return int([line for line in (*told, *process.stdout) if line.endswith("\n")][-1])


@pytest.mark.slow
def test_after_kill_9_every_committed_row_is_there_exactly_once_and_nothing_else(tmp_path: Path) -> None:
    sql = "SELECT count(*) AS n, count(DISTINCT request_id) AS ids, coalesce(max(request_id::INT), -1) + 1 AS stop FROM {}"
    for seed in range(5):
        told = killed_after(tmp_path, seed, 3 + 7 * seed)
        with Store(tmp_path, SETTINGS) as store:
            read = store.state.offsets[STREAM].offset
            manifest = {entry.path for entry in store.state.files()}
            doomed = set(store.state.doomed())
            counted = store.state.counters()["exchanges"]

        assert read >= told
        assert counted == read
        assert on_disk(tmp_path) == manifest | doomed
        assert asked(tmp_path, sql.format("exchanges")) == [{"n": read, "ids": read, "stop": read}]
        assert asked(tmp_path, sql.format("rows")) == [{"n": 2 * read, "ids": read, "stop": read}]


@pytest.mark.slow
def test_after_all_merges_are_done_the_rows_are_the_same(tmp_path: Path) -> None:
    told = killed_after(tmp_path, 1, 20)
    with Store(tmp_path, SETTINGS) as store, store.housekeeper() as housekeeper:
        while not housekeeper.step(BEGAN + DAY).is_done:
            pass
        housekeeper.step(BEGAN + 2 * DAY)
        files = store.state.files()

    assert on_disk(tmp_path) == {entry.path for entry in files}
    assert sum(entry.rows for entry in files) >= 3 * told
    assert max(sum(entry.hour_ns == hour for entry in files) for hour in {entry.hour_ns for entry in files}) <= 3

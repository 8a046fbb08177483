"""What the analyst may hold: a batch is bounded in bytes and in time, the process by a budget, and a life that ends early costs nothing."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from analyst_stage import Stage
from recording import pair, primary

from watchtower.analyst.analyst import BATCH_BYTES, BATCH_S, run
from watchtower.analyst.memory import MemoryBudget, resident
from watchtower.clock import ManualClock
from watchtower.metrics import catalogue
from watchtower.record import Exchange

MOST = 100
LARGE = 1024 * 1024


class SlowClock(ManualClock):
    """A second goes by from one look to the next."""

    def monotonic_ns(self) -> int:
        self.advance(1)
        return self.now_ns


def pairs(count: int) -> list[Exchange]:
    return [each for number in range(count) for each in pair(number)]


def budget(*held: int) -> MemoryBudget:
    looks: Iterator[int] = iter(held)
    return MemoryBudget(MOST, lambda: next(looks))


def life(stage: Stage) -> bool:
    """Whether it ended behind its first batch, for it was over its budget; without one it ends when it is asked to."""
    with stage.started() as analyst:
        return run(analyst, lambda _: True, 0.0, must_begin_anew=lambda: True)


@pytest.mark.parametrize(
    ("held", "is_over"),
    [((MOST,), False), ((MOST + 1, MOST + 1), True), ((MOST + 1, MOST), False)],
    ids=["within", "beyond", "beyond until libraries gave back what they kept"],
)
def test_a_budget_is_over_when_nothing_helps(held: tuple[int, ...], is_over: bool) -> None:
    assert budget(*held).is_over() is is_over


def test_what_a_process_holds_is_what_the_kernel_says() -> None:
    held = resident()
    more = bytearray(64 * LARGE)
    more[::4096] = b"x" * len(more[::4096])

    assert 60 * LARGE < resident() - held < 80 * LARGE


def test_a_batch_ends_at_its_bytes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.record(primary(number, {"instances": [["x" * LARGE]]}, {"predictions": [1]}) for number in range(20))
    with stage.started() as analyst:
        steps = list(iter(analyst.step, 0))

    assert steps == [BATCH_BYTES // LARGE, BATCH_BYTES // LARGE, 20 - 2 * BATCH_BYTES // LARGE]


def test_a_batch_ends_at_the_bytes_that_compressed_bodies_make(tmp_path: Path) -> None:
    packed = gzip.compress(msgspec.json.encode({"instances": [["x" * LARGE]]}))
    stage = Stage(tmp_path)
    stage.record(primary(number, packed, {"predictions": [1]}, request_encoding=b"gzip") for number in range(20))
    with stage.started() as analyst:
        steps = list(iter(analyst.step, 0))

    assert steps == [BATCH_BYTES // LARGE, BATCH_BYTES // LARGE, 20 - 2 * BATCH_BYTES // LARGE]


def test_a_batch_ends_at_the_cells_that_rows_of_unlike_columns_make(tmp_path: Path) -> None:
    rows: list[dict[str, int]] = [{f"c{number}": 1 for number in range(999)}, *({} for _ in range(270))]
    stage = Stage(tmp_path)
    stage.record(primary(number, {"instances": rows}, {"predictions": [1]}) for number in range(5))
    with stage.started() as analyst:
        steps = list(iter(analyst.step, 0))

    assert steps == [2, 2, 1]


def test_a_batch_ends_at_the_cells_that_fill_up_the_side_with_fewer_rows(tmp_path: Path) -> None:
    row = {f"c{number}": 1 for number in range(100)}
    stage = Stage(tmp_path)
    stage.record(primary(number, {"instances": [row]}, {"predictions": [1] * 2_600}) for number in range(5))
    with stage.started() as analyst:
        steps = list(iter(analyst.step, 0))

    assert steps == [2, 2, 1]


def test_a_batch_ends_at_its_time(tmp_path: Path) -> None:
    """Bodies of a few bytes may take long; whoever does not come back from them is taken for one that hangs."""
    stage = Stage(tmp_path)
    stage.record(primary(number, {"instances": [[1]]}, {"predictions": [1]}) for number in range(12))
    stage.clock = SlowClock()
    with stage.started() as analyst:
        steps = list(iter(analyst.step, 0))

    assert steps == [BATCH_S, BATCH_S, 12 - 2 * BATCH_S]


def test_answers_that_wait_are_bounded_by_the_cells_that_rows_of_unlike_columns_make(tmp_path: Path) -> None:
    rows: list[dict[str, int]] = [{f"c{number}": 1 for number in range(99)}, *({} for _ in range(999))]
    stage = Stage(tmp_path, {"compare": {"max_pending": "5MiB"}})
    stage.analyse(primary(number, {"instances": [[1]]}, {"predictions": rows}) for number in range(5))

    assert stage.shadow()["unpaired"] == {"evicted": 3}


def test_a_header_that_stands_in_each_row_is_cut(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"performance": {"segments": ["header:x-plan"]}}, capture={"headers": ["x-plan"]})
    headers = ((b"x-plan", b"gold" * 1000),)
    stage.analyse([primary(1, {"instances": [[1], [2]]}, {"predictions": [1, 2]}, request_headers=headers)])

    assert stage.query("""SELECT length("in.header:x-plan") AS length FROM rows""") == [{"length": 256}] * 2


def test_lives_that_end_after_each_batch_count_everything_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, analyst={"batch": 64})
    stage.record(pairs(200))
    lives = 0
    is_relieved = True
    while is_relieved:
        is_relieved = life(stage)
        lives += 1

    assert lives == 8  # seven of 64 exchanges, the last of fewer, and one that found nothing
    assert stage.totals().value(catalogue.PAIRS) == 200
    assert stage.shadow()["agreeing"] == 200


def test_nothing_begins_anew_that_has_not_read_anything(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    assert not life(stage)

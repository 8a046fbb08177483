import os
import time

import pytest

from watchtower.metrics.process import parse_stat, usage


def test_this_process_has_memory_and_files_and_began_before_now() -> None:
    found = usage(os.getpid())

    assert found is not None
    assert found.memory_bytes > 1_000_000
    assert found.open_fds >= 3
    assert time.time() - 86_400 < found.started_at < time.time() + 1


def test_a_process_that_is_gone_has_nothing_to_say() -> None:
    assert usage(2**22 + 1) is None


def test_a_name_with_brackets_and_spaces_does_not_shift_the_fields() -> None:
    text = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 3000 1000000 5 18446744073709551615"

    found = parse_stat(text, open_fds=4, booted_at=100.0)

    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert (found.memory_bytes, found.open_fds) == (5 * page, 4)
    assert (found.cpu_seconds, found.started_at) == pytest.approx((300 / ticks, 100.0 + 3000 / ticks))

"""Settings that change between two lives of the process: no row that was read is in no window."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from watchtower.analyst.watching import Watch
from watchtower.drift.baseline import build
from watchtower.drift.settings import DriftSettings
from watchtower.drift.windows import DAY_NS, MINUTE_NS

NAMES = ("in.age", "in.weight")
MINUTES, ROWS = 70, 20
PLAIN = DriftSettings()


def watching(settings: DriftSettings, kept: list[Mapping[str, Any]]) -> Watch:
    watch = Watch("churn", settings, kept.append)
    columns = (*np.random.default_rng(1).normal(size=(2, 1000)),)
    watch.adopt(build([(NAMES, columns)], name="a", source="a test", made_at_ns=1), "a 1")
    return watch


def rows_of_the_day(first: DriftSettings, then: DriftSettings) -> int:
    """In windows of a day, of rows that came before and behind a restart."""
    kept: list[Mapping[str, Any]] = []
    watch = watching(first, kept)
    for minute in range(MINUTES):
        if minute == MINUTES // 2:
            state = watch.state()
            watch = watching(then, kept)
            watch.restore(state)
        watch.take(minute * MINUTE_NS, NAMES, ([0.5] * ROWS, [0.5] * ROWS))
        watch.judge()
    watch.finish()
    days = [window for window in kept if window["length_s"] == DAY_NS / 1e9]
    return sum(window["rows"][window["column"].index("in.age")] for window in days)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (PLAIN, PLAIN),
        (PLAIN, DriftSettings(window=300.0)),
        (PLAIN, DriftSettings(window=3600.0)),
        (DriftSettings(window=3600.0), PLAIN),
        (PLAIN, DriftSettings(ignore=("in.weight",))),
        (DriftSettings(ignore=("in.weight",)), PLAIN),
    ],
)
def test_every_row_is_in_a_day_whatever_is_set_meanwhile(first: DriftSettings, then: DriftSettings) -> None:
    assert rows_of_the_day(first, then) == MINUTES * ROWS

import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from watchtower.metrics.catalogue import (
    BUILD_INFO,
    OVERHEAD,
    REQUEST_DURATION,
    REQUEST_OUTCOMES,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    SHADOW_BREAKER_STATE,
    UPGRADES,
)
from watchtower.metrics.cells import Cells
from watchtower.record import Outcome


def page(directory: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return registry


def value(directory: Path, name: str, **labels: str) -> float | None:
    return page(directory).get_sample_value(f"watchtower_{name}", labels)


def test_a_counter_shows_zero_before_the_first_event(tmp_path: Path) -> None:
    Cells(tmp_path, "w1").counter(UPGRADES, "churn")

    assert value(tmp_path, "upgrades_total", endpoint="churn") == 0.0


def test_a_counter_shows_every_event_at_once(tmp_path: Path) -> None:
    counter = Cells(tmp_path, "w1").counter(UPGRADES, "churn")

    counter.inc()
    counter.inc(2.5)

    assert value(tmp_path, "upgrades_total", endpoint="churn") == 3.5


def test_the_same_labels_give_the_same_cell(tmp_path: Path) -> None:
    cells = Cells(tmp_path, "w1")

    assert cells.counter(REQUESTS, "churn", "blue", "200") is cells.counter(REQUESTS, "churn", "blue", "200")


def test_processes_are_added_up(tmp_path: Path) -> None:
    for process in ("w1", "w2", "supervisor"):
        Cells(tmp_path, process).counter(UPGRADES, "churn").inc()

    assert value(tmp_path, "upgrades_total", endpoint="churn") == 3.0


def test_a_family_shows_each_value_of_its_closed_label_at_zero(tmp_path: Path) -> None:
    outcomes = Cells(tmp_path, "w1").counters(REQUEST_OUTCOMES, "churn", "blue")

    outcomes[Outcome.RESET].inc()

    shown = [
        value(tmp_path, "request_outcomes_total", endpoint="churn", variant="blue", outcome=outcome)
        for outcome in Outcome
    ]
    assert [1.0 if outcome is Outcome.RESET else 0.0 for outcome in Outcome] == shown


def test_gauges_are_added_up_or_give_the_worst(tmp_path: Path) -> None:
    for process, level in (("w1", 2.0), ("w2", 1.0)):
        cells = Cells(tmp_path, process)
        cells.gauge(REQUESTS_IN_FLIGHT, "churn").set(level)
        cells.gauge(SHADOW_BREAKER_STATE, "churn", "v2").set(level)

    assert value(tmp_path, "requests_in_flight", endpoint="churn") == 3.0
    assert value(tmp_path, "shadow_breaker_state", endpoint="churn", shadow="v2") == 2.0


def test_a_gauge_goes_up_and_down(tmp_path: Path) -> None:
    gauge = Cells(tmp_path, "w1").gauge(REQUESTS_IN_FLIGHT, "churn")

    gauge.add(1.0)
    gauge.add(1.0)
    gauge.add(-1.0)

    assert value(tmp_path, "requests_in_flight", endpoint="churn") == 1.0


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (10.0, "10.0"), (11.0, "+Inf")]
)
def test_an_observation_falls_into_the_first_bucket_that_reaches_it(
    tmp_path: Path, seconds: float, bucket: str
) -> None:
    histogram = Cells(tmp_path, "w1").histogram(REQUEST_DURATION, "churn", "blue")

    histogram.observe(seconds)

    samples = next(iter(page(tmp_path).collect())).samples
    first = next(sample.labels["le"] for sample in samples if sample.name.endswith("_bucket") and sample.value == 1.0)
    assert bucket == first


def test_a_histogram_has_the_sum_and_the_count(tmp_path: Path) -> None:
    histogram = Cells(tmp_path, "w1").histogram(OVERHEAD, "churn")

    histogram.observe(0.25)
    histogram.observe(0.5)

    assert value(tmp_path, "overhead_seconds_sum", endpoint="churn") == 0.75
    assert value(tmp_path, "overhead_seconds_count", endpoint="churn") == 2.0


def test_cells_stay_true_when_the_file_has_grown(tmp_path: Path) -> None:
    cells = Cells(tmp_path, "w1")
    first = cells.counter(UPGRADES, "e0")
    others = [cells.counter(UPGRADES, f"e{i}") for i in range(1, 3000)]

    first.inc()
    others[-1].inc()

    assert (tmp_path / "counter_w1.db").stat().st_size > 64 * 1024
    assert value(tmp_path, "upgrades_total", endpoint="e0") == 1.0
    assert value(tmp_path, "upgrades_total", endpoint="e2999") == 1.0
    assert value(tmp_path, "upgrades_total", endpoint="e1500") == 0.0


def test_a_killed_process_loses_nothing_that_it_counted(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "from watchtower.metrics.catalogue import UPGRADES\n"
        "from watchtower.metrics.cells import Cells\n"
        "counter = Cells(pathlib.Path(sys.argv[1]), 'w1').counter(UPGRADES, 'churn')\n"
        "for _ in range(1000): counter.inc()\n"
        "os.kill(os.getpid(), 9)\n"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

    assert value(tmp_path, "upgrades_total", endpoint="churn") == 1000.0


def test_counting_goes_on_where_no_file_can_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counter = Cells(tmp_path / "missing", "w1").counter(UPGRADES, "churn")

    counter.inc()

    assert counter.value == 1.0
    assert [record.message for record in caplog.records] == ["metrics are counted but cannot be shown"]


def test_counting_goes_on_where_the_file_cannot_grow(tmp_path: Path) -> None:
    program = (
        "import pathlib, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from watchtower.metrics.catalogue import UPGRADES\n"
        "from watchtower.metrics.cells import Cells\n"
        "cells = Cells(pathlib.Path(sys.argv[1]), 'w1')\n"
        "counters = [cells.counter(UPGRADES, f'e{i}') for i in range(2000)]\n"
        "for counter in counters: counter.inc()\n"
        "print(sum(counter.value for counter in counters))\n"
    )

    counted = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True)

    assert counted.stdout == b"2000.0\n"
    assert b"metrics are counted but cannot be shown" in counted.stderr
    assert value(tmp_path, "upgrades_total", endpoint="e0") == 1.0


def test_a_metric_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="watchtower_build_info is a gauge"):
        Cells(tmp_path, "w1").counter(BUILD_INFO, "1", "3.11")


def test_a_label_left_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="watchtower_requests_total has 3 labels, not 1"):
        Cells(tmp_path, "w1").counter(REQUESTS, "churn")


def test_a_value_outside_the_closed_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="watchtower_request_outcomes_total has no outcome 'eaten'"):
        Cells(tmp_path, "w1").counter(REQUEST_OUTCOMES, "churn", "blue", "eaten")


@pytest.mark.slow
def test_a_count_costs_less_than_half_a_microsecond(tmp_path: Path) -> None:
    cells = Cells(tmp_path, "w1")
    counter, histogram = cells.counter(UPGRADES, "churn"), cells.histogram(REQUEST_DURATION, "churn", "blue")

    rounds = []
    for _ in range(5):
        begin = time.perf_counter_ns()
        for _ in range(50_000):
            counter.inc()
            histogram.observe(0.03)
        rounds.append((time.perf_counter_ns() - begin) / 100_000)

    assert min(rounds) < 500

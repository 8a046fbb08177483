from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from watchtower.metrics.catalogue import ALL, OVERHEAD, REQUESTS, Kind
from watchtower.metrics.cells import Cells
from watchtower.metrics.collect import render, totals

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def everything(directory: Path) -> None:
    cells = Cells(directory, "w1")
    for metric in ALL:
        values = [label.values[0] if label.is_closed else f"a{label.name}" for label in metric.labels]
        match metric.kind:
            case Kind.COUNTER:
                cells.counter(metric, *values).inc()
            case Kind.GAUGE:
                cells.gauge(metric, *values).set(1.0)
            case Kind.HISTOGRAM:
                cells.histogram(metric, *values).observe(0.02)


def test_the_page_is_prometheus_text(tmp_path: Path) -> None:
    page = render(tmp_path)

    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_the_page_is_openmetrics_for_those_who_ask(tmp_path: Path) -> None:
    everything(tmp_path)

    page = render(tmp_path, OPENMETRICS)

    assert page.content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(page.body.decode())  # type: ignore[no-untyped-call]
    assert [metric.family for metric in ALL] == [family.name for family in families]


def test_every_metric_of_the_catalogue_is_on_the_page_with_its_kind(tmp_path: Path) -> None:
    everything(tmp_path)

    families = list(parse_text(render(tmp_path).body.decode()))

    assert [(metric.family, str(metric.kind)) for metric in ALL] == [(family.name, family.type) for family in families]
    assert all(family.samples for family in families)


def test_a_metric_that_nothing_has_counted_is_named_without_a_value(tmp_path: Path) -> None:
    families = list(parse_text(render(tmp_path).body.decode()))

    assert [metric.family for metric in ALL] == [family.name for family in families]
    assert not any(family.samples for family in families)


def test_totals_add_up_over_the_labels_that_are_left_open(tmp_path: Path) -> None:
    for process in ("w1", "w2"):
        cells = Cells(tmp_path, process)
        cells.counter(REQUESTS, "churn", "blue", "200").inc(3)
        cells.counter(REQUESTS, "churn", "green", "200").inc(2)
        cells.counter(REQUESTS, "fraud", "blue", "502").inc(1)

    found = totals(tmp_path)

    assert found.value(REQUESTS) == 12.0
    assert found.value(REQUESTS, endpoint="churn") == 10.0
    assert found.by(REQUESTS, "variant", endpoint="churn") == {"blue": 6.0, "green": 4.0}


def test_totals_of_a_histogram_are_its_observations(tmp_path: Path) -> None:
    Cells(tmp_path, "w1").histogram(OVERHEAD, "churn").observe(3.0)

    assert totals(tmp_path).value(OVERHEAD, endpoint="churn") == 1.0


def test_what_was_never_counted_totals_zero(tmp_path: Path) -> None:
    assert totals(tmp_path).value(REQUESTS) == 0.0

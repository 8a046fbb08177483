import math
from collections.abc import Iterable

import pytest

from watchtower.analyst.skip import SkipReason
from watchtower.compare.difference import Failure
from watchtower.compare.verdict import Budget
from watchtower.drift.effects_of_profiles import Effects
from watchtower.drift.quality import Fault
from watchtower.metrics import catalogue
from watchtower.metrics.catalogue import ALL, Kind, Metric, Unit
from watchtower.performance.classification import Classification
from watchtower.performance.regression import Regression
from watchtower.reports.report import ReportFault
from watchtower.store.fault import StoreFault


def test_no_two_metrics_share_a_family() -> None:
    families = [metric.family for metric in ALL]

    assert len(families) == len(set(families))


def test_every_label_says_where_its_values_come_from() -> None:
    labels = [label for metric in ALL for label in metric.labels]

    assert all(label.is_closed != bool(label.source) for label in labels)


def test_help_is_a_sentence() -> None:
    assert all(metric.help[0].isupper() and metric.help.endswith(".") for metric in ALL)


def test_names_end_in_their_unit() -> None:
    assert all(metric.name.endswith(metric.unit) for metric in ALL)
    assert [
        metric.name for metric in ALL if metric.unit is Unit.NONE and metric.name.endswith((Unit.SECONDS, Unit.BYTES))
    ] == []


def test_histograms_have_rising_buckets_to_infinity_and_nothing_else_has_any() -> None:
    for metric in ALL:
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.buckets[-1:] in {(), (math.inf,)}


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (catalogue.ANALYST_SKIPPED, SkipReason),
        (catalogue.PAIRS, ["agree", "disagree", *set(Failure) - {Failure.NONE}]),
        (catalogue.SHADOW_VERDICT, Budget),
        (catalogue.DRIFT_EFFECT, set(Effects.__struct_fields__) - {"rows", "reference_rows"}),
        (catalogue.QUALITY_VIOLATIONS, Fault),
        (catalogue.STORE_FAILURES, StoreFault),
        (catalogue.REPORTS, ["written", *ReportFault]),
    ],
)
def test_a_list_that_is_written_out_is_the_one_that_the_analysis_has(metric: Metric, words: Iterable[str]) -> None:
    assert set(metric.labels[-1].values) == set(map(str, words))


def test_every_measure_of_performance_is_one_that_the_analysis_has() -> None:
    unknown = [name for name in catalogue.PERFORMANCE.labels[-1].values if not _is_measured(name)]

    assert unknown == []


def _is_measured(name: str) -> bool:
    return hasattr(Classification, name) or hasattr(Regression, name)

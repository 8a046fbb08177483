import math

from watchtower.metrics.catalogue import ALL, Kind, Unit


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

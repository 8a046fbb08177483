import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from analysed import NOON, left_by_an_analyst

from watchtower.analyst.documents import EstimateErrorView, EstimateView, PerformanceSeriesView, PerformanceView
from watchtower.cli import main
from watchtower.commands.labels_shown import told
from watchtower.commands.layout import WIDTH

LAGS: dict[str, float | None] = {"p50": 7200.0, "p90": 86400.0}
ACCURACY = EstimateView(metric="accuracy", value=0.91, low=0.89, high=0.93, rows=340)
ESTIMATED = EstimateView(metric="accuracy", value=0.97, low=0.96, high=0.98, rows=12000)
ERROR = EstimateErrorView(
    metric="accuracy", blocks=4, bias=0.05, bias_low=0.03, bias_high=0.07, mean_error=0.06, held=0.25, disagreed=3
)


def series(**changed: Any) -> PerformanceSeriesView:
    usual = PerformanceSeriesView(
        who="blue",
        role="primary",
        segment=None,
        task="binary",
        since=NOON - 3600,
        rows=1200,
        labelled=340,
        unusable_labels=0,
        coverage=0.2833,
        lag_seconds=LAGS,
        estimates=[ACCURACY],
        without_labels=[],
        calibration=None,
        calibrated_on=0,
        errors=[],
        blocks=[],
        disagrees=[],
    )
    return msgspec.structs.replace(usual, **changed)


def performance(*shown: PerformanceSeriesView, **changed: Any) -> PerformanceView:
    usual = PerformanceView(
        endpoint="churn",
        updated=NOON,
        labels=342,
        joined=340,
        changed=2,
        ambiguous=0,
        unknown=7,
        waiting=11,
        coverage=0.2833,
        lag_seconds=LAGS,
        task="binary",
        is_decided=True,
        why="two values",
        prediction="out.prediction",
        score=None,
        positive="yes",
        alpha=0.05,
        series=list(shown),
    )
    return msgspec.structs.replace(usual, **changed)


@pytest.mark.parametrize(("disagrees", "expected"), [([], 0), (["accuracy"], 1)])
def test_the_status_tells_whether_estimates_and_labels_disagree(
    tmp_path: Path, disagrees: list[str], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    left_by_an_analyst(tmp_path, performance(series(disagrees=disagrees)))

    assert main(["labels", "show", "--data-dir", str(tmp_path)]) == expected


def test_beside_what_labels_say_stands_how_many_there_are_and_how_late() -> None:
    lines = list(told(performance(series()), NOON, 5))

    assert lines[0] == "churn: what labels say of the answers"
    assert lines[1:4] == [
        "  340 labels joined, 2 corrected later; of all endpoints, 11 wait for their row, 7 never found one",
        "  of the rows of the label period 28.3% have one; half of the labels came within 2h, nine in ten within 1d",
        "  binary: two values",
    ]
    assert lines[6].startswith("  blue (primary): 340 of 1,200 rows have labels (28.3%), since 2027-01-15 07:00")
    assert lines[9].split() == ["accuracy", "0.91", "0.89", "to", "0.93", "340", "–"]


def test_what_is_estimated_stands_beside_it_with_its_own_error() -> None:
    shown = series(
        without_labels=[ESTIMATED], calibration="platt", calibrated_on=300, errors=[ERROR], disagrees=["accuracy"]
    )
    lines = list(told(performance(shown), NOON, 5))

    assert lines[0] == "churn: WHAT IS ESTIMATED AND WHAT LABELS SAY DISAGREE for blue (primary): accuracy"
    assert lines[9].split()[6:] == ["0.97", "0.96", "to", "0.98", "DISAGREES"]
    assert lines[10] == "  without: estimated of 12,000 rows of the last days, calibrated by 300 labelled rows (platt)"
    assert lines[12].split() == ["accuracy", "4", "0.05", "0.03", "to", "0.07", "0.06", "25%", "3"]


def test_labels_of_a_shared_id_are_told_where_there_are_any() -> None:
    lines = list(told(performance(series(), ambiguous=3), NOON, 5))

    assert lines[1].startswith("  340 labels joined, 2 corrected later, 3 of an id that several requests have; of all")


def test_without_labels_it_says_what_is_waited_for() -> None:
    empty = performance(task=None, why="no label has met its row", joined=0, coverage=None, lag_seconds={})
    lines = list(told(empty, NOON, 5))

    assert lines[0] == "churn: nothing is measured yet: no label has met its row"
    assert lines[2] == "  of the rows of the label period – have one; nobody knows how late labels come"


def test_segments_beyond_those_asked_for_are_counted() -> None:
    parts = [series(segment=name, rows=None, coverage=None, lag_seconds={}) for name in ("de", "fr", "it")]
    lines = list(told(performance(*parts), NOON, 1))

    first = next(line for line in lines if "blue" in line)
    assert first.startswith("  blue (primary), de: 340 rows have labels, since")
    assert lines[-1] == "  2 more segments; --segments and --json show them"


def test_labels_that_are_in_no_metric_are_counted() -> None:
    lines = list(told(performance(series(unusable_labels=1200)), NOON, 5))

    assert "  1,200 labels name none of the classes, or no number: they are in no metric" in lines


def test_a_table_fits_the_page() -> None:
    wide = [
        msgspec.structs.replace(one, metric="calibration_error", low=0.89121, high=0.99123, rows=12_345_678)
        for one in (ACCURACY,)
    ]
    shown = series(estimates=wide, without_labels=wide, errors=[ERROR], disagrees=["calibration_error"])

    tables = [
        line for line in told(performance(shown), NOON, 5) if line.startswith("  calibration") or "blocks" in line
    ]
    assert [len(line) > WIDTH or "…" in line for line in tables] == [False, False]


def test_json_is_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = performance(series())
    left_by_an_analyst(tmp_path, view)
    main(["labels", "show", "--json", "--data-dir", str(tmp_path)])

    assert json.loads(capsys.readouterr().out) == [msgspec.to_builtins(view)]

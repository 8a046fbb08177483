from pathlib import Path

import pytest
from report_stage import NOON, analysed

from watchtower.clock import SECOND
from watchtower.reports.report import ReportError, ReportFault, ReportRequest
from watchtower.reports.window import requested
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings
from watchtower.store.store import Store

HOUR = 3600.0
WEEK = 7 * 24 * HOUR


def window(data_dir: Path, seconds: float = HOUR, now: float = NOON + 60) -> ReportRequest:
    return requested(data_dir, "churn", seconds, 1000, StoreSettings(), now=now)


def row(data_dir: Path, at: float, **changed: str) -> None:
    columns = {"request_id": ["odd"], "row": 0, "variant": "blue", "role": "primary", "in.age": [1.0], **changed}
    with Store(data_dir, StoreSettings()) as store:
        store.tables.add(TableName.ROWS, "churn", {**columns, "started": [round(at * SECOND)]}, now_ns=0)
        store.commit()


def shown(request: ReportRequest) -> tuple[str, int, str]:
    return request.title, request.current.num_rows, request.output.name  # type: ignore[union-attr]


USUAL = ("churn: 1h until 2027-01-15 08:00 UTC against spring", 67, "20270115T080000Z-asked.html")


def test_it_ends_with_the_newest_row(tmp_path: Path) -> None:
    analysed(tmp_path)

    assert shown(window(tmp_path)) == USUAL


def test_a_row_that_a_clock_set_ahead_has_left_is_not_the_newest(tmp_path: Path) -> None:
    analysed(tmp_path)
    row(tmp_path, NOON + 52 * WEEK)

    assert shown(window(tmp_path)) == USUAL


@pytest.mark.parametrize("whose", [{"role": "shadow"}, {"test_run": "load"}])
def test_a_row_of_a_shadow_or_of_a_test_is_not_the_newest(tmp_path: Path, whose: dict[str, str]) -> None:
    analysed(tmp_path)
    row(tmp_path, NOON + 30, **whose)

    assert shown(window(tmp_path)) == USUAL


def test_it_may_be_longer_than_there_are_years(tmp_path: Path) -> None:
    analysed(tmp_path)

    assert shown(window(tmp_path, 200_000 * WEEK))[1] == 200


def test_before_the_first_row_there_is_nothing_to_draw(tmp_path: Path) -> None:
    analysed(tmp_path)
    with pytest.raises(ReportError) as caught:
        window(tmp_path, now=NOON - WEEK)

    assert caught.value.fault is ReportFault.NO_ROWS

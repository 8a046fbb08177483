import pytest

from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.control.status import analyst_view
from watchtower.metrics.collect import Totals

NOTHING = Totals([])


@pytest.mark.parametrize("state", [AnalystState.OFF, AnalystState.STARTING, AnalystState.WAITING])
def test_of_an_analyst_that_does_not_run_no_lag_is_told(state: AnalystState) -> None:
    assert analyst_view(AnalystStatus(state), NOTHING).lag_seconds is None


def test_one_that_has_read_everything_has_no_lag() -> None:
    assert analyst_view(AnalystStatus(AnalystState.RUNNING), NOTHING).lag_seconds == 0

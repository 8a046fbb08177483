from pathlib import Path

from analyst_stage import Stage
from recording import pair, primary, shadow

from watchtower.analyst.analyst import SAMPLE_WHEN_BEHIND
from watchtower.metrics import catalogue

ASKED = {"instances": [[1.0]]}


def test_test_traffic_is_kept_and_left_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    one, other = ASKED, {"predictions": [1.0]}
    stage.analyse([primary(1, one, other, test_run=b"peak"), shadow(1, other, test_run=b"peak")])

    assert stage.query("SELECT role, test_run, rows FROM exchanges ORDER BY role") == [
        {"role": "primary", "test_run": "peak", "rows": 0},
        {"role": "shadow", "test_run": "peak", "rows": 0},
    ]
    assert (stage.shadow()["pairs"], stage.status()["rows"]) == (0, 0)
    assert stage.status()["skipped"] == {"test_traffic": 2}
    assert stage.totals().value(catalogue.ANALYST_SKIPPED, reason="test_traffic") == 2


def test_test_traffic_is_no_part_of_a_baseline(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"baseline": {"live": {"rows": 2}}})
    stage.analyse([primary(1, ASKED, {"predictions": [1.0]}, test_run=b"peak")], pair(2))

    assert stage.drift()["waiting_for"].startswith("50%")


def test_an_endpoint_that_the_configuration_has_no_more_is_kept_and_not_decoded(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, ASKED, endpoint="gone")], pair(2))

    assert stage.query("SELECT endpoint, rows FROM exchanges WHERE endpoint = 'gone'") == [
        {"endpoint": "gone", "rows": 0}
    ]
    assert stage.status()["exchanges"] == 2


def test_an_unknown_endpoint_is_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.analyse([primary(1, ASKED, ASKED, endpoint="gone")])

    assert stage.totals().value(catalogue.ANALYST_SKIPPED, reason="unknown_endpoint") == 1


def behind(tmp_path: Path) -> Stage:
    """A first batch of 10 exchanges that is an hour old, and 1,600 pairs behind it."""
    stage = Stage(tmp_path, analyst={"batch": 10, "max_lag": "30s"})
    stage.clock.advance(3600)
    stage.analyse([each for number in range(1605) for each in pair(number, at_s=number / 1000)])
    return stage


def test_an_analyst_that_is_behind_decodes_a_sample_and_counts_the_rest(tmp_path: Path) -> None:
    stage = behind(tmp_path)
    skipped = stage.status()["skipped"]["behind"]

    assert 0.9 < skipped / 3200 < 0.97
    assert stage.status()["exchanges"] + skipped == 3210
    assert stage.totals().value(catalogue.ANALYST_SKIPPED, reason="behind") == skipped
    assert stage.query("SELECT count(*) AS n FROM exchanges") == [{"n": 3210}]


def test_of_a_pair_both_sides_are_in_the_sample_or_none(tmp_path: Path) -> None:
    stage = behind(tmp_path)
    shown = stage.shadow()

    assert (shown["unpaired"], shown["pairs"]) == ({}, stage.status()["exchanges"] / 2)
    assert stage.query("SELECT sum(rows) AS n FROM exchanges WHERE role = 'primary'") == [{"n": shown["pairs"]}]


def test_the_sample_is_about_one_of_so_many(tmp_path: Path) -> None:
    stage = behind(tmp_path)

    assert 0.5 < (stage.shadow()["pairs"] - 5) / (1600 / SAMPLE_WHEN_BEHIND) < 1.5


def test_an_analyst_that_has_caught_up_decodes_everything_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, analyst={"batch": 10, "max_lag": "30s"})
    stage.clock.advance(3600)
    stage.record([each for number in range(20) for each in pair(number)])
    with stage.started() as analyst:
        while analyst.step():
            pass
        stage.record(each for number in range(20, 30) for each in pair(number, at_s=3600))
        while analyst.step():
            pass
        analyst.commit()

    assert stage.status()["exchanges"] + stage.status()["skipped"]["behind"] == 60
    assert stage.query("SELECT sum(rows) AS n FROM exchanges WHERE role = 'primary' AND request_id >= '000020'") == [
        {"n": 10}
    ]


def test_a_record_of_a_clock_that_was_ahead_does_not_hide_that_the_analyst_is_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path, analyst={"batch": 10, "max_lag": "30s"})
    stage.clock.advance(3600)
    stage.analyse(
        [*pair(0, at_s=7200), *(each for number in range(1, 200) for each in pair(number, at_s=number / 1000))]
    )

    assert stage.status()["skipped"]["behind"] > 300


def test_the_lag_is_a_metric_that_falls_to_nothing_when_all_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, analyst={"batch": 10})
    stage.clock.advance(60)
    stage.record([each for number in range(20) for each in pair(number)])
    with stage.started() as analyst:
        analyst.step()
        while_behind = stage.totals().value(catalogue.ANALYST_LAG)
        while analyst.step():
            pass

        assert (while_behind, stage.totals().value(catalogue.ANALYST_LAG)) == (59.99, 0)


def test_who_reads_a_stream_of_a_minute_at_its_end_is_not_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path, analyst={"batch": 10})
    stage.clock.advance(60)
    minute = {"total_ns": 60 * 10**9, "last_part_ns": 60 * 10**9}
    stage.record([primary(number, {"instances": [[1]]}, {"predictions": [1]}, **minute) for number in range(40)])
    with stage.started() as analyst:
        while analyst.step():
            pass
        analyst.commit()

    assert stage.status()["skipped"] == {}


def test_a_recorded_journal_is_never_sampled(tmp_path: Path) -> None:
    recorded = Stage(tmp_path / "recorded")
    recorded.record([each for number in range(50) for each in pair(number)])
    stage = Stage(tmp_path, analyst={"batch": 10})
    stage.clock.advance(3600)
    with stage.started(recorded.journal) as analyst:
        while analyst.step():
            pass
        analyst.finish()

    assert (stage.status()["exchanges"], stage.status()["skipped"]) == (100, {})
    assert not list(recorded.journal.glob("*.json"))

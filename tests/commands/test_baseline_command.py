import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf, nan
from pathlib import Path

import msgspec
import pytest

from watchtower.analyst.documents import SCHEMA, STATUS, SchemaColumnView, SchemaView, key
from watchtower.cli import main
from watchtower.drift.baseline import Baseline
from watchtower.store.database import Access
from watchtower.store.schemas import TableName
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.store import Store


@pytest.fixture
def train(tmp_path: Path) -> Path:
    file = tmp_path / "train.csv"
    file.write_text("age,plan,prediction\n" + "".join(f"{20 + n},{'ab'[n % 2]},{n % 2}\n" for n in range(50)))
    return file


def run(data_dir: Path, *arguments: str) -> int:
    return main(["baseline", *arguments, "--data-dir", str(data_dir)])


def seen(data_dir: Path, **kinds: str) -> None:
    """The traffic's columns, as an analyst has told them."""
    columns = [
        SchemaColumnView(name=name.replace("_", "."), side="input", kind=kind, in_baseline=False)
        for name, kind in kinds.items()
    ]
    view = SchemaView(endpoint="churn", updated=1.0, columns=columns)
    with State(data_dir) as state:
        state.commit(documents={key(SCHEMA, "churn"): msgspec.json.encode(view), key(STATUS, "churn"): b"{}"})


def in_force(data_dir: Path) -> tuple[str, int] | None:
    with State(data_dir, Access.READ) as state:
        active = state.baselines.active("churn")
    return None if active is None else (active.name, active.version)


def test_a_file_becomes_the_baseline_in_force(tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(tmp_path, "build", str(train), "--endpoint", "churn", "--outputs", "prediction")
    with State(tmp_path, Access.READ) as state:
        kept = state.baselines.active("churn")

    assert (status, in_force(tmp_path)) == (0, ("default", 1))
    assert kept is not None
    assert sorted(Baseline.from_bytes(kept.profile).kinds) == ["in.age", "in.plan", "out.prediction"]
    assert capsys.readouterr().out.startswith("churn: baseline default, version 1, of 50 rows: in force\n")


def test_an_endpoint_that_is_not_there_gets_none(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(tmp_path, in_age="integer", in_plan="category", in_prediction="integer")
    status = run(tmp_path, "build", str(train), "--endpoint", "chrun")
    with State(tmp_path, Access.READ) as state:
        kept = state.baselines.list()

    assert (status, kept) == (2, [])
    assert "--endpoint: expected one of churn" in capsys.readouterr().err


def test_a_name_that_is_built_again_has_a_new_version(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        run(tmp_path, "build", str(train), "--endpoint", "churn", "--name", "spring")

    assert in_force(tmp_path) == ("spring", 2)


def test_an_earlier_version_can_be_put_in_force(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        run(tmp_path, "build", str(train), "--endpoint", "churn")
    status = run(tmp_path, "set", "default", "--version", "1")

    assert (status, in_force(tmp_path)) == (0, ("default", 1))


def test_one_may_be_kept_without_being_put_in_force(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "build", str(train), "--endpoint", "churn", "--no-set")

    assert in_force(tmp_path) is None


def test_columns_that_are_not_the_traffics_are_refused_with_the_differences(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(tmp_path, in_age="number", in_country="category")
    status = run(tmp_path, "build", str(train))
    told = capsys.readouterr().err

    assert (status, in_force(tmp_path)) == (2, None)
    assert "in.country" in told
    assert told.endswith("churn: refused; --anyway takes it\n")


def test_whoever_insists_gets_other_columns(tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen(tmp_path, in_country="category")

    assert run(tmp_path, "build", str(train), "--anyway") == 0


def test_a_column_that_the_configuration_ignores_is_no_reason_to_refuse(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(tmp_path, in_age="integer", in_plan="category", in_prediction="integer", in_id="text")
    config = tmp_path / "watchtower.json"
    variants = [{"name": "only", "url": "http://127.0.0.1:1"}]
    config.write_text(
        json.dumps({"endpoints": [{"name": "churn", "variants": variants, "drift": {"ignore": ["in.id"]}}]})
    )

    assert run(tmp_path, "build", str(train)) == 2
    assert run(tmp_path, "build", str(train), "--config", str(config)) == 0


def test_the_configuration_says_what_to_watch(tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "watchtower.json"
    endpoint = {
        "name": "churn",
        "variants": [{"name": "only", "url": "http://127.0.0.1:1"}],
        "baseline": {"name": "autumn", "outputs": ["prediction"]},
        "drift": {"ignore": ["in.plan"]},
    }
    config.write_text(json.dumps({"endpoints": [endpoint]}))
    run(tmp_path, "build", str(train), "--config", str(config), "--json")
    told = json.loads(capsys.readouterr().out)

    assert (told["endpoint"], told["name"], sorted(told["columns"])) == (
        "churn",
        "autumn",
        ["in.age", "out.prediction"],
    )


def test_the_list_says_which_is_in_force(tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("spring", "summer"):
        run(tmp_path, "build", str(train), "--endpoint", "churn", "--name", name)
    capsys.readouterr()
    run(tmp_path, "show", "--json")
    told = json.loads(capsys.readouterr().out)

    assert [(one["name"], one["in_force"]) for one in told] == [("summer", True), ("spring", False)]


def test_the_columns_of_the_one_in_force_are_shown(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "build", str(train), "--endpoint", "churn")
    capsys.readouterr()
    run(tmp_path, "show")
    lines = capsys.readouterr().out.splitlines()

    assert lines[1].split()[:5] == ["churn", "default", "1", "in", "force"]
    assert [line.split() for line in lines[4:6]] == [
        ["in.age", "integer", "50", "0%"],
        ["in.plan", "category", "50", "0%"],
    ]


@pytest.mark.parametrize(
    "arguments", [["show"], ["set", "spring"], ["build", "nowhere.csv", "--endpoint", "churn"], ["build", "train.xyz"]]
)
def test_what_is_not_there_does_not_pass(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *arguments) == 2
    assert capsys.readouterr().err


NOTHING: Mapping[str, object] = {}


def kept_rows(data_dir: Path, role: str = "primary", more: Mapping[str, object] = NOTHING) -> int:
    """One for each of the last 20 s, up to the time that is given."""
    now_ns = time.time_ns()
    with Store(data_dir, StoreSettings()) as store:
        columns = {
            "request_id": [f"r{number}" for number in range(20)],
            "row": [0] * 20,
            "variant": "blue",
            "role": role,
            "started": [now_ns - number * 10**9 for number in range(20)],
            "in.age": [20.0 + number for number in range(20)],
            "out.score": [0.5] * 20,
            **more,
        }
        store.tables.add(TableName.ROWS, "churn", columns, 0)
        store.commit()
    return now_ns


def test_rows_of_late_become_the_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept_rows(tmp_path)
    status = run(tmp_path, "build", "--last", "1h", "--endpoint", "churn")

    assert (status, in_force(tmp_path)) == (0, ("default", 1))
    assert capsys.readouterr().out.startswith("churn: baseline default, version 1, of 20 rows: in force\n")


def test_rows_of_a_past_stretch_become_the_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    until = datetime.fromtimestamp(kept_rows(tmp_path) / 1e9 - 9.5, UTC).isoformat()
    status = run(tmp_path, "build", "--last", "1h", "--until", until, "--endpoint", "churn")
    with State(tmp_path, Access.READ) as state:
        (kept,) = state.baselines.list("churn")

    assert status == 0
    assert ", of 10 rows: in force\n" in capsys.readouterr().out
    assert kept.source == f"the rows of 1h until {until[:19].replace('T', ' ')} UTC"


@pytest.mark.parametrize("until", ["yesterday", "2026-11-16T00:00"])
def test_the_end_of_a_past_stretch_has_a_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str], until: str) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "build", "--last", "1h", "--until", until)

    assert f"got '{until}', expected a time with its zone, like 2026-11-20T06:00Z" in capsys.readouterr().err


def test_the_end_of_a_past_stretch_is_of_one(tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "build", str(train), "--until", "2026-11-16T00:00Z") == 2
    assert capsys.readouterr().err == "--until: expected --last DURATION with it\n"


def columns_in_force(data_dir: Path) -> set[str]:
    with State(data_dir, Access.READ) as state:
        active = state.baselines.active("churn")
    return set(Baseline.from_bytes(active.profile).kinds) if active else set()


def test_a_header_that_tells_a_segment_is_no_column_of_a_baseline(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_rows(tmp_path, more={"in.header:x-tenant": ["acme"] * 20})
    seen(tmp_path, in_age="number", out_score="number", **{"in_header:x-tenant": "category"})
    status = run(tmp_path, "build", "--last", "1h")

    assert (status, columns_in_force(tmp_path)) == (0, {"in.age", "out.score"})
    assert run(tmp_path, "set", "default") == 0


def test_a_column_that_went_away_is_no_reason_to_refuse_rows_of_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_rows(tmp_path)
    seen(tmp_path, in_age="number", in_years="number", out_score="number")
    status = run(tmp_path, "build", "--last", "1h")

    assert (status, columns_in_force(tmp_path)) == (0, {"in.age", "out.score"})


def test_a_column_that_only_earlier_rows_have_is_not_in_a_baseline_of_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_rows(tmp_path, more={"in.years": [None] * 19 + [5.0]})
    run(tmp_path, "build", "--last", "15s", "--endpoint", "churn")

    assert columns_in_force(tmp_path) == {"in.age", "out.score"}


@pytest.mark.parametrize(
    ("cells", "kind", "types"),
    [
        ([0.5, "n/a", 7], "number", {"number": 10, "str": 5, "null": 5}),
        ([*[0.5] * 7, "n/a", nan], "number", {"number": 14, "str": 2, "nan": 2, "null": 2}),
        ([*[0.5] * 7, "n/a", -inf], "number", {"number": 14, "str": 2, "infinity": 2, "null": 2}),
        (["nan", 1, "x"], "category", {"category": 15, "null": 5}),
        (['["a"]', [], '["b"]'], "category", {"category": 10, "list": 5, "null": 5}),
        (["7", "x", "0.5"], "category", {"category": 15, "null": 5}),
    ],
)
def test_cells_of_several_types_are_in_a_baseline_of_late_as_they_were_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cells: list[object], kind: str, types: dict[str, int]
) -> None:
    kept_rows(tmp_path, more={"in.age": [*cells, None] * (20 // (len(cells) + 1))})
    seen(tmp_path, in_age=kind, out_score="number")
    run(tmp_path, "build", "--last", "1h")
    with State(tmp_path, Access.READ) as state:
        active = state.baselines.active("churn")

    assert active is not None
    assert Baseline.from_bytes(active.profile).profiles.columns["in.age"].types == types


def test_a_shadows_rows_are_no_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept_rows(tmp_path, "shadow")

    assert run(tmp_path, "build", "--last", "1h", "--endpoint", "churn") == 2
    assert "the rows of the last 1h: no rows" in capsys.readouterr().err


def test_a_baseline_is_of_a_file_or_of_late(tmp_path: Path, train: Path) -> None:
    assert run(tmp_path, "build", "--endpoint", "churn") == 2
    assert run(tmp_path, "build", str(train), "--last", "1h", "--endpoint", "churn") == 2


def configured(tmp_path: Path, **drift: list[str]) -> Path:
    """A sidecar's file, whose state is in a folder of its own."""
    endpoint = {"name": "churn", "variants": [{"name": "blue", "url": "http://127.0.0.1:8000"}], "drift": drift}
    file = tmp_path / "watchtower.json"
    file.write_text(json.dumps({"data_dir": str(tmp_path / "state"), "endpoints": [endpoint]}))
    return file


def test_the_configuration_says_where_the_sidecars_state_is(
    tmp_path: Path, train: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status = main(["baseline", "build", str(train), "--config", str(configured(tmp_path))])

    assert (status, in_force(tmp_path / "state")) == (0, ("default", 1))
    assert not (tmp_path / ".watchtower").exists()


def test_no_folder_is_made_that_nobody_named(
    tmp_path: Path, train: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["baseline", "build", str(train), "--endpoint", "churn"]) == 2
    assert not (tmp_path / ".watchtower").exists()


def test_what_the_configuration_ignores_refuses_no_older_one(
    tmp_path: Path, train: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    run(state, "build", str(train), "--endpoint", "churn")
    seen(state, in_age="integer", in_prediction="integer", in_note="text")
    without = main(["baseline", "set", "default", "--data-dir", str(state)])
    file = configured(tmp_path, ignore=["in.plan", "in.note"])

    assert (without, main(["baseline", "set", "default", "--config", str(file)])) == (2, 0)


def test_a_version_that_no_baseline_can_have_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "set", "default", "--version", "99999999999999999999")

    assert "expected a whole number from 1 up" in capsys.readouterr().err

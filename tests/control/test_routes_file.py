import math
from pathlib import Path

import pytest

from watchtower.control.routes_file import (
    Override,
    Overrides,
    OverridesReader,
    WeightsError,
    changed_weights,
    effective_weights,
    with_weights,
    write_overrides,
)

CONFIGURED = {"blue": 95.0, "green": 5.0}
CHANGED = {"blue": 50.0, "green": 50.0}
OVERRIDES = with_weights(Overrides(), "churn", CONFIGURED, CHANGED)


def test_without_an_override_the_configuration_counts() -> None:
    assert effective_weights(CONFIGURED, None) == CONFIGURED


def test_an_override_counts_while_the_configuration_is_what_it_was() -> None:
    assert effective_weights(CONFIGURED, OVERRIDES.endpoints["churn"]) == CHANGED


@pytest.mark.parametrize("configured", [{"blue": 90.0, "green": 10.0}, {"blue": 95.0}, {**CONFIGURED, "red": 1.0}])
def test_a_changed_configuration_wins_over_an_override(configured: dict[str, float]) -> None:
    assert effective_weights(configured, OVERRIDES.endpoints["churn"]) == configured


def test_variants_that_are_not_named_keep_their_weight() -> None:
    assert changed_weights(CONFIGURED, {"green": 0}) == {"blue": 95.0, "green": 0.0}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"red": 1.0}, "no variant red; there are blue, green"),
        ({"blue": -1.0}, "a weight is a finite number, 0 or more"),
        ({"blue": math.nan}, "a weight is a finite number, 0 or more"),
        ({"blue": math.inf}, "a weight is a finite number, 0 or more"),
        ({"blue": 0.0, "green": 0.0}, "the weights of all variants together must be more than 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(asked: dict[str, float], why: str) -> None:
    with pytest.raises(WeightsError) as refused:
        changed_weights(CONFIGURED, asked)

    assert str(refused.value) == why


def test_other_endpoints_keep_their_override() -> None:
    both = with_weights(OVERRIDES, "fraud", {"a": 1.0}, {"a": 2.0})

    assert both.endpoints == {
        "churn": Override(weights=CHANGED, over=CONFIGURED),
        "fraud": Override(weights={"a": 2.0}, over={"a": 1.0}),
    }


def test_what_is_written_is_read_by_a_new_reader(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_overrides(path, OVERRIDES)
    reader = OverridesReader(path)

    assert reader.look()
    assert reader.current == OVERRIDES
    assert [entry.name for entry in tmp_path.iterdir()] == ["routes.json"]


def test_a_look_at_the_same_file_finds_nothing_new(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_overrides(path, OVERRIDES)
    reader = OverridesReader(path)
    reader.look()

    assert not reader.look()


def test_a_replaced_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    write_overrides(path, OVERRIDES)
    reader = OverridesReader(path)
    reader.look()

    write_overrides(path, with_weights(OVERRIDES, "churn", CONFIGURED, {"blue": 1.0, "green": 2.0}))

    assert reader.look()
    assert reader.current.endpoints["churn"].weights == {"blue": 1.0, "green": 2.0}


def test_a_file_that_was_never_there_is_nothing_to_speak_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reader = OverridesReader(tmp_path / "routes.json")

    assert not reader.look()
    assert caplog.records == []


def test_a_file_that_vanished_leaves_what_it_said_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "routes.json"
    write_overrides(path, OVERRIDES)
    reader = OverridesReader(path)
    reader.look()

    path.unlink()
    looks = [reader.look(), reader.look()]

    assert looks == [False, False]
    assert reader.current == OVERRIDES
    assert [vars(record)["error"] for record in caplog.records] == ["gone"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 2}', b'{"endpoints": {"a": {"weights": {"b": -1}, "over": {}}}}']
)
def test_a_broken_file_leaves_what_the_last_one_said_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "routes.json"
    write_overrides(path, OVERRIDES)
    reader = OverridesReader(path)
    reader.look()

    path.write_bytes(content)
    looks = [reader.look(), reader.look()]

    assert looks == [False, False]
    assert reader.current == OVERRIDES
    assert [record.message for record in caplog.records] == [
        "the changed weights cannot be read, they stay as they were"
    ]

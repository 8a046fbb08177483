from collections.abc import Iterator
from pathlib import Path

import pytest

from watchtower.store.baselines import Baselines, StoredBaseline
from watchtower.store.state import State


@pytest.fixture
def baselines(tmp_path: Path) -> Iterator[Baselines]:
    with State(tmp_path) as state:
        yield state.baselines


def test_one_that_is_added_is_in_force(baselines: Baselines) -> None:
    version = baselines.add("churn", "train", "train.parquet", b"profile", now_ns=7)

    assert version == 1
    assert baselines.active("churn") == StoredBaseline("churn", "train", 1, 7, "train.parquet", True, b"profile")


def test_one_can_be_kept_without_being_put_in_force(baselines: Baselines) -> None:
    baselines.add("churn", "train", "a", b"1", now_ns=7, activate=False)

    assert baselines.active("churn") is None


def test_the_same_name_again_is_its_next_version(baselines: Baselines) -> None:
    found = [baselines.add("churn", "train", "a", b"1", now_ns=7) for _ in range(3)]

    assert found == [1, 2, 3]


def test_each_endpoint_has_its_own(baselines: Baselines) -> None:
    baselines.add("churn", "train", "a", b"1", now_ns=7)
    baselines.add("fraud", "train", "b", b"2", now_ns=8)

    assert [(each.endpoint, each.profile) for each in map(baselines.active, ("churn", "fraud")) if each] == [
        ("churn", b"1"),
        ("fraud", b"2"),
    ]


def test_another_version_is_put_in_force_and_the_one_before_rests(baselines: Baselines) -> None:
    for profile in (b"1", b"2"):
        baselines.add("churn", "train", "a", profile, now_ns=7)
    done = baselines.activate("churn", "train", 1)
    active = baselines.active("churn")

    assert (done, active and active.profile) == (True, b"1")
    assert [(each.version, each.is_active) for each in baselines.list()] == [(2, False), (1, True)]


def test_one_that_there_is_not_changes_nothing(baselines: Baselines) -> None:
    baselines.add("churn", "train", "a", b"1", now_ns=7)
    done = baselines.activate("churn", "live")
    active = baselines.active("churn")

    assert (done, active and active.name) == (False, "train")


def test_without_a_version_the_latest_is_meant(baselines: Baselines) -> None:
    for profile in (b"1", b"2"):
        baselines.add("churn", "train", "a", profile, now_ns=7)
    found = [baselines.get("churn", "train"), baselines.get("churn", "train", 1), baselines.get("churn", "live")]

    assert [each and each.profile for each in found] == [b"2", b"1", None]


def test_a_list_leaves_the_profiles_out(baselines: Baselines) -> None:
    baselines.add("churn", "train", "a", b"1", now_ns=7)

    assert [each.profile for each in baselines.list("churn")] == [b""]
    assert baselines.list("fraud") == []

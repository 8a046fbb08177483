"""Weights that are changed while traffic flows."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar import running_sidecar, until
from stage import Stage, stage

pytestmark = pytest.mark.slow


def test_changed_weights_reach_every_worker_within_a_second(tmp_path: Path) -> None:
    with stage(tmp_path) as on, running_sidecar(tmp_path / "two", two_variants(on, workers=2)) as sidecar:
        with on.load(8, sidecar) as clients:
            clients.wait_for(100)
            sidecar.put_weights("model", {"blue": 0, "green": 1})
            changed = time.monotonic()
            assert until(lambda: time.monotonic() - on.model.last_asked > 0.5)
            clients.stop()

        assert on.model.last_asked - changed < 1.0


def test_changing_weights_under_load_loses_no_request(tmp_path: Path) -> None:
    with stage(tmp_path) as on, running_sidecar(tmp_path / "two", two_variants(on, workers=2)) as sidecar:
        with on.load(8, sidecar) as clients:
            for share in (0.0, 0.5, 1.0, 0.25):
                sidecar.put_weights("model", {"blue": share, "green": 1.0 - share})
                clients.wait_for(150)
            clients.stop()

        assert set(clients.seen) == {200}
        assert sidecar.differences(clients.total) == []


def test_changed_weights_survive_a_restart(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        with running_sidecar(tmp_path / "two", two_variants(on)) as first:
            first.put_weights("model", {"blue": 0, "green": 1})
        with running_sidecar(tmp_path / "two", two_variants(on)) as second, on.load(sidecar=second) as clients:
            clients.wait_for(20)
            clients.stop()

        assert set(clients.answered_by) == {"green"}


def test_changed_weights_reach_a_worker_that_replaces_another(tmp_path: Path) -> None:
    with stage(tmp_path) as on, running_sidecar(tmp_path / "two", two_variants(on)) as sidecar:
        sidecar.put_weights("model", {"blue": 0, "green": 1})
        sidecar.reload()
        with on.load(sidecar=sidecar) as clients:
            clients.wait_for(20)
            clients.stop()

        assert set(clients.answered_by) == {"green"}


def two_variants(on: Stage, **config: Any) -> Mapping[str, Any]:
    variants = [
        {"name": "blue", "url": on.model.url, "weight": 1},
        {"name": "green", "url": on.shadow.url, "weight": 0},
    ]
    return {"endpoints": [{"name": "model", "variants": variants}], **config}

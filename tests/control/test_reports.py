from dataclasses import replace
from pathlib import Path

import pytest
from admin_client import parts_in, serving

from watchtower.control.admin import AdminParts
from watchtower.control.analyst_keeper import AnalystState, AnalystStatus
from watchtower.reports.folder import Occasion, path_of
from watchtower.reports.settings import ReportSettings

REPORTS = "/api/v1/endpoints/churn/reports"
NOON = 1_800_000_000.0
NAME = "20270115T080000Z-alarm.html"


def drawn(directory: Path) -> AdminParts:
    path = path_of(directory, "churn", NOON, Occasion.ALARM)
    path.parent.mkdir(parents=True)
    path.write_text("<html><script>draw()</script></html>")
    analyst = AnalystStatus(AnalystState.RUNNING, 0, 5)
    return replace(parts_in(directory), analyst=lambda: analyst, reports=lambda: ReportSettings(every=3600.0))


async def test_pages_are_listed(tmp_path: Path) -> None:
    async with serving(drawn(tmp_path)) as client:
        status, _, body = await client.ask("GET", REPORTS)

    assert (status, body["reports"], body["every"]) == (
        200,
        [{"name": NAME, "at": NOON, "occasion": "alarm", "size": 36}],
        3600.0,
    )


async def test_a_folder_that_cannot_be_listed_is_one_without_pages(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "churn").symlink_to("churn")

    async with serving(parts_in(tmp_path)) as client:
        status, _, body = await client.ask("GET", REPORTS)
        missing, _, _ = await client.ask("GET", f"{REPORTS}/{NAME}")

    assert (status, body["reports"], missing) == (200, [], 404)


async def test_without_an_analyst_the_list_says_that_none_will_be_drawn(tmp_path: Path) -> None:
    async with serving(parts_in(tmp_path)) as client:
        _, _, body = await client.ask("GET", REPORTS)

    assert body["waiting_for"] == "the analyst is left off (`analyst: false`)"


async def test_a_page_is_served_into_a_sandbox(tmp_path: Path) -> None:
    async with serving(drawn(tmp_path)) as client:
        headers = await client.headers("GET", f"{REPORTS}/{NAME}")
        status, kind, text = await client.ask("GET", f"{REPORTS}/{NAME}")

    assert (status, kind, text) == (200, "text/html", "<html><script>draw()</script></html>")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("name", ["other.html", "%2e%2e%2f%2e%2e%2fstate.db", "20270115T080001Z-alarm.html"])
async def test_nothing_else_is_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "state.db").write_text("hush")

    async with serving(drawn(tmp_path)) as client:
        status, _, _ = await client.ask("GET", f"{REPORTS}/{name}")

    assert status == 404

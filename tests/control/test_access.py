import pytest

from watchtower.control.access import refusal
from watchtower.units import Secret

TOKEN = Secret("open-sesame-ü")


def status(
    method: str, path: str, host: str = "localhost", authorization: str = "", token: Secret | None = None
) -> int:
    found = refusal(method, path, host, authorization, token)
    return found.status if found else 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_told_without_a_token(path: str) -> None:
    assert status("GET", path, token=TOKEN) == 200


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/status", "/openapi.json", "/nothing"])
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic open-sesame-ü", "open-sesame-ü", "Bearer \udcff", "Bearer open-sesame-ü!"],
)
def test_everything_else_needs_the_token(path: str, authorization: str) -> None:
    assert status("GET", path, authorization=authorization, token=TOKEN) == 401


@pytest.mark.parametrize("authorization", ["Bearer open-sesame-ü", "bearer  open-sesame-ü "])
def test_the_token_opens(authorization: str) -> None:
    assert status("PUT", "/api/v1/endpoints/churn/weights", "any.example", authorization, TOKEN) == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9900", "127.0.0.1:9900", "127.9.9.9", "[::1]:9900", "[::1]"])
def test_without_a_token_changes_are_taken_from_loopback_names(host: str) -> None:
    assert status("PUT", "/api/v1/endpoints/churn/weights", host) == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example:9900", "localhost.evil.example", "10.0.0.1", "[::2]", "127.0.0.1.evil.example"]
)
def test_without_a_token_changes_under_another_name_are_refused(host: str) -> None:
    assert status("PUT", "/api/v1/endpoints/churn/weights", host) == 403


def test_without_a_token_reading_is_free() -> None:
    assert status("GET", "/metrics", "sidecar.example") == 200


def test_the_token_is_not_told_in_a_refusal() -> None:
    assert "sesame" not in str(refusal("GET", "/metrics", "", "", TOKEN))

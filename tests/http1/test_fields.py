import pytest

from watchtower.http1.fields import add_noted, cookie, has_token, may_trail


def test_repeated_fields_become_a_list() -> None:
    noted = {b"x": b"1"}
    add_noted(noted, b"x", b"2")

    assert noted == {b"x": b"1, 2"}


def test_repeated_cookies_have_a_separator_of_their_own() -> None:
    noted = {b"cookie": b"a=1"}
    add_noted(noted, b"cookie", b"b=2")

    assert noted == {b"cookie": b"a=1; b=2"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"a=1", b"1"),
        (b"b=2; a=1", b"1"),
        (b"b=2;a=1", b"1"),
        (b"a=1; a=2", b"1"),
        (b"a=x=y", b"x=y"),
        (b"a=", b""),
        (b"a", None),
        (b"aa=1", None),
        (b"A=1", None),
        (b"", None),
    ],
)
def test_a_cookie_is_found_by_its_whole_name(header: bytes, value: bytes | None) -> None:
    assert cookie(header, b"a") == value


@pytest.mark.parametrize(
    ("value", "is_there"),
    [(b"upgrade", True), (b"keep-alive, Upgrade", True), (b"x-upgrade", False), (b"upgrade-x", False), (b"", False)],
)
def test_a_token_is_found_whole_and_without_case(value: bytes, is_there: bool) -> None:
    assert has_token(value, b"upgrade") is is_there


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"host", b"connection", b"content-type"])
def test_what_frames_routes_or_describes_may_not_trail(name: bytes) -> None:
    assert not may_trail(name)


def test_a_checksum_may_trail() -> None:
    assert may_trail(b"x-checksum")

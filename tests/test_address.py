import pytest

from watchtower.address import Address, is_loopback, is_wildcard, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:80", Address("::1", 80)),
        ("localhost:0", Address("localhost", 0)),
        ("model-1.example.com:65535", Address("model-1.example.com", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert address == parse_address(text)


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:80", "localhost:0"])
def test_an_address_prints_as_it_is_written(text: str) -> None:
    assert text == str(parse_address(text))


@pytest.mark.parametrize(
    "text", ["", ":80", "a", "a:", "a:b", "::1:80", "[::g]:80", "256.1.1.1:80", "a b:80", "-a:80", "a..b:80"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an address, like"):
        parse_address(text)


@pytest.mark.parametrize("text", ["a:65536", "127.0.0.1:700000", "[::1]:99999"])
def test_a_port_that_is_too_large_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="a port up to 65535"):
        parse_address(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("LocalHost", True), ("0.0.0.0", False), ("me", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert expected is is_loopback(host)


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("me", False)])
def test_a_wildcard_listens_everywhere(host: str, expected: bool) -> None:
    assert expected is is_wildcard(host)

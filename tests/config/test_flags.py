from pathlib import Path

import pytest

from watchtower.config.flags import Flags
from watchtower.config.load import from_flags, load
from watchtower.errors import ConfigError

FILE = """
listen: {address: 127.0.0.1:1, tls: }
admin: {listen: 127.0.0.1:2, probe: /ready}
workers: 2
endpoints: [{name: churn, variants: [{name: blue, url: http://127.0.0.1:8000}]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "watchtower.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_an_upstream_is_the_only_variant_of_the_only_endpoint() -> None:
    (endpoint,) = from_flags("http://127.0.0.1:8000").endpoints

    assert (
        endpoint.name,
        endpoint.variants[0].name,
        endpoint.variants[0].url,
    ) == ("default", "primary", "http://127.0.0.1:8000")


def test_shadows_are_given_by_name_and_url() -> None:
    shadows = from_flags("http://127.0.0.1:8000", ["v2=http://127.0.0.1:8001", "v3=unix:/run/a=b"]).endpoints[0].shadows

    assert [(one.name, one.url) for one in shadows] == [("v2", "http://127.0.0.1:8001"), ("v3", "unix:/run/a=b")]


def test_what_is_not_given_has_the_default_of_a_file() -> None:
    config = from_flags("http://127.0.0.1:8000")

    assert (
        config.listen.address,
        config.admin.listen,
        config.data_dir,
        config.workers,
    ) == ("127.0.0.1:8080", "127.0.0.1:9900", ".watchtower", 1)


def test_a_flag_takes_the_place_of_a_key(file: Path) -> None:
    config = load(file, {}, Flags(listen="127.0.0.1:3", admin="127.0.0.1:4", data_dir="here", workers=5))

    assert (
        config.listen.address,
        config.admin.listen,
        config.data_dir,
        config.workers,
    ) == ("127.0.0.1:3", "127.0.0.1:4", "here", 5)


def test_a_flag_leaves_the_keys_beside_it(file: Path) -> None:
    assert load(file, {}, Flags(admin="127.0.0.1:4")).admin.probe == "/ready"


def test_an_upstream_takes_the_place_of_the_endpoints(file: Path) -> None:
    config = load(file, {}, Flags(upstream="http://127.0.0.1:8005"))

    assert [endpoint.name for endpoint in config.endpoints] == ["default"]


def test_mistakes_in_flags_name_the_flag() -> None:
    with pytest.raises(ConfigError) as caught:
        from_flags("localhost:8000", ["v2", "primary=http://127.0.0.1:8001"], "8080", "0.0.0.0:9900", "", "none")

    assert caught.value.mistakes == [
        "--admin: got '0.0.0.0:9900', expected a loopback address, or an admin.token to keep strangers out",
        "--data-dir: got '', expected a folder",
        "--listen: got '8080', expected an address, like 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:0",
        "--shadow: expected NAME=URL, like v2=http://127.0.0.1:8001",
        "--shadow: got 'primary', expected a name of its own, --upstream has this one",
        "--upstream: got 'localhost:8000', but a URL begins with http://, https:// or unix:",
        "--workers: got 'none', expected a whole number",
    ]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (Flags(workers="100000"), "--workers: got '100000', expected at most 1024"),
        (Flags(listen="127.0.0.1:70000"), "--listen: got '127.0.0.1:70000', expected a port up to 65535"),
        (
            Flags(shadows=["a=http://127.0.0.1:8001", "a=http://127.0.0.1:8002"]),
            "--shadow: got 'a', expected a name of its own, another --shadow has this one",
        ),
    ],
)
def test_a_mistake_in_a_flag_speaks_of_flags_alone(flags: Flags, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_flags("http://127.0.0.1:8000", flags.shadows, flags.listen, workers=flags.workers)

    assert caught.value.mistakes == [expected]


def test_a_shadow_needs_an_upstream(file: Path) -> None:
    with pytest.raises(ConfigError, match="--shadow: expected an --upstream beside it"):
        load(file, {}, Flags(shadows=["v2=http://127.0.0.1:8001"]))

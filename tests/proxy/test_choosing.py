"""Which endpoint takes a request and which variant answers: decisions, without a socket."""

import math
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.proxy.route import Router, choose_by_key, choose_by_share, key_of, unit_hash
from watchtower.proxy.settings import KeySettings, MatchSettings

KEYS = [b"user-%d" % number for number in range(3000)]


@dataclass(frozen=True)
class Endpoint:
    name: str
    match: MatchSettings


@dataclass(frozen=True)
class Variant:
    name: str
    weight: float


def taker(host: str, path: str, *rules: tuple[str, str]) -> str | None:
    """The rule, as `host path`, that takes a request."""
    router = Router(Endpoint(f"{name} {root}", MatchSettings(host=name, path=root)) for name, root in rules)
    found = router.find(host.encode(), path.encode())
    return found.name if found is not None else None


@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("/v1", True),
        ("/v1/", True),
        ("/v1/models", True),
        ("/v1?a=b", True),
        ("/v10", False),
        ("/v1x", False),
        ("/", False),
        ("/V1", False),
        ("/a/v1", False),
    ],
)
def test_a_path_takes_whole_segments(path: str, is_taken: bool) -> None:
    assert (taker("a", path, ("*", "/v1")) is not None) is is_taken


def test_a_slash_at_a_paths_end_changes_nothing() -> None:
    assert taker("a", "/v1", ("*", "/v1/")) == "* /v1/"


def test_the_root_takes_everything() -> None:
    assert [taker("a", path, ("*", "/")) for path in ("/", "/x", "*", "/?q")] == ["* /"] * 4


@pytest.mark.parametrize(
    ("host", "pattern", "is_taken"),
    [
        ("api.example.com", "api.example.com", True),
        ("API.Example.COM", "api.example.com", True),
        ("api.example.com:8080", "api.example.com", True),
        ("api.example.com", "API.example.com", True),
        ("x.example.com", "api.example.com", False),
        ("api.example.com.evil.com", "api.example.com", False),
        ("a.example.com", "*.example.com", True),
        ("a.b.example.com:1", "*.example.com", True),
        ("example.com", "*.example.com", False),
        ("aexample.com", "*.example.com", False),
        ("[::1]:8080", "[::1]", True),
        ("[::1]", "[::1]", True),
        ("", "*", True),
        ("", "api.example.com", False),
    ],
)
def test_a_host_is_matched_without_case_and_port(host: str, pattern: str, is_taken: bool) -> None:
    assert (taker(host, "/", (pattern, "/")) is not None) is is_taken


def test_the_first_that_matches_wins() -> None:
    assert taker("a", "/v1/x", ("*", "/v1"), ("*", "/v1/x"), ("*", "/")) == "* /v1"


def test_without_a_match_there_is_none() -> None:
    assert taker("b", "/", ("a", "/"), ("*", "/v1")) is None


# By share.


@pytest.mark.parametrize(("point", "name"), [(0.0, "a"), (0.249, "a"), (0.25, "b"), (0.999999, "b")])
def test_each_variant_takes_its_part_of_the_line(point: float, name: str) -> None:
    assert choose_by_share([Variant("a", 1), Variant("b", 3)], point).name == name


@pytest.mark.parametrize("point", [0.0, 0.5, 0.9999999999999999])
def test_a_variant_without_weight_is_never_chosen(point: float) -> None:
    assert choose_by_share([Variant("a", 0), Variant("b", 1), Variant("c", 0)], point).name == "b"


def test_without_any_weight_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="weight"):
        choose_by_share([Variant("a", 0)], 0.5)


# By key.


def chosen(*weights: float) -> list[str]:
    variants = [Variant(name, weight) for name, weight in zip("abc", weights, strict=False)]
    return [choose_by_key(variants, key).name for key in KEYS]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (95.0, 5.0), (1.0, 2.0, 3.0)])
def test_keys_are_shared_out_by_weight(weights: tuple[float, ...]) -> None:
    counts = Counter(chosen(*weights))

    for name, weight in zip("abc", weights, strict=False):
        share = weight / sum(weights)
        assert abs(counts[name] / len(KEYS) - share) < 4 * math.sqrt(share * (1 - share) / len(KEYS))


def test_a_key_meets_the_same_variant_in_whatever_order_they_stand() -> None:
    one, other = Variant("a", 1), Variant("b", 2)

    assert all(choose_by_key([one, other], key) is choose_by_key([other, one], key) for key in KEYS)


def test_a_key_meets_the_same_variant_in_every_process() -> None:
    assert "".join(chosen(1, 1, 2)[:24]) == "bbcaacaabbbaccbcccbccabc"


def test_a_larger_weight_moves_keys_only_to_its_variant() -> None:
    moves = {(before, after) for before, after in zip(chosen(1, 1, 1), chosen(1, 1, 2), strict=True) if before != after}

    assert moves == {("a", "c"), ("b", "c")}


def test_a_larger_weight_moves_no_more_keys_than_it_must() -> None:
    moved = sum(before != after for before, after in zip(chosen(95, 5), chosen(90, 10), strict=True))

    assert abs(moved / len(KEYS) - 0.05) < 0.015


def test_the_same_weights_at_another_scale_move_nothing() -> None:
    assert chosen(1, 3) == chosen(10, 30)


def test_a_variant_that_comes_to_nothing_gives_its_keys_to_the_others_alone() -> None:
    pairs = list(zip(chosen(1, 1, 1), chosen(1, 1, 0), strict=True))

    assert all(before == after for before, after in pairs if before != "c")
    assert {after for before, after in pairs if before == "c"} == {"a", "b"}


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_a_hash_lies_strictly_between_its_bounds(key: bytes, salt: bytes) -> None:
    assert 0 < unit_hash(key, salt) < 1


# Where the key is.


@pytest.mark.parametrize(
    ("settings", "noted", "key"),
    [
        (KeySettings(header="X-User"), {b"x-user": b"42"}, b"42"),
        (KeySettings(header="X-User"), {}, None),
        (KeySettings(cookie="u"), {b"cookie": b"a=1; u=42; b=2"}, b"42"),
        (KeySettings(cookie="u"), {b"cookie": b"xu=1"}, None),
        (KeySettings(cookie="u"), {b"cookie": b"u=1; u=2"}, b"1"),
        (KeySettings(cookie="u"), {}, None),
    ],
)
def test_a_key_is_a_headers_value_or_a_cookies(
    settings: KeySettings, noted: dict[bytes, bytes], key: bytes | None
) -> None:
    assert key_of(settings, noted) == key

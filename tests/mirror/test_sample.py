"""Who is in a shadow's sample: by chance, or by a key that is always in or always out."""

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.mirror.sample import IsSampled, sampler
from watchtower.mirror.settings import SampleBySettings
from watchtower.record import KeptRequest

Chance = Callable[[], float]
COUNT = 4_000


def kept(request_id: bytes, noted: dict[bytes, bytes] | None = None) -> KeptRequest:
    values: dict[str, object] = {}
    blanks: dict[object, object] = {bytes: b"", int: 0, bool: False}
    for field in msgspec.structs.fields(KeptRequest):
        values[field.name] = blanks.get(field.type, [])
    return KeptRequest(**{**values, "request_id": request_id, "noted": noted or {}})  # type: ignore[arg-type]


def sample(share: float, by: str | SampleBySettings, salt: str, chance: Chance = random.random) -> IsSampled:
    """The shadow's test; a shadow that sees everything has none."""
    return sampler(share, by, salt, chance) or (lambda _: True)


def ids(count: int) -> list[KeptRequest]:
    return [kept(b"%d" % number) for number in range(count)]


def test_all_are_in_a_whole_sample_and_none_in_an_empty_one() -> None:
    whole, empty = sample(1.0, "random", "e/s"), sample(0.0, "random", "e/s")

    assert (all(map(whole, ids(9))), any(map(empty, ids(9)))) == (True, False)


def test_chance_decides_by_the_share() -> None:
    is_in = sample(0.25, "random", "e/s", chance=iter([0.1, 0.3, 0.249, 0.25]).__next__)

    assert [is_in(each) for each in ids(4)] == [True, False, True, False]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_share_of_ids_is_in(share: float) -> None:
    found = sum(map(sample(share, "request_id", "e/s"), ids(COUNT)))

    assert abs(found / COUNT - share) < 4 * (share * (1 - share) / COUNT) ** 0.5


@given(st.binary(max_size=40), st.floats(0, 1))
def test_the_same_id_is_always_in_or_always_out(request_id: bytes, share: float) -> None:
    first, second = sample(share, "request_id", "e/s"), sample(share, "request_id", "e/s")

    assert first(kept(request_id)) == second(kept(request_id))


@settings(max_examples=50)
@given(st.binary(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_a_small_sample_is_in_every_larger_one(request_id: bytes, one: float, other: float) -> None:
    small, large = sorted((one, other))
    request = kept(request_id)

    assert sample(large, "request_id", "e/s")(request) or not sample(small, "request_id", "e/s")(request)


def test_it_does_not_depend_on_the_process() -> None:
    is_in = sample(0.5, "request_id", "churn/dark")

    assert [is_in(each) for each in ids(16)] == EXPECTED


EXPECTED = [bool(int(digit)) for digit in "0110001101010111"]


def test_two_shadows_samples_are_independent() -> None:
    one, other = sample(0.5, "request_id", "e/one"), sample(0.5, "request_id", "e/other")
    both = sum(one(each) and other(each) for each in ids(COUNT))

    assert abs(both / COUNT - 0.25) < 0.03


def test_a_header_decides_whatever_the_id() -> None:
    is_in = sample(0.5, SampleBySettings(header="X-User"), "e/s")
    answers = {is_in(kept(b"%d" % number, {b"x-user": b"42"})) for number in range(50)}

    assert len(answers) == 1


def test_a_cookie_decides_whatever_else_the_cookies_are() -> None:
    is_in = sample(0.5, SampleBySettings(cookie="user"), "e/s")
    answers = {is_in(kept(b"1", {b"cookie": b"a=%d; user=42; b=1" % number})) for number in range(50)}

    assert len(answers) == 1


def test_without_the_header_the_id_decides() -> None:
    by_header, by_id = sample(0.5, SampleBySettings(header="x-user"), "e/s"), sample(0.5, "request_id", "e/s")

    assert [by_header(each) for each in ids(50)] == [by_id(each) for each in ids(50)]

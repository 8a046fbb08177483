import pytest

from watchtower.proxy.identity import is_usable, make_request_id


@pytest.mark.parametrize("taken", [b"a", b"A-Z_0.9~:/+=@", b"a" * 128])
def test_an_id_that_can_be_a_label_is_taken(taken: bytes) -> None:
    assert is_usable(taken)


@pytest.mark.parametrize("refused", [b"", b"a b", b"a" * 129, b"a\n", b"\xc3\xa4", b"a;b", b'"'])
def test_an_id_that_cannot_be_a_label_is_not_taken(refused: bytes) -> None:
    assert not is_usable(refused)


def test_a_new_id_has_the_time_the_version_and_the_variant_in_their_places() -> None:
    made = make_request_id(0x0123456789AB * 1_000_000, lambda bits: (1 << bits) - 1)

    assert made == b"01234567-89ab-7fff-bfff-ffffffffffff"


def test_a_new_id_without_any_chance_is_one_still() -> None:
    assert make_request_id(0, lambda _: 0) == b"00000000-0000-7000-8000-000000000000"

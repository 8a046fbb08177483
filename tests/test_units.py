import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.units import (
    Secret,
    format_duration,
    format_size,
    parse_duration,
    parse_frequency,
    parse_ratio,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250us", 0.00025),
        ("250ms", 0.25),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("1h30m", 5400.0),
        ("1h 30min", 5400.0),
        ("7d", 604800.0),
        ("2w", 1209600.0),
        (" 3 s ", 3.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "s", "soon", "1h30", "-1s", "1e3s", "٣s", "1H", "9" * 400 + "s", "1s,"])
def test_a_duration_without_a_unit_that_we_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration with its unit, like 250ms, 2s, 1h30m or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64KiB", 65536),
        ("1.5 MiB", 1572864),
        ("1MB", 10**6),
        ("5GiB", 5 * 2**30),
        ("2TB", 2 * 10**12),
    ],
)
def test_a_size_is_read_in_bytes(text: str, size: int) -> None:
    assert size == parse_size(text)


@pytest.mark.parametrize("text", ["", "KiB", "-1", "1k", "1 Mb", "1KiB2", "9" * 400])
def test_a_size_in_a_unit_that_we_do_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a size, like 64KiB, 16MiB, 5GiB or a number of bytes"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "share"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("25%", 0.25), ("100 %", 1.0), ("1e-3", 0.001)]
)
def test_a_share_is_a_number_or_a_percentage(text: str, share: float) -> None:
    assert share == parse_share(text)


@pytest.mark.parametrize("text", ["", "1.01", "101%", "-0.1", "nan", "half", "0.5s"])
def test_a_share_outside_of_zero_to_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a share between 0 and 1, like"):
        parse_share(text)


@pytest.mark.parametrize(("text", "ratio"), [("0.1", 0.1), ("10%", 0.1), ("150%", 1.5), ("2", 2.0), ("1e-3", 0.001)])
def test_a_ratio_may_be_more_than_the_whole(text: str, ratio: float) -> None:
    assert ratio == parse_ratio(text)


@pytest.mark.parametrize("text", ["", "-10%", "nan", "inf", "10ms", "1e"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a ratio, like"):
        parse_ratio(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1 per 90d", 7_776_000.0), ("2 per 1w", 302_400.0), ("0.5 per 1h30m", 10_800.0)]
)
def test_a_frequency_is_read_as_the_seconds_between_two(text: str, seconds: float) -> None:
    assert parse_frequency(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "per 1d", "0 per 1d", "1 per 0d", "1 per 90", "-1 per 1d", "1 per"])
def test_what_does_not_say_how_often_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="like 1 per 90d"):
        parse_frequency(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.00025, "250us"), (0.25, "250ms"), (2, "2s"), (90, "90s"), (5400, "1.5h"), (604800, "7d")],
)
def test_a_duration_is_shown_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert text == format_duration(seconds)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (1023, "1023B"), (65536, "64KiB"), (1572864, "1.5MiB"), (5 * 2**30, "5GiB"), (2**40, "1TiB")],
)
def test_a_size_is_shown_in_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert text == format_size(size)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_duration_that_is_shown_reads_back_to_five_digits(seconds: float) -> None:
    assert pytest.approx(seconds, rel=1e-5) == parse_duration(format_duration(seconds))


@pytest.mark.parametrize("shown", [str(Secret("key")), repr(Secret("key")), f"{Secret('key')}", f"{[Secret('key')]}"])
def test_a_secret_is_not_shown(shown: str) -> None:
    assert "key" not in shown


def test_a_secret_is_revealed_to_who_asks() -> None:
    text = "key"

    assert text == Secret(text).reveal()


def test_a_secret_survives_a_copy_by_pickle() -> None:
    text = "key"
    copied = pickle.loads(pickle.dumps(Secret(text)))

    assert Secret is type(copied)
    assert text == copied.reveal()

"""Codings as clients and servers put them on, bombs, and bodies that end too early."""

import gzip
import zlib
from time import process_time

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from watchtower.payload.coding import decoded
from watchtower.payload.fault import Fault, PayloadError

TEXT = b'{"instances": [[1.5, 2.5]]}' * 2_000
LIMIT = 1024 * 1024


def raw_deflated(text: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(text) + deflater.flush()


def streamed_zstd(text: bytes) -> bytes:
    """As a server that does not know the length beforehand."""
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return compressor.compress(text) + compressor.flush()


def fault(body: bytes, coding: bytes) -> Fault:
    with pytest.raises(PayloadError) as caught:
        decoded(body, coding, LIMIT)
    return caught.value.fault


CODED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "two gzip members": (b"gzip", gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:])),
    "zlib": (b"deflate", zlib.compress(TEXT)),
    "raw deflate": (b"deflate", raw_deflated(TEXT)),
    "brotli": (b"br", brotli.compress(TEXT)),
    "zstd": (b"zstd", zstandard.ZstdCompressor().compress(TEXT)),
    "zstd of unknown length": (b"zstd", streamed_zstd(TEXT)),
    "two zstd frames": (b"zstd", streamed_zstd(TEXT[:999]) + zstandard.ZstdCompressor().compress(TEXT[999:])),
}
ZEROS = bytes(64 * LIMIT)
BOMBS = {
    "gzip": (b"gzip", gzip.compress(ZEROS)),
    "zlib": (b"deflate", zlib.compress(ZEROS)),
    "raw deflate": (b"deflate", raw_deflated(ZEROS)),
    "brotli": (b"br", brotli.compress(ZEROS, quality=3)),
    "zstd": (b"zstd", zstandard.ZstdCompressor().compress(ZEROS)),
    "zstd of unknown length": (b"zstd", streamed_zstd(ZEROS)),
    "gzip in gzip": (b"gzip, gzip", gzip.compress(gzip.compress(ZEROS))),
    "many gzip members": (b"gzip", gzip.compress(bytes(LIMIT // 2)) * 3),
    "many zstd frames": (b"zstd", zstandard.ZstdCompressor().compress(bytes(LIMIT // 2)) * 3),
}


@pytest.mark.parametrize("what", CODED)
def test_a_coding_is_taken_off(what: str) -> None:
    coding, body = CODED[what]

    assert decoded(body, coding, LIMIT) == TEXT


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity ", b"identity, identity"])
def test_without_a_coding_the_body_is_as_it_was(coding: bytes) -> None:
    assert decoded(TEXT, coding, LIMIT) == TEXT


@pytest.mark.parametrize("coding", [b"GZIP", b"x-gzip", b" gzip ", b"gzip, identity"])
def test_a_coding_is_known_however_it_is_written(coding: bytes) -> None:
    assert decoded(gzip.compress(TEXT), coding, LIMIT) == TEXT


def test_several_codings_are_taken_off_in_reverse() -> None:
    assert decoded(brotli.compress(gzip.compress(TEXT)), b"gzip, br", LIMIT) == TEXT


def test_an_empty_text_is_decoded_too() -> None:
    empty = {b"gzip": gzip.compress(b""), b"br": brotli.compress(b""), b"zstd": streamed_zstd(b"")}

    assert {decoded(body, coding, LIMIT) for coding, body in empty.items()} == {b""}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused_before_it_is_made(what: str) -> None:
    coding, body = BOMBS[what]
    begun = process_time()

    assert (fault(body, coding), process_time() - begun < 0.25) == (Fault.TOO_LARGE, True)


def test_a_body_that_was_never_compressed_is_held_to_the_limit_too() -> None:
    assert fault(bytes(LIMIT + 1), b"") is Fault.TOO_LARGE


def test_a_text_as_large_as_the_limit_is_read() -> None:
    assert len(decoded(gzip.compress(bytes(LIMIT)), b"gzip", LIMIT)) == LIMIT


@pytest.mark.parametrize("what", CODED)
@pytest.mark.parametrize("lost", [1, 3, 20])
def test_a_body_that_ends_within_its_coding_is_broken(what: str, lost: int) -> None:
    coding, body = CODED[what]

    assert fault(body[:-lost], coding) is Fault.BAD_ENCODING


@pytest.mark.parametrize("what", CODED)
def test_a_body_that_goes_on_behind_its_coding_is_broken(what: str) -> None:
    coding, body = CODED[what]

    assert fault(body + b"and so on", coding) is Fault.BAD_ENCODING


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
@pytest.mark.parametrize("body", [b"", b"plain text", bytes(100), b"\xff" * 100], ids=["", "text", "zeros", "ones"])
def test_what_is_not_what_its_coding_says_is_broken(coding: bytes, body: bytes) -> None:
    assert fault(body, coding) is Fault.BAD_ENCODING


@pytest.mark.parametrize("coding", [b"compress", b"aws-chunked", b"gzip;q=1"])
def test_a_coding_that_is_not_read_is_named_so(coding: bytes) -> None:
    assert fault(TEXT, coding) is Fault.BAD_ENCODING


def test_no_more_than_five_codings_are_taken_off() -> None:
    assert fault(TEXT, b", ".join([b"gzip"] * 6)) is Fault.BAD_ENCODING


def test_no_more_than_some_members_are_read() -> None:
    assert fault(gzip.compress(b"") * 1_000, b"gzip") is Fault.BAD_ENCODING


def test_many_frames_cost_about_as_much_as_one() -> None:
    """All that came before is not copied for each: a kilobyte of frames took a tenth of a second."""
    took = []
    for body in (zstandard.compress(bytes(16 * LIMIT)), zstandard.compress(bytes(LIMIT // 4)) * 64):
        begun = process_time()
        for _ in range(5):
            decoded(body, b"zstd")
        took.append(process_time() - begun)

    assert took[1] < 8 * took[0]


def test_zstd_that_wants_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

    assert fault(compressor.compress(TEXT) + compressor.flush(), b"zstd") is Fault.BAD_ENCODING

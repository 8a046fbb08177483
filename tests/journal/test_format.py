import zlib

import msgspec
import pytest
from journal_samples import HEAD, SAMPLE, exchange, scanned

from watchtower.journal.format import (
    COPIED,
    MAX_PAYLOAD,
    Damage,
    Fault,
    Scanner,
    TooLargeError,
    encode,
    encode_head,
    encode_parts,
    whole_frames,
)
from watchtower.record import NEVER, Exchange, Outcome


def framed(payload: bytes, marker: bytes = b"\xc1WR", version: int = 1) -> bytes:
    """A frame made from the specification's words alone."""
    length = len(payload)
    checked = marker + bytes([version]) + length.to_bytes(4, "big") + (0xFFFFFFFF - length).to_bytes(4, "big")
    return checked + zlib.crc32(checked + payload).to_bytes(4, "big") + payload


def fields() -> list[object]:
    return list(msgspec.msgpack.decode(msgspec.msgpack.encode(SAMPLE), type=list[object]))


def test_a_record_is_framed_as_the_specification_says() -> None:
    expected = framed(msgspec.msgpack.encode(SAMPLE))

    assert encode(SAMPLE) == expected


def test_a_head_is_framed_as_the_specification_says() -> None:
    expected = framed(msgspec.msgpack.encode(["w0-1", 1, HEAD.created_ns]), marker=b"\xc1WS")

    assert encode_head(HEAD) == expected


def test_a_record_comes_back_as_it_was() -> None:
    records, damage = scanned(encode(SAMPLE))

    assert (records, damage) == ([SAMPLE], [])


def test_a_record_comes_back_as_an_exchange() -> None:
    records, _ = scanned(encode(SAMPLE))

    assert [type(record) for record in records] == [Exchange]


def test_the_head_comes_first() -> None:
    scanner = Scanner()
    scanner.feed(encode_head(HEAD))

    assert list(scanner.found()) == [HEAD]


def test_fields_that_an_old_record_lacks_get_their_defaults() -> None:
    old = framed(msgspec.msgpack.encode(fields()[:-8]))

    assert scanned(old) == (
        [
            exchange(
                test_run=b"",
                traceparent=b"",
                reason="",
                service_ns=NEVER,
                read_ns=NEVER,
                unsampled=(),
                request_body=b"",
                response_body=b"",
            )
        ],
        [],
    )


def test_fields_that_a_newer_record_adds_are_passed_over() -> None:
    newer = framed(msgspec.msgpack.encode([*fields(), "added", {"and": 1}]))

    assert scanned(newer) == ([SAMPLE], [])


def test_an_outcome_that_is_not_known_stays_text() -> None:
    records, _ = scanned(encode(exchange(outcome="abducted")))

    assert [record.outcome for record in records] == ["abducted"]


def test_an_outcome_that_is_known_equals_its_name() -> None:
    records, _ = scanned(encode(SAMPLE))

    assert [record.outcome for record in records] == [Outcome.ANSWERED]


def test_a_record_of_a_newer_version_is_stepped_over() -> None:
    newer = framed(b"anything", version=2)

    assert scanned(newer + encode(SAMPLE)) == ([SAMPLE], [Damage(0, len(newer), Fault.NEWER)])


def test_a_record_that_cannot_be_decoded_is_stepped_over() -> None:
    odd = framed(msgspec.msgpack.encode(["too", "few"]))

    assert scanned(odd + encode(SAMPLE)) == ([SAMPLE], [Damage(0, len(odd), Fault.UNDECODABLE)])


def test_a_record_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLargeError, match=f"limit of {MAX_PAYLOAD}"):
        encode(exchange(request_body=bytes(MAX_PAYLOAD)))


def test_whole_frames_are_counted_up_to_the_last_whole_one() -> None:
    frame = encode(SAMPLE)

    assert whole_frames(frame + frame + frame[:-1]) == (2, 2 * len(frame))


def test_no_whole_frame_is_none() -> None:
    assert whole_frames(encode(SAMPLE)[:-1]) == (0, 0)


@pytest.mark.parametrize("size", [0, 255, 256, COPIED, 65535, 65536, 300_000])
def test_a_record_in_parts_is_the_record(size: int) -> None:
    record = exchange(request_body=bytes(size), response_body=b"y" * size)

    assert scanned(b"".join(encode_parts(record))) == ([record], [])


@pytest.mark.parametrize("size", [255, 65535, 300_000])
def test_a_record_in_parts_has_the_bytes_of_one_that_is_whole(size: int) -> None:
    record = exchange(request_body=bytes(size), response_body=b"y" * size)

    assert encode(record) == framed(msgspec.msgpack.encode(record))


def test_large_bodies_are_not_copied() -> None:
    record = exchange(request_body=bytes(COPIED))

    assert any(part is record.request_body for part in encode_parts(record))

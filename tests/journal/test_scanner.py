import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_samples import HEAD, SAMPLE, exchange, ids, numbered, scanned

from watchtower.journal.format import (
    MAX_PAYLOAD,
    Damage,
    Fault,
    Record,
    Scanner,
    encode,
    encode_head,
)
from watchtower.journal.stored import SegmentHead
from watchtower.record import Exchange

THREE = [encode(each) for each in numbered(3)]
SEGMENT = encode_head(HEAD) + b"".join(THREE)
ENDS = list(itertools.accumulate([len(encode_head(HEAD)), *map(len, THREE)]))


@pytest.mark.parametrize("cut", [1, 2, 7, 15, 16, 17, 100, len(SEGMENT)])
def test_records_are_found_however_the_bytes_are_cut(cut: int) -> None:
    assert scanned(SEGMENT, cut) == (numbered(3), [])


@pytest.mark.parametrize("cut", [1, 2, 7, 15, 16, 17, 100])
def test_damage_is_the_same_however_the_bytes_are_cut(cut: int) -> None:
    damaged = SEGMENT[: ENDS[1] + 20] + b"?" + SEGMENT[ENDS[1] + 21 :]

    assert scanned(damaged, cut) == scanned(damaged)


def test_a_segment_cut_at_any_byte_gives_every_whole_record_and_a_torn_tail() -> None:
    for size in range(1, len(SEGMENT)):
        records, damage = scanned(SEGMENT[:size])
        whole = sum(end <= size for end in ENDS[1:])
        torn = [] if size in ENDS else [Damage(max([0, *(end for end in ENDS if end < size)]), size, Fault.TORN)]

        assert (records, damage) == (numbered(whole), torn)


def test_any_changed_byte_costs_its_own_record_only() -> None:
    for at in range(ENDS[1], ENDS[2]):
        changed = SEGMENT[:at] + bytes([SEGMENT[at] ^ 0x55]) + SEGMENT[at + 1 :]
        records, damage = scanned(changed)

        assert (ids(records), len(damage), damage[0].start, damage[0].end) == ([0, 2], 1, ENDS[1], ENDS[2])


@pytest.mark.parametrize(
    ("at", "fault"), [(0, Fault.BAD_MARKER), (4, Fault.BAD_LENGTH), (12, Fault.BAD_CRC), (16, Fault.BAD_CRC)]
)
def test_a_fault_is_named(at: int, fault: Fault) -> None:
    frame = bytearray(encode(SAMPLE))
    frame[at] ^= 0xFF

    assert scanned(bytes(frame) + encode(SAMPLE)) == ([SAMPLE], [Damage(0, len(frame), fault)])


def test_a_length_over_the_limit_is_damage_and_not_waited_for() -> None:
    length = MAX_PAYLOAD + 1
    absurd = b"\xc1WR\x01" + length.to_bytes(4, "big") + (length ^ 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)

    assert scanned(absurd + encode(SAMPLE)) == ([SAMPLE], [Damage(0, len(absurd), Fault.BAD_LENGTH)])


def test_in_damage_a_header_that_promises_much_does_not_hide_the_records_behind_it() -> None:
    length = 1024 * 1024
    promise = b"\xc1WR\x01" + length.to_bytes(4, "big") + (length ^ 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)

    assert scanned(b"????" + promise + encode(SAMPLE)) == ([SAMPLE], [Damage(0, 4 + len(promise), Fault.BAD_MARKER)])


def test_nothing_but_damage_is_told_at_the_end() -> None:
    assert scanned(bytes(1000)) == ([], [Damage(0, 1000, Fault.BAD_MARKER)])


def test_a_scanner_that_begins_at_an_offset_tells_the_rest() -> None:
    first = Scanner()
    first.feed(SEGMENT[: ENDS[2] - 1])
    told = [item for item in first.found() if isinstance(item, Record)]
    second = Scanner(first.offset)
    second.feed(SEGMENT[first.offset :])
    told += [item for item in second.found() if isinstance(item, Record)]

    assert (ids(item.exchange for item in told), [item.end for item in told]) == ([0, 1, 2], ENDS[1:])


def test_a_scanner_in_damage_has_its_offset_before_the_damage() -> None:
    scanner = Scanner()
    scanner.feed(SEGMENT[: ENDS[1]] + bytes(100))
    list(scanner.found())

    assert scanner.offset == ENDS[1]


@given(st.binary(max_size=2000))
def test_any_bytes_are_records_or_damage(data: bytes) -> None:
    _, damage = scanned(data)

    assert sum(each.size for each in damage) == len(data)


bodies = st.one_of(st.binary(max_size=60), st.just(b"\xc1WR\x01\xc1\xc1W"))


@pytest.mark.slow
@given(
    sent=st.lists(st.builds(lambda body: exchange(request_body=body), bodies), max_size=8),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    instead=bodies,
    cut=st.integers(1, 700),
)
def test_every_record_outside_of_a_corruption_is_recovered(
    sent: list[Exchange], where: tuple[float, float], instead: bytes, cut: int
) -> None:
    frames = [encode(each) for each in sent]
    data = b"".join(frames)
    start, end = sorted(round(part * len(data)) for part in where)
    limits = list(itertools.accumulate(map(len, frames), initial=0))
    untouched = [
        each for each, begin, stop in zip(sent, limits, limits[1:], strict=False) if stop <= start or begin >= end
    ]
    records, _ = scanned(data[:start] + instead + data[end:], cut)
    remaining = iter(records)

    assert all(each in remaining for each in untouched)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_every_byte_is_told_once(pieces: list[bytes], cut: int) -> None:
    data = b"".join(piece + encode(SAMPLE) for piece in pieces)
    records, damage = scanned(data, cut)

    assert len(records) * len(encode(SAMPLE)) + sum(each.size for each in damage) == len(data)


@given(st.binary(max_size=30), st.integers(), st.text(max_size=5))
def test_a_head_of_any_content_is_a_head_or_damage(noise: bytes, number: int, text: str) -> None:
    sequence = number % 2**63
    scanner = Scanner()
    scanner.feed(encode_head(SegmentHead(text, sequence, 0)) + noise)

    assert next(scanner.found()) == SegmentHead(text, sequence, 0)

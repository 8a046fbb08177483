from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from watchtower.clock import ManualClock
from watchtower.journal.appender import Appender, DropReason
from watchtower.journal.format import Damage, Record, Scanner, encode, encode_head
from watchtower.journal.segments import Segment
from watchtower.journal.settings import CaptureSettings
from watchtower.journal.stored import SegmentHead
from watchtower.record import BodyNote, Exchange, Outcome, Role

HEAD = SegmentHead(stream="w0-1", sequence=1, created_ns=1_700_000_000_000_000_000)
SAMPLE = Exchange(
    request_id=b"018bcfe5-6800-7000-8000-0123456789ab",
    role=Role.PRIMARY,
    endpoint="churn",
    variant="blue",
    outcome=Outcome.ANSWERED,
    started_ns=1_700_000_000_000_000_000,
    queue_ns=1_000,
    connect_ns=0,
    first_byte_ns=2_000_000,
    total_ns=12_300_000,
    parts=1,
    first_part_ns=2_000_000,
    last_part_ns=2_000_000,
    method=b"POST",
    target=b"/v1/models/churn:predict",
    status=200,
    request_type=b"application/json",
    request_encoding=b"",
    response_type=b"application/json",
    response_encoding=b"",
    request_size=13,
    response_size=11,
    request_note=BodyNote.WHOLE,
    response_note=BodyNote.WHOLE,
    request_headers=((b"user-agent", b"curl/8"),),
    response_headers=(),
    request_body=b'{"x":[1,2,3]}',
    response_body=b'{"y":[0.5]}',
    service_ns=12_000_000,
    read_ns=34_000_000_000,
    unsampled=("v3",),
)


def exchange(**changes: Any) -> Exchange:
    return msgspec.structs.replace(SAMPLE, **changes)


def numbered(count: int, first: int = 0) -> list[Exchange]:
    """Exchanges that differ: each id is a number, each start a second after the last."""
    return [
        exchange(request_id=b"%d" % number, started_ns=SAMPLE.started_ns + number * 10**9)
        for number in range(first, first + count)
    ]


def ids(exchanges: Iterable[Exchange]) -> list[int]:
    return [int(each.request_id) for each in exchanges]


def scanned(data: bytes, cut: int | None = None) -> tuple[list[Exchange], list[Damage]]:
    """The records and the damage in a segment's bytes, which are fed in pieces of `cut`."""
    scanner = Scanner()
    records, damage = [], []
    size = cut or len(data) or 1
    for start in range(0, len(data), size):
        scanner.feed(data[start : start + size])
        for item in scanner.found():
            if isinstance(item, Record):
                records.append(item.exchange)
            elif isinstance(item, Damage):
                damage.append(item)
    if rest := scanner.finish():
        damage.append(rest)
    return records, damage


def write_segment(
    directory: Path, exchanges: Iterable[Exchange], *, stream: str = "w0-1", sequence: int = 1, tail: bytes = b""
) -> Path:
    """A segment that no writer holds."""
    head = SegmentHead(stream, sequence, HEAD.created_ns)
    path = Segment.named(directory, stream, sequence).path
    path.write_bytes(encode_head(head) + b"".join(map(encode, exchanges)) + tail)
    return path


def make_appender(directory: Path, clock: ManualClock, stream: str = "w0-1", **settings: Any) -> Appender:
    return Appender(CaptureSettings(**settings), directory, stream, clock.clock())


def append(appender: Appender, exchanges: list[Exchange]) -> Any:
    return appender.append([encode(each) for each in exchanges], len(exchanges))


@dataclass
class Counts:
    """A journal's observer that adds up."""

    records: int = 0
    size: int = 0
    doubtful: int = 0
    drops: dict[DropReason, int] = field(default_factory=dict)

    def written(self, records: int, size: int) -> None:
        self.records += records
        self.size += size

    def dropped(self, reason: DropReason, records: int) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + records

    def unsynced(self, records: int) -> None:
        self.doubtful += records

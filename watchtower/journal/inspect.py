"""What `watchtower journal stat` and `journal tail` show: the journal as a person or a program wants to see it."""

from base64 import b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Any, Final

import msgspec

from watchtower.clock import SECOND
from watchtower.journal.format import Damage, Fault, Record
from watchtower.journal.offsets import Offsets, Position, load_all
from watchtower.journal.reader import JournalReader
from watchtower.journal.segments import Segment, Stored, scan, segments, survey
from watchtower.record import NEVER, Exchange
from watchtower.units import format_size

Progress = Callable[[int, int], None]  # bytes looked at, of how many
Matches = Callable[[Exchange], bool]

_MILLISECOND: Final = SECOND // 1000


class RecordCount(msgspec.Struct, frozen=True):
    endpoint: str
    role: str
    outcome: str
    records: int


class JournalStat(msgspec.Struct, frozen=True):
    """What lies in a journal. `msgspec.to_builtins` makes JSON of it."""

    segments: int
    size: int
    records: tuple[RecordCount, ...]
    first_ns: int | None  # wall clock, the earliest and the latest start
    last_ns: int | None
    torn: int  # segments that end within a record
    damaged: int  # places where bytes are no record, or none that this version reads
    skipped_bytes: int  # there
    unread: dict[str, int]  # records, by reader


def stat(directory: Path, progress: Progress = lambda _done, _total: None) -> JournalStat:
    """Reads the whole journal."""
    present = list(survey(directory))
    total = sum(stored.size for stored in present)
    readers = load_all(directory)
    records: Counter[tuple[str, str, str]] = Counter()
    unread = Counter(dict.fromkeys(readers, 0))
    faults: Counter[Fault] = Counter()
    skipped = done = 0
    first_ns = last_ns = None
    for stored in present:
        for item in _items(stored):
            if isinstance(item, Damage):
                faults[item.fault] += 1
                skipped += item.size
                continue
            exchange = item.exchange
            records[exchange.endpoint, exchange.role, exchange.outcome] += 1
            unread.update(name for name, at in readers.items() if not _is_read(at, stored.segment, item.end))
            first_ns = min(first_ns or exchange.started_ns, exchange.started_ns)
            last_ns = max(last_ns or exchange.started_ns, exchange.started_ns)
        done += stored.size
        progress(done, total)
    return JournalStat(
        segments=len(present),
        size=total,
        records=tuple(RecordCount(*group, count) for group, count in sorted(records.items())),
        first_ns=first_ns,
        last_ns=last_ns,
        torn=faults.pop(Fault.TORN, 0),
        damaged=faults.total(),
        skipped_bytes=skipped,
        unread=dict(unread),
    )


def tail(
    directory: Path,
    *,
    follow: bool = False,
    endpoint: str | None = None,
    outcome: str | None = None,
    last: int | None = None,
    interval_s: float = 0.25,
    stopped: Event | None = None,
) -> Iterator[Exchange]:
    """The exchanges that match, or the last of them, and with `follow` those that come until it is stopped."""

    def matches(exchange: Exchange) -> bool:
        return endpoint in (None, exchange.endpoint) and outcome in (None, exchange.outcome)

    start: Offsets = {}
    if last is not None:
        found, start = _last(directory, last, matches)
        yield from found
        if not follow:
            return
    reader = JournalReader(directory, start=start)
    entries = reader.follow(interval_s, stopped or Event()) if follow else reader.read()
    try:
        yield from (entry.exchange for entry in entries if matches(entry.exchange))
    finally:
        reader.close()


def as_json(exchange: Exchange) -> dict[str, Any]:
    """An exchange for a program. A body is JSON, text, or base64 of neither; `request_body_as` and the like say which."""
    shown = {name: _plain(value) for name, value in msgspec.structs.asdict(exchange).items()}
    shown["started"] = datetime.fromtimestamp(exchange.started_ns / SECOND, UTC).isoformat(timespec="microseconds")
    for name in ("request_body", "response_body"):
        shown[name], shown[f"{name}_as"] = _body(getattr(exchange, name))
    return shown


def as_line(exchange: Exchange, zone: tzinfo | None = None) -> str:
    """An exchange for a person, in local time. Of the id it shows the end: the beginning of a UUIDv7 is the time."""
    started = datetime.fromtimestamp(exchange.started_ns / SECOND, UTC).astimezone(zone)
    took = "-" if exchange.total_ns == NEVER else f"{exchange.total_ns / _MILLISECOND:.1f}ms"
    words = [
        started.strftime("%H:%M:%S.%f")[:-3],
        _printable(exchange.request_id)[-8:],
        f"{exchange.role:<7}",
        f"{exchange.endpoint}/{exchange.variant}",
        _printable(exchange.method),
        _printable(exchange.target),
        str(exchange.status or "-"),
        exchange.outcome,
        took,
        f"{format_size(exchange.request_size)}→{format_size(exchange.response_size)}",
    ]
    words += [f"test={_printable(exchange.test_run)}"] if exchange.test_run else []
    words += [exchange.reason] if exchange.reason else []
    return "  ".join(words)


def _items(stored: Stored) -> Iterator[Record | Damage]:
    """Records and damage; what a writer is just appending is neither."""
    with suppress(FileNotFoundError):  # removed in the meantime
        for item in scan(stored.segment.path):
            is_begun = isinstance(item, Damage) and item.fault is Fault.TORN and stored.is_held
            if isinstance(item, (Record, Damage)) and not is_begun:
                yield item


def _is_read(offsets: Offsets, segment: Segment, end: int) -> bool:
    return Position(segment.sequence, end) <= offsets.get(segment.stream, Position())


def _last(directory: Path, count: int, matches: Matches) -> tuple[list[Exchange], Offsets]:
    """The last exchanges of all streams, and where to go on behind them."""
    kept: list[Exchange] = []
    ends: Offsets = {}
    for stream, group in groupby(segments(directory), lambda segment: segment.stream):
        found, ends[stream] = _last_of_stream(list(group), count, matches)
        kept += found
    return sorted(kept, key=lambda exchange: exchange.started_ns)[-count:], ends


def _last_of_stream(present: list[Segment], count: int, matches: Matches) -> tuple[list[Exchange], Position]:
    """From its newest segment back to where there are enough."""
    kept: list[Exchange] = []
    ends: list[Position] = []
    for segment in reversed(present):
        found, end = _last_of_segment(segment, count, matches)
        kept = [*found, *kept]
        ends.append(Position(segment.sequence, end))
        if len(kept) >= count:
            break
    return kept[-count:], ends[0]


def _last_of_segment(segment: Segment, count: int, matches: Matches) -> tuple[deque[Exchange], int]:
    kept: deque[Exchange] = deque(maxlen=count)
    end = 0
    with suppress(FileNotFoundError):  # removed in the meantime
        for item in scan(segment.path):
            if not isinstance(item, Record):
                continue
            end = item.end
            if matches(item.exchange):
                kept.append(item.exchange)
    return kept, end


def _body(body: bytes) -> tuple[Any, str]:
    try:
        return (msgspec.json.decode(body), "json") if body else ("", "text")
    except (msgspec.MsgspecError, RecursionError):
        pass
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return b64encode(body).decode(), "base64"


def _plain(value: Any) -> Any:
    """Bytes of a message's head as text: ASCII, or what an attacker put there instead, visibly."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _printable(raw: bytes) -> str:
    """As `_plain`, on a terminal: nothing that it would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(_plain(raw)))

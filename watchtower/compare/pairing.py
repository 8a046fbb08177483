"""Items of the primary and of its shadows joined by request id, in event order.

Time is the items' own: the start that half of those had reached which came since the last look, so that one of a clock
that was ahead ends nobody's wait. An item comes when its exchange is over, which may have begun long before, so it waits
from its end on. What waits longer than `wait_s` is given up, by the bucket of time that it lies in, so up to a sixteenth
of the wait late and never early; memory is bounded in bytes, and beyond it the oldest are given up first.

What is counted is a leg: one request at one shadow. A primary that expects two shadows has two legs; a shadow's item is
the other end of one. Every leg ends in exactly one of: paired, or one `Reason`. An id that comes again while the first
still waits is a record read twice: the first one stays, the second is counted. Who calls sees to it that no two requests
have the same id, whatever clients send.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from watchtower.record import Word

T = TypeVar("T")

VERSION: Final = 2
_ENTRY_SIZE: Final = 400  # bytes that a waiting id takes beside its item: its entry, two keys, its shadows' names
_BUCKETS: Final = 16  # in one wait
PRIMARY: Final = ""  # in the place of a shadow's name


class Reason(Word):
    """Why a leg was not paired."""

    NO_SHADOW = "no_shadow"  # the primary waited in vain
    NO_PRIMARY = "no_primary"  # the shadow's item did
    EVICTED = "evicted"  # too much was waiting
    DUPLICATE = "duplicate"


class Pair(NamedTuple, Generic[T]):
    request_id: bytes
    shadow: str
    primary: T
    answer: T  # the shadow's
    at_ns: int  # when the primary's began


class Unpaired(NamedTuple, Generic[T]):
    request_id: bytes
    shadow: str  # of the leg
    item: T  # the end that came
    reason: Reason


class _Entry(Generic[T]):
    __slots__ = ("at_ns", "bucket", "expected", "has_primary", "primary", "shadows", "size")

    def __init__(self, at_ns: int, bucket: int) -> None:
        self.at_ns = at_ns
        self.bucket = bucket
        self.size = _ENTRY_SIZE
        self.has_primary = False
        self.primary: T | None = None
        self.expected: set[str] = set()  # once the primary is there: who has not come
        self.shadows: dict[str, T] = {}  # who came before the primary


class Pairer(Generic[T]):
    def __init__(self, wait_s: float, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._width_ns = max(1, round(wait_s * 1e9 / _BUCKETS))
        self._open: dict[bytes, _Entry[T]] = {}
        self._buckets: dict[int, dict[bytes, None]] = {}
        self._starts: list[int] = []  # since the last look
        self.size = 0  # bytes that wait, by the sizes that were given
        self.paired: Counter[str] = Counter()  # legs, by the shadow's name
        self.unpaired: Counter[tuple[str, Reason]] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def primary(
        self, request_id: bytes, expected: Sequence[str], item: T, at_ns: int, size: int, took_ns: int = 0
    ) -> list[Pair[T]]:
        """The pairs with those shadows that were here first. Without an expected shadow there is nothing to wait for."""
        entry = self._open.get(request_id)
        if entry is not None and entry.has_primary:
            self.unpaired.update((name, Reason.DUPLICATE) for name in set(expected))
            return []
        self._starts.append(at_ns)
        if entry is None:
            if not expected:
                return []
            entry = self._opened(request_id, at_ns, at_ns + took_ns)
        pairs = [Pair(request_id, name, item, answer, at_ns) for name, answer in entry.shadows.items()]
        for name in entry.shadows:
            self.paired[name] += 1
        entry.expected = set(expected) - entry.shadows.keys()
        if not entry.expected:
            self._close(request_id, entry)
            return pairs
        entry.has_primary, entry.primary, entry.at_ns = True, item, at_ns
        entry.shadows = {}
        self._wait_from(request_id, entry, at_ns + took_ns)
        self._resize(entry, _ENTRY_SIZE + size)
        return pairs

    def shadow(self, request_id: bytes, name: str, item: T, at_ns: int, size: int, took_ns: int = 0) -> Pair[T] | None:
        self._starts.append(at_ns)
        entry = self._open.get(request_id) or self._opened(request_id, at_ns, at_ns + took_ns)
        if not entry.has_primary:
            if name in entry.shadows:
                self.unpaired[name, Reason.DUPLICATE] += 1
                return None
            entry.shadows[name] = item
            self._wait_from(request_id, entry, at_ns + took_ns)
            self._resize(entry, entry.size + size)
            return None
        if name not in entry.expected:
            self.unpaired[name, Reason.DUPLICATE] += 1
            return None
        entry.expected.discard(name)
        self.paired[name] += 1
        pair: Pair[T] = Pair(request_id, name, entry.primary, item, entry.at_ns)  # type: ignore[arg-type]  # has_primary
        if not entry.expected:
            self._close(request_id, entry)
        return pair

    def expire(self, now_ns: int) -> list[Unpaired[T]]:
        """What waited too long. Starts in the future, by a clock that was wrong, expire nothing before their time."""
        if not self._starts:
            return []
        self._starts.sort()
        reached_ns = min(self._starts[len(self._starts) // 2], now_ns)
        self._starts.clear()
        last = reached_ns // self._width_ns - _BUCKETS
        # The last bucket may hold what began just now; it is complete one bucket later.
        return [leg for bucket in sorted(b for b in self._buckets if b < last) for leg in self._ended(bucket)]

    def idle(self, now_ns: int) -> list[Unpaired[T]]:
        """As `expire`, when nothing is left to read: then the clock says how far time has come, and no item."""
        self._starts = [now_ns]
        return self.expire(now_ns)

    def flush(self) -> list[Unpaired[T]]:
        """All that waits, at the end of a recording."""
        return [leg for bucket in sorted(self._buckets) for leg in self._ended(bucket)]

    def _ended(self, bucket: int) -> Iterator[Unpaired[T]]:
        for request_id in list(self._buckets[bucket]):
            entry = self._open[request_id]
            self._close(request_id, entry)
            legs = list(_legs(request_id, entry))
            self.unpaired.update((leg.shadow, leg.reason) for leg in legs)
            yield from legs

    def _opened(self, request_id: bytes, at_ns: int, ended_ns: int) -> _Entry[T]:
        entry: _Entry[T] = _Entry(at_ns, ended_ns // self._width_ns)
        self._open[request_id] = entry
        self._buckets.setdefault(entry.bucket, {})[request_id] = None
        self.size += entry.size
        return entry

    def _wait_from(self, request_id: bytes, entry: _Entry[T], ended_ns: int) -> None:
        """Of several ends that came, the last one counts."""
        bucket = ended_ns // self._width_ns
        if bucket > entry.bucket:
            self._take_out(request_id, entry.bucket)
            entry.bucket = bucket
            self._buckets.setdefault(bucket, {})[request_id] = None

    def _close(self, request_id: bytes, entry: _Entry[T]) -> None:
        del self._open[request_id]
        self._take_out(request_id, entry.bucket)
        self.size -= entry.size

    def _take_out(self, request_id: bytes, number: int) -> None:
        bucket = self._buckets[number]
        del bucket[request_id]
        if not bucket:
            del self._buckets[number]

    def _resize(self, entry: _Entry[T], size: int) -> None:
        self.size += size - entry.size
        entry.size = size
        while self.size > self._max_bytes and self._open:
            request_id = next(iter(self._buckets[min(self._buckets)]))
            oldest = self._open[request_id]
            self._close(request_id, oldest)
            self.unpaired.update((leg.shadow, Reason.EVICTED) for leg in _legs(request_id, oldest))

    def state(self, encode: Callable[[T], bytes]) -> bytes:
        entries = [
            (
                request_id,
                entry.at_ns,
                entry.size,
                encode(entry.primary) if entry.has_primary else None,  # type: ignore[arg-type]  # has_primary
                sorted(entry.expected),
                [(name, encode(item)) for name, item in entry.shadows.items()],
                entry.bucket,
            )
            for bucket in sorted(self._buckets)
            for request_id in self._buckets[bucket]
            for entry in (self._open[request_id],)
        ]
        counts = [(name, reason.value, count) for (name, reason), count in self.unpaired.items()]
        return msgspec.msgpack.encode((VERSION, self._starts, self._width_ns, dict(self.paired), counts, entries))

    def restore(self, state: bytes, decode: Callable[[bytes], T]) -> None:
        """Whose wait was another keeps its entries: they are put into buckets of the new width."""
        version, self._starts, width_ns, paired, counts, entries = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a pairing state of version {version}, and {VERSION} is read")
        self.paired = Counter(paired)
        self.unpaired = Counter({(name, Reason(reason)): count for name, reason, count in counts})
        self._open, self._buckets, self.size = {}, {}, 0
        for request_id, at_ns, size, primary, expected, shadows, bucket in entries:
            entry: _Entry[T] = _Entry(at_ns, bucket * width_ns // self._width_ns)
            entry.size, entry.expected = size, set(expected)
            entry.shadows = {name: decode(item) for name, item in shadows}
            if primary is not None:
                entry.has_primary, entry.primary = True, decode(primary)
            self._open[request_id] = entry
            self._buckets.setdefault(entry.bucket, {})[request_id] = None
            self.size += size


def _legs(request_id: bytes, entry: _Entry[T]) -> Iterator[Unpaired[T]]:
    for name in sorted(entry.expected):
        yield Unpaired(request_id, name, entry.primary, Reason.NO_SHADOW)  # type: ignore[arg-type]  # has_primary
    for name, item in entry.shadows.items():
        yield Unpaired(request_id, name, item, Reason.NO_PRIMARY)

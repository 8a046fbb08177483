"""Stretches of event time: rows go to the minute that they happened in, however late they arrive, within limits.

A window is open until the latest event seen (the watermark) is past its end by the allowed lateness. Then it is closed,
once, and joined to its hour, and with its hour to its day. What arrives after that is late: counted, and not taken, for
a closed window has been judged. Time is the events' own, so that a journal read again in its order gives the same windows.

No more than `most_open` are open at once: a clock that jumps cannot fill the memory. Beyond it the oldest are closed,
and counted as forced.

Closing is in order of the windows' ends, a shorter one before the longer one that it belongs to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, Self, TypeVar

import msgspec

VERSION: Final = 1
MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
MOST_OPEN: Final = 240


class Mergeable(Protocol):
    def merge(self, other: Self, /) -> None: ...
    def state(self) -> bytes: ...


T = TypeVar("T", bound=Mergeable)


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    start_ns: int
    length_ns: int
    held: T
    is_forced: bool = False  # closed before its time, because too many were open

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.length_ns


class WindowsState(msgspec.Struct, array_like=True):
    watermark_ns: int
    late: int
    forced: int
    closed_until_ns: int
    open: list[tuple[int, int, bytes]]  # length, start, what it holds


class Windows(Generic[T]):
    """`made` gives an empty one of what the windows hold. A window that nothing happened in does not exist."""

    def __init__(
        self,
        made: Callable[[], T],
        lateness_ns: int,
        lengths_ns: tuple[int, ...] = (MINUTE_NS, HOUR_NS, DAY_NS),
        most_open: int = MOST_OPEN,
    ) -> None:
        """Each length is a multiple of the one before it; rows go to the first."""
        self._made = made
        self._lateness = lateness_ns
        self._lengths = lengths_ns
        self._most_open = most_open
        self._open: dict[tuple[int, int], T] = {}  # by length and start
        self._closed_until = -(2**63)
        self.watermark_ns = -(2**63)
        self.late = 0  # rows
        self.forced = 0  # windows

    def start_of(self, event_ns: int) -> int:
        return event_ns - event_ns % self._lengths[0]

    def take(self, event_ns: int, rows: int = 1) -> T | None:
        """What to update with rows of that time; None when they are late, which is counted."""
        start = self.start_of(event_ns)
        is_over = start + self._lengths[0] <= self.watermark_ns - self._lateness
        if is_over or start < self._closed_until:
            self.late += rows
            return None
        self.watermark_ns = max(self.watermark_ns, event_ns)
        return self._held(self._lengths[0], start)

    def advance(self, event_ns: int) -> None:
        """Time has come this far though no row says so: without traffic, the last windows would never close."""
        self.watermark_ns = max(self.watermark_ns, event_ns)

    def set_back(self, now_ns: int) -> list[Window[T]]:
        """Begins anew where the time that has come lies ahead of the clock; what was open is given.

        A clock was ahead for a while, and is right again: until its time has come once more, every row would be late.
        """
        if self.watermark_ns <= now_ns + self._lateness + self._lengths[0]:
            return []
        found = self.rest()
        self.watermark_ns = now_ns
        self._closed_until = -(2**63)
        return found

    def closed(self) -> list[Window[T]]:
        """The windows that are complete by now; each is given once."""
        horizon = self.watermark_ns - self._lateness
        starts = sorted(start for length, start in self._open if length == self._lengths[0])
        surplus = max(len(starts) - self._most_open, 0)
        found: list[Window[T]] = []
        for number, start in enumerate(starts):
            is_over = start + self._lengths[0] <= horizon
            if not is_over and number >= surplus:
                break
            found.extend(self._longer_ones_until(start))
            found.append(self._close(self._lengths[0], start, is_forced=not is_over))
        until = max((window.end_ns for window in found), default=self._closed_until)
        self._closed_until = max(until, horizon - horizon % self._lengths[0], self._closed_until)
        found.extend(self._longer_ones_until(self._closed_until))
        return found

    def rest(self) -> list[Window[T]]:
        """Everything that is still open, closed now: the end of a recording. What comes later begins windows of its own."""
        reached_ns, longest = self.watermark_ns, self._lengths[-1]
        until = max(
            (start + length for length, start in self._open if length == self._lengths[0]), default=self._closed_until
        )
        last = max((start - start % longest + longest for _, start in self._open), default=self._closed_until)
        self.watermark_ns = max(self.watermark_ns, last + self._lateness)
        found = self.closed()
        self.watermark_ns, self._closed_until = reached_ns, until
        return found

    @property
    def open(self) -> int:
        return sum(length == self._lengths[0] for length, _ in self._open)

    @property
    def is_empty(self) -> bool:
        """Whether no longer one is open either."""
        return not self._open

    def state(self) -> bytes:
        held = [(length, start, thing.state()) for (length, start), thing in self._open.items()]
        kept = WindowsState(self.watermark_ns, self.late, self.forced, self._closed_until, held)
        return msgspec.msgpack.encode((VERSION, kept))

    def restore(self, state: bytes, read: Callable[[bytes], T]) -> None:
        """Go on where the windows stood that gave the state."""
        version, kept = msgspec.msgpack.decode(state, type=tuple[int, WindowsState])
        if version != VERSION:
            raise ValueError(f"windows of version {version}, where {VERSION} is known")
        self.watermark_ns, self.late, self.forced = kept.watermark_ns, kept.late, kept.forced
        self._closed_until = kept.closed_until_ns
        self._open = {(length, start): read(held) for length, start, held in kept.open}

    def _held(self, length: int, start: int) -> T:
        held = self._open.get((length, start))
        if held is None:
            held = self._open[length, start] = self._made()
        return held

    def _close(self, length: int, start: int, *, is_forced: bool = False) -> Window[T]:
        window = Window(start, length, self._open.pop((length, start)), is_forced)
        self.forced += is_forced
        if longer := next((longer for longer in self._lengths if longer > length), None):
            self._held(longer, start - start % longer).merge(window.held)
        return window

    def _longer_ones_until(self, time_ns: int) -> list[Window[T]]:
        """Hours, then days, that no open or coming base window can belong to any more."""
        found: list[Window[T]] = []
        for length in self._lengths[1:]:
            over = sorted(start for other, start in self._open if other == length and start + length <= time_ns)
            found.extend(self._close(length, start) for start in over)
        return sorted(found, key=lambda window: (window.end_ns, window.length_ns))

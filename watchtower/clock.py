"""Time that you are handed, so that a decision can be tested at any moment without waiting for it.

Durations come from the monotonic clock, which no one can step; the wall clock only says when something began.
"""

from collections.abc import Callable
from dataclasses import dataclass

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    monotonic_ns: Callable[[], int]
    wall_ns: Callable[[], int]


@dataclass(slots=True)
class ManualClock:
    """A clock that moves when it is told to."""

    now_ns: int = 0
    epoch_ns: int = 1_700_000_000 * SECOND

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.epoch_ns + self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)

    def clock(self) -> Clock:
        return Clock(self.monotonic_ns, self.wall_ns)

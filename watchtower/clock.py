"""Time that you are handed, so that a decision can be tested at any moment without waiting for it.

Durations come from the monotonic clock, which no one can step; the wall clock only says when something began.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SECOND = 1_000_000_000
NO_STEP_NS: Final = 60 * SECOND  # between two looks; what NTP slews, and a step too small to matter for an age of days
DOUBT_NS: Final = 86_400 * SECOND


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


@dataclass(slots=True)
class PatientClock:
    """The wall clock as retention should read it: set far ahead by mistake, it would make everything old in a moment.

    A step forward is believed when it has stood for a day; until then, time goes on as before. A step back is believed at
    once: it can only keep a file longer. What the clock says at the start is believed, for there is nothing to doubt it by.
    `steady_ns` is a clock that nobody sets; best one that goes on while the machine sleeps.
    """

    _ahead_ns: int | None = None  # the wall clock's lead over the steady one, as far as it is believed
    _doubted_since_ns: int | None = None

    def now_ns(self, wall_ns: int, steady_ns: int) -> int:
        ahead = wall_ns - steady_ns
        if self._ahead_ns is None or self._is_believed(ahead - self._ahead_ns, steady_ns):
            self._ahead_ns, self._doubted_since_ns = ahead, None
        return self._ahead_ns + steady_ns

    def _is_believed(self, step_ns: int, steady_ns: int) -> bool:
        if step_ns <= NO_STEP_NS:
            return True
        if self._doubted_since_ns is None:
            self._doubted_since_ns = steady_ns
        return steady_ns - self._doubted_since_ns >= DOUBT_NS


def patient(clock: Clock) -> Callable[[], int]:
    """The wall clock for whoever removes what is old."""
    doubting = PatientClock()

    def now_ns() -> int:
        return doubting.now_ns(clock.wall_ns(), clock.monotonic_ns())

    now_ns()
    return now_ns

"""The wall clock as retention should read it: set far ahead by mistake, it would make the whole journal old in a moment.

A step forward is believed when it has stood for a day; until then, time goes on as before. A step back is believed at
once: it can only keep a file longer. What the clock says at the start is believed, for there is nothing to doubt it by.
"""

from dataclasses import dataclass
from typing import Final

from watchtower.clock import SECOND

NO_STEP_NS: Final = 60 * SECOND  # between two looks; what NTP slews, and a step too small to matter for an age of days
DOUBT_NS: Final = 86_400 * SECOND


@dataclass(slots=True)
class PatientClock:
    """`steady_ns` is a clock that nobody sets, and that goes on while the machine sleeps."""

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

"""When a worker that died is started again: at once, then ever more slowly, as long as it keeps dying young."""

from dataclasses import dataclass
from typing import Final

FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 5.0
SETTLED_AFTER: Final = 10.0  # seconds of life; systemd's StartLimitIntervalSec is 10 s, too


@dataclass(slots=True)
class Restarts:
    """For one worker's place. `now` is monotonic, in seconds."""

    count: int = 0
    _started: float = 0.0
    _delay: float = 0.0

    def started(self, now: float) -> None:
        self._started = now

    def died(self, now: float) -> float:
        """Seconds to wait before the next start."""
        if now - self._started >= SETTLED_AFTER:
            self._delay = 0.0
        delay = self._delay
        self._delay = min(max(FIRST_DELAY, 2 * delay), LONGEST_DELAY)
        self.count += 1
        return delay

"""Stops asking a shadow that does not answer, and finds out by itself when it does again. Decisions only, given `now`.

Closed until `failures` in a row; then open for `pause`; then one request is let through as a probe: an answer closes the
breaker, a failure opens it again for twice as long, up to `max_pause`.
"""

from enum import IntEnum

from watchtower.mirror.settings import BreakerSettings


class BreakerState(IntEnum):
    """The numbers are the metric's."""

    CLOSED = 0
    PROBING = 1
    OPEN = 2


class Breaker:
    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._pause = settings.pause
        self._opens_again_at = 0.0
        self.state = BreakerState.CLOSED

    @property
    def is_untroubled(self) -> bool:
        """An answer would change nothing."""
        return not self._failures and self.state is BreakerState.CLOSED

    def allows(self, now: float) -> bool:
        """Whether a request may be sent; the first one after a pause becomes the probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN and now >= self._opens_again_at:
            self.state = BreakerState.PROBING
            return True
        return False

    def succeeded(self) -> None:
        self._failures = 0
        self._pause = self._settings.pause
        self.state = BreakerState.CLOSED

    def failed(self, now: float) -> None:
        self._failures += 1
        if self.state is BreakerState.PROBING:
            self._pause = min(self._pause * 2, self._settings.max_pause)
        elif self.state is BreakerState.OPEN or self._failures < self._settings.failures:
            return  # what was under way when it opened changes nothing
        self.state = BreakerState.OPEN
        self._opens_again_at = now + self._pause

    def abandoned(self) -> None:
        """A request that was allowed ended without telling us anything of the shadow: another may probe."""
        if self.state is BreakerState.PROBING:
            self.state = BreakerState.OPEN

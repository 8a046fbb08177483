"""Deadlines without a timer each: what is watched is looked at from time to time.

A timer for every request costs more than the request's own bookkeeping; a look at everything in flight ten times a
second costs nothing that can be measured, and a deadline is late by one interval at most.
"""

import asyncio
from typing import Final, Protocol

AT_ONCE: Final = 32


class Watched(Protocol):
    @property
    def deadline(self) -> float:
        """In the loop's time."""

    def overdue(self) -> None:
        """The deadline has passed; called once for each look until it is moved or forgotten."""


class Sweep:
    def __init__(self, interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._members: set[Watched] = set()
        self.watch = self._members.add
        self.forget = self._members.discard
        self.now = self._loop.time()  # of the last look: precise enough for a new deadline
        self._timer = self._loop.call_later(interval, self._look)

    def __len__(self) -> int:
        return len(self._members)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._interval, self._look)
        now = self.now = self._loop.time()
        late = [member for member in self._members if member.deadline < now]
        if late:
            self._tell(late)

    def _tell(self, late: list[Watched]) -> None:
        """In slices, with a round of the loop between them: a thousand ends at once would be felt by everybody else."""
        for member in late[-AT_ONCE:]:
            if member in self._members and member.deadline < self.now:
                member.overdue()
        del late[-AT_ONCE:]
        if late:
            self._loop.call_soon(self._tell, late)

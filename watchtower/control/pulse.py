"""Whether a worker still goes round its loop: it beats, and the supervisor counts how often it looked and found no beat.

Looks are counted, not seconds. When the machine slept, or all processes were stopped, the supervisor looked as little as
its workers beat, and nobody is taken for dead.
"""

from dataclasses import dataclass
from typing import Final

BEAT_S: Final = 0.5
LOOK_S: Final = 1.0
HANGS_AFTER: Final = 3
# gunicorn kills after 30 s, for its workers may block while they work. Ours stop all of their clients when they do.
LOST_AFTER: Final = 10


@dataclass(slots=True)
class Pulse:
    missed: int = 0

    def beat(self) -> None:
        self.missed = 0

    def look(self) -> None:
        self.missed += 1

    @property
    def is_hanging(self) -> bool:
        return self.missed >= HANGS_AFTER

    @property
    def is_lost(self) -> bool:
        return self.missed >= LOST_AFTER

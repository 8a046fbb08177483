"""How long each measurement takes, and in which order they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Way = TypeVar("_Way")


@dataclass(frozen=True, slots=True)
class Pace:
    rounds: int
    seconds: int

    def turns(self, ways: Sequence[_Way]) -> Iterator[tuple[int, _Way]]:
        """Every way once in each round, there and back: a machine that slows down favours none of them."""
        for number in range(self.rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                yield number, way

    def in_seconds(self, times: int = 1) -> "Pace":
        """As long in all, or some times as long, in rounds of a second.

        One hiccup of the machine spoils one of them, and not their median.
        """
        return Pace(self.rounds * self.seconds * times, 1)

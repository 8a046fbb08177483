"""One quantity over time: its interval, its decision, and whether it still is what it was.

A confidence sequence is about one mean. A shadow that is deployed anew has another, and the old evidence would hide it
for long. So every `BLOCK` pairs a sequence of its own begins beside the main one. When the two exclude each other, the
quantity has changed: the younger one becomes the main one, and the verdict counts from its beginning.

The promise holds for all of them together: the first sequence has half of alpha, and block b ≥ 1 has alpha/2 · 1/(b(b+1)),
which adds up to alpha. Where a block begins is settled before its values are seen. The intervals of one sequence are
intersected, for all of them hold together, until they contradict each other or the value: then the latest holds alone.

Sources: Ville 1939 for the intersection; the beginning of sequences one after another is the e-detector of Shin, Ramdas
and Rinaldo 2022, with a union bound in the place of their sum.
"""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from watchtower.compare.confidence import Array
from watchtower.compare.gauges import Gauge

VERSION: Final = 1
BLOCK: Final = 4000  # pairs: a change is found within a block or two, and a million pairs cost 12 nats of evidence more
_FIRST_LOOK: Final = 250  # pairs of a block; then at every doubling: looking is free of error, but takes a millisecond
_GROWTH: Final = 1.1  # of the main sequence between two looks


class Decision(StrEnum):
    WITHIN = "within"  # better, equal, or worse by no more than the margin
    WORSE = "worse"
    UNDECIDED = "undecided"


class Track:
    def __init__(
        self,
        make: Callable[[], Gauge],
        alpha: float,
        promise: str = "",
        shown: Callable[[float], str] = "{:.4g}".format,
    ) -> None:
        self._make, self._alpha = make, alpha
        self._shown = shown  # how a person reads a value
        self._promise = promise  # what the interval's ends depend on beside the values
        self.main = make()
        self.recent: Gauge | None = None
        self._main_block = self._block = 0  # of the main sequence, and the youngest
        self._next_look, self._next_recent = 0.0, _FIRST_LOOK
        self._recent_since_ns = 0
        self.low, self.high = -math.inf, math.inf
        self.since_ns = 0  # of the main sequence's first pair
        self.decision = Decision.UNDECIDED
        self.decided_ns = 0  # when it became what it is
        self.changed = ""  # what the last change was, for a person

    @property
    def alpha(self) -> float:
        """Of the main sequence."""
        return self._alpha_of(self._main_block)

    def update(self, values: Array, others: Array, at_ns: int) -> None:
        if not len(values) and not len(others):
            return
        self.since_ns = self.since_ns or at_ns
        self.main.update(values, others)
        if self.recent is not None:
            self.recent.update(values, others)
            if self.recent.count >= self._next_recent:
                self._next_recent = self.recent.count * 2
                self._watch(self.recent, at_ns)
        if self.main.count >= self._next_look:
            self.look(at_ns)
        if self.main.count >= BLOCK and (self.recent is None or self.recent.count >= BLOCK):
            self._block += 1
            self.recent, self._next_recent, self._recent_since_ns = self._make(), _FIRST_LOOK, at_ns

    def look(self, at_ns: int) -> None:
        """Narrows the interval by what is known now, and decides."""
        self._next_look = self.main.count * _GROWTH
        low, high = self.main.interval(self.alpha)
        before = (self.low, self.high)
        self.low, self.high = max(self.low, low), min(self.high, high)
        lowest, highest = self._unmoved_extent()  # NaN, and so on no side, while one of two means has no pair yet
        if self.low > self.high or lowest < self.low or highest > self.high:
            # Hours that are unlike the first ones, most often. The interval of now holds by itself; what the past had
            # settled beyond it does not any more. Whether it is another shadow altogether, the younger sequence says.
            self.low, self.high = low, high
            self.changed = f"{self._between(*before)} once, {self._between(low, high)} now"
        self._decide(at_ns)

    def _watch(self, recent: Gauge, at_ns: int) -> None:
        low, high = recent.interval(self._alpha_of(self._block))
        lowest, highest = self._unmoved_extent()
        limit = self.main.limit
        # Too many pairs that nobody could read keep the main one from any decision for long after the last of them.
        is_over = lowest <= limit < highest and (low > limit or high <= limit)
        if low > self.high or high < self.low or is_over:
            self.changed = f"{self._between(self.low, self.high)} before, {self._between(low, high)} since"
            self.main, self.recent, self._main_block = recent, None, self._block
            self.since_ns, self._next_look = self._recent_since_ns, 0.0
            self.low, self.high = low, high
            self._decide(at_ns)

    def _decide(self, at_ns: int) -> None:
        limit = self.main.limit
        is_two_sided = self.main.is_two_sided
        if self.low > limit or (is_two_sided and self.high < -limit):
            decision = Decision.WORSE
        elif self.high <= limit and not (is_two_sided and self.low < -limit):
            decision = Decision.WITHIN
        else:
            decision = Decision.UNDECIDED
        if decision is not self.decision:
            self.decision, self.decided_ns = decision, at_ns

    def _unmoved_extent(self) -> tuple[float, float]:
        """The value's extent as the ends are held: against the limit, not beside the margin."""
        moved = self.main.margin - self.main.limit
        low, high = self.main.extent
        return low - moved, high - moved

    def _value(self, end: float) -> str:
        return self._shown(end + self.main.margin - self.main.limit)

    def _between(self, low: float, high: float) -> str:
        return f"{self._value(low)} to {self._value(high)}"

    def _alpha_of(self, block: int) -> float:
        return self._alpha / 2 / (block * (block + 1) if block else 1)

    def state(self) -> tuple[Any, ...]:
        return (
            VERSION,
            self._promise,
            self.main.state(),
            None if self.recent is None else self.recent.state(),
            self._main_block,
            self._block,
            self._next_look,
            self._next_recent,
            self._recent_since_ns,
            self.low,
            self.high,
            self.since_ns,
            self.decision.value,
            self.decided_ns,
            self.changed,
        )

    def restore(self, state: tuple[Any, ...]) -> None:
        """With another promise than before (alpha, what is allowed) the values stay, and the interval is found anew."""
        version, promise, main, recent, *rest = state
        if version != VERSION:
            raise ValueError(f"a state of a track of version {version}, and {VERSION} is read")
        self.main = _restored(self._make(), main)
        self.recent = None if recent is None else _restored(self._make(), recent)
        self._main_block, self._block, self._next_look, self._next_recent, self._recent_since_ns, *rest = rest
        self.low, self.high, self.since_ns, decision, self.decided_ns, self.changed = rest
        self.decision = Decision(decision)
        if promise != self._promise:
            self.low, self.high, self._next_look = -math.inf, math.inf, 0.0


def _restored(gauge: Gauge, state: bytes) -> Gauge:
    gauge.restore(state)
    return gauge

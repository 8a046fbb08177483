"""What a verdict is about: one quantity of a shadow, its margin, and how sure one may be of it."""

import math
from typing import Final, Protocol

import msgspec
import numpy as np

from watchtower.compare.confidence import Array, least_factor
from watchtower.compare.latencies import Latencies
from watchtower.compare.partly_known import PartlyKnownMean
from watchtower.compare.settings import LatencyMargin

_SECOND: Final = 1e9


class Gauge(Protocol):
    """Positive is worse. `interval` holds over all times together with a chance of error of `alpha` at most."""

    is_two_sided: bool  # a change to below minus the limit is worse, too

    @property
    def limit(self) -> float:
        """What the interval is held against; it never moves, so that intervals of all times can be intersected."""

    @property
    def count(self) -> int: ...
    @property
    def value(self) -> float: ...
    @property
    def extent(self) -> tuple[float, float]:
        """Between which the value lies if those pairs count, too, of which nobody knows what they say."""

    @property
    def unread(self) -> float:
        """Share of the pairs of which nobody knows what they say, a twin's added."""

    @property
    def margin(self) -> float: ...
    def update(self, values: Array, others: Array) -> None: ...
    def interval(self, alpha: float) -> tuple[float, float]: ...
    def more(self, alpha: float) -> int | None: ...
    def state(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...


class MeanGauge:
    """The mean of bounded values, one a pair, NaN where it is not known; `others` are none."""

    def __init__(self, levels: Array, margin: float, *, is_two_sided: bool = False) -> None:
        self.is_two_sided = is_two_sided
        self.margin = self.limit = margin
        self._mean = PartlyKnownMean(levels)

    @property
    def count(self) -> int:
        return round(self._mean.count)

    @property
    def value(self) -> float:
        return self._mean.mean

    @property
    def extent(self) -> tuple[float, float]:
        return self._mean.extent

    @property
    def unread(self) -> float:
        return self._mean.unknown

    def update(self, values: Array, others: Array) -> None:  # noqa: ARG002  the other gauges compare with them
        self._mean.update(values)

    def interval(self, alpha: float) -> tuple[float, float]:
        return self._mean.interval(alpha)

    def more(self, alpha: float) -> int | None:
        wanted = [self._mean.more(self.margin, alpha)]
        if self.is_two_sided:
            wanted.append(self._mean.more(-self.margin, alpha))
            if abs(self.value) > self.margin:  # one of the two is on its side; the nearer one decides
                wanted = [self._mean.more(math.copysign(self.margin, self.value), alpha)]
        known = [number for number in wanted if number is not None]
        return max(known) if len(known) == len(wanted) else None

    def state(self) -> bytes:
        return self._mean.state()

    def restore(self, state: bytes) -> None:
        self._mean.restore(state)


class TwinGauge:
    """The mean of a shadow's values minus the mean of its twin's, which is the primary's own noise.

    The two need not come from the same requests, so each mean has its own sequence, at half of alpha.
    """

    is_two_sided = False

    def __init__(self, levels: Array, margin: float) -> None:
        self.margin = self.limit = margin
        self._own, self._twin = PartlyKnownMean(levels), PartlyKnownMean(levels)

    @property
    def count(self) -> int:
        return round(self._own.count)

    @property
    def value(self) -> float:
        return self._own.mean - self._twin.mean

    @property
    def extent(self) -> tuple[float, float]:
        return _minus(self._own.extent, self._twin.extent)

    @property
    def unread(self) -> float:
        return self._own.unknown + self._twin.unknown

    def update(self, values: Array, others: Array) -> None:
        self._own.update(values)
        self._twin.update(others)

    def interval(self, alpha: float) -> tuple[float, float]:
        return _minus(self._own.interval(alpha / 2), self._twin.interval(alpha / 2))

    def more(self, alpha: float) -> int | None:
        count = self._own.count
        if not count or not self._twin.count:
            return None

        def is_enough(factor: float) -> bool:
            own, twin = self._own.scaled(factor), self._twin.scaled(factor)
            low, high = _minus(own.interval(alpha / 2), twin.interval(alpha / 2))
            return low > self.margin or high <= self.margin

        factor = least_factor(is_enough)
        return None if factor is None else max(1, math.ceil(count * (factor - 1)))

    def state(self) -> bytes:
        return msgspec.msgpack.encode((self._own.state(), self._twin.state()))

    def restore(self, state: bytes) -> None:
        own, twin = msgspec.msgpack.decode(state)
        self._own.restore(own)
        self._twin.restore(twin)


class LatencyGauge:
    """A quantile of the shadow's latencies (`values`) minus the same of the primary's (`others`), in seconds.

    Each quantile has its own sequence, at half of alpha. What is allowed may grow with the primary's quantile, which is
    itself known only within an interval: the interval here is of "difference minus what is allowed".
    """

    is_two_sided = False
    limit = 0.0
    unread = 0.0

    def __init__(self, p: float, allowed: LatencyMargin) -> None:
        self._p, self._allowed = p, allowed
        self._shadow, self._primary = Latencies(), Latencies()

    @property
    def count(self) -> int:
        return round(self._shadow.count)

    @property
    def value(self) -> float:
        return (self._shadow.quantile(self._p) - self._primary.quantile(self._p)) / _SECOND

    @property
    def extent(self) -> tuple[float, float]:
        return self.value, self.value

    @property
    def margin(self) -> float:
        quantile = self._primary.quantile(self._p)
        return self._at_most(0.0 if math.isnan(quantile) else quantile / _SECOND)

    def update(self, values: Array, others: Array) -> None:
        self._shadow.update(values)
        self._primary.update(others)

    def interval(self, alpha: float) -> tuple[float, float]:
        return self._interval(self._shadow, self._primary, alpha)

    def more(self, alpha: float) -> int | None:
        count = self.count
        shadow, primary = self._shadow, self._primary
        if not count:  # as if both took a millisecond: the fewest that decide at all
            shadow, primary = Latencies(), Latencies()
            shadow.update(np.array([1e6]))
            primary.update(np.array([1e6]))

        def is_enough(factor: float) -> bool:
            low, high = self._interval(shadow.scaled(factor), primary.scaled(factor), alpha)
            return low > 0 or high <= 0

        factor = least_factor(is_enough)
        return None if factor is None else max(1, math.ceil(shadow.count * factor - count))

    def _interval(self, shadow: Latencies, primary: Latencies, alpha: float) -> tuple[float, float]:
        shadow_low, shadow_high = shadow.interval(self._p, alpha / 2)
        primary_low, primary_high = (end / _SECOND for end in primary.interval(self._p, alpha / 2))
        high = shadow_high / _SECOND - primary_low - self._at_most(primary_low)
        if primary_high == math.inf:
            return -math.inf, high
        return shadow_low / _SECOND - primary_high - self._at_most(primary_high), high

    def _at_most(self, primary: float) -> float:
        return max(self._allowed.absolute, self._allowed.relative * primary)

    def state(self) -> bytes:
        return msgspec.msgpack.encode((self._shadow.state(), self._primary.state()))

    def restore(self, state: bytes) -> None:
        shadow, primary = msgspec.msgpack.decode(state)
        self._shadow.restore(shadow)
        self._primary.restore(primary)


def _minus(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] - b[1], a[1] - b[0]

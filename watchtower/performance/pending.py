from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from watchtower.performance.labels import Label
from watchtower.performance.sparse import read_version, versioned

VERSION: Final = 1


class PendingState(msgspec.Struct, frozen=True, array_like=True):
    labels: list[tuple[int, Label]]
    expired: int
    dropped: int


class PendingLabels:
    """Labels whose request is not known: kept until their period ends or it comes, then counted or joined.

    The oldest arrive first and leave first, so a mapping in order of arrival is the queue. In memory, so bounded in number:
    beyond `limit` the oldest is dropped and counted. A label that comes twice waits once, as the one of the later time.
    """

    def __init__(self, *, period_ns: int, limit: int) -> None:
        self._period_ns = period_ns
        self._limit = limit
        # By request id, and by endpoint and row; with when it came. A plain dict finds its first key behind all that were removed.
        self._waiting: OrderedDict[bytes, dict[tuple[str, int], tuple[int, Label]]] = OrderedDict()
        self._count = 0
        self.expired = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._count

    def wait(self, label: Label, now_ns: int) -> None:
        rows = self._waiting.get(label.request_id)
        if rows is None:
            rows = self._waiting[label.request_id] = {}
        place = label.endpoint, label.row
        before = rows.get(place)
        if before is None:
            self._count += 1
            rows[place] = now_ns, label
        elif label.at_ns >= before[1].at_ns:
            rows[place] = before[0], label
        while self._count > self._limit:
            self.dropped += self._leave_first()

    def found(self, request_ids: Iterable[bytes]) -> list[Label]:
        """The labels of requests that have come to be known; they wait no longer."""
        if not self._waiting:
            return []
        labels = [label for one in request_ids if one in self._waiting for _, label in self._waiting.pop(one).values()]
        self._count -= len(labels)
        return labels

    def expire(self, now_ns: int) -> int:
        """How many have waited for their whole period in vain; by the request id's first label."""
        before = self.expired
        while self._waiting:
            came_ns, _ = next(iter(next(iter(self._waiting.values())).values()))
            if now_ns - came_ns < self._period_ns:
                break
            self.expired += self._leave_first()
        return self.expired - before

    def _leave_first(self) -> int:
        _, rows = self._waiting.popitem(last=False)
        self._count -= len(rows)
        return len(rows)

    def state(self) -> bytes:
        waiting = [each for rows in self._waiting.values() for each in rows.values()]
        return versioned(VERSION, PendingState(waiting, self.expired, self.dropped))

    def restore(self, data: bytes) -> None:
        kept = read_version(data, VERSION, PendingState)
        self._waiting, self._count = OrderedDict(), 0
        self.expired, self.dropped = kept.expired, kept.dropped
        for came_ns, label in kept.labels:
            self.wait(label, came_ns)

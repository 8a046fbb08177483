"""The worst pairs of a shadow, kept for reading and for replay.

Which ones stay depends on the pairs alone, not on their order: the largest severities, of equal ones the smaller request
id. Failures look alike, so they have a quarter of the places, and the rest is for answers that differ. Every pair may
take its share of the bytes and no more, so that one large body cannot drive out ten others; a longer body is cut, and
says so.
"""

from collections.abc import Iterable
from heapq import heapify, heappush, heapreplace
from typing import Any, Final

import msgspec

from watchtower.compare.difference import COMPARED, UNLIKE, Difference, Failure
from watchtower.compare.readings import DISTANCES
from watchtower.compare.worst_pair import WorstPair

VERSION: Final = 1
_OWN_SIZE: Final = 512  # bytes of a pair beside its bodies and its details


class Worst:
    def __init__(self, limit: int, max_bytes: int) -> None:
        self._places = (limit - limit // 4, limit // 4)  # answers, failures
        self._each = max(0, max_bytes // max(1, limit) - _OWN_SIZE)
        # Heaps whose first is the one to go: the least severe, of equals the larger id. Keys are unique.
        self._kept: tuple[list[tuple[_Key, WorstPair]], ...] = ([], [])
        self._keys: tuple[set[_Key], ...] = (set(), set())

    def wants(self, request_id: bytes, difference: Difference) -> bool:
        """Whether the pair would be kept, so that nobody gathers the bodies of one that would not."""
        if difference.agrees or not (how_bad := severity(difference)):
            return False
        side = _side(difference)
        kept = self._kept[side]
        if len(kept) < self._places[side]:
            return True
        if not kept or how_bad < kept[0][0][0]:
            return False
        return (how_bad, _turned(request_id)) >= kept[0][0][:2]

    def add(
        self,
        request_id: bytes,
        at_ns: int,
        difference: Difference,
        request: bytes,
        primary: bytes,
        shadow: bytes,
        paths: Iterable[tuple[str, str, int]] = (),
    ) -> None:
        """`paths`: from `Comparer.paths`, where the difference itself has none."""
        if not self.wants(request_id, difference):
            return
        room = self._each // 3
        details = {
            f"{name} ({column.measure})": {key: value for key, value in column.values().items() if key in _NAMES}
            for name, column in difference.columns.items()
            if column.disagreeing
        }
        pair = WorstPair(
            request_id,
            at_ns,
            severity(difference),
            difference.failure.value,
            difference.latency_ns,
            dict(list(details.items())[:_MAX_DETAILS]),
            [(path, str(change), times) for path, change, times in difference.paths or paths],
            request[:room],
            primary[:room],
            shadow[:room],
            max(len(request), len(primary), len(shadow)) > room,
        )
        self._keep(_side(difference), pair)

    def _keep(self, side: int, pair: WorstPair) -> None:
        key = (pair.severity, _turned(pair.request_id), pair.at_ns)
        if key in self._keys[side]:
            return
        item = (key, pair)
        if len(self._kept[side]) < self._places[side]:
            heappush(self._kept[side], item)
        elif self._kept[side] and key > self._kept[side][0][0]:
            gone, _ = heapreplace(self._kept[side], item)
            self._keys[side].discard(gone)
        else:
            return
        self._keys[side].add(key)

    def forget(self, until_ns: int) -> int:
        """Those that began before; gives how many there were."""
        gone = [[item for item in kept if item[1].at_ns < until_ns] for kept in self._kept]
        for kept, keys, old in zip(self._kept, self._keys, gone, strict=True):
            if old:
                keys -= {key for key, _ in old}
                kept[:] = [item for item in kept if item[0] in keys]
                heapify(kept)
        return sum(map(len, gone))

    def pairs(self) -> list[WorstPair]:
        """The worst first."""
        return [pair for _, pair in sorted((item for kept in self._kept for item in kept), key=_first, reverse=True)]

    def merge(self, other: "Worst") -> None:
        for side, kept in enumerate(other._kept):  # noqa: SLF001  of the same class
            for _, pair in kept:
                self._keep(side, pair)

    def state(self) -> bytes:
        return msgspec.msgpack.encode((VERSION, [[pair for _, pair in kept] for kept in self._kept]))

    def restore(self, state: bytes) -> None:
        version, sides = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a state of worst pairs of version {version}, and {VERSION} is read")
        self._kept, self._keys = ([], []), (set(), set())
        for side, kept in enumerate(sides):
            for pair in kept:
                self._keep(side, msgspec.convert(pair, WorstPair))


def severity(difference: Difference) -> float:
    """From 0 to 4: a failure, an answer that is unlike as a whole, the share of bad rows.

    Of equal shares, the larger first distance goes first; it is squashed into what one row of a thousand weighs.
    """
    if difference.failure is Failure.SHADOW:
        return 4.0
    share = difference.rows_disagreeing / difference.rows if difference.rows else 0.0
    largest = max([column.first_max for column in difference.columns.values()], default=0.0)
    return (2.0 if difference.failure in UNLIKE else 0.0) + share + 1e-3 * largest / (1 + largest)


_Key = tuple[float, bytes, int]
_MAX_DETAILS: Final = 20  # columns of one pair: what a person reads
_NAMES: Final = frozenset(name for names in DISTANCES.values() for name in names if name)
_COMPLEMENT: Final = bytes(range(255, -1, -1))


def _turned(request_id: bytes) -> bytes:
    """Larger is kept: of equal severities the smaller id, whose complement is the larger."""
    return request_id.translate(_COMPLEMENT) + b"\xff"


def _side(difference: Difference) -> int:
    return 0 if difference.failure in COMPARED else 1


def _first(item: tuple[_Key, Any]) -> _Key:
    return item[0]

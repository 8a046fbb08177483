"""Of how many rows of the label period the label is known, by who answered: what every number is to be read beside."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchtower.performance.coverage import Coverage
from watchtower.record import Role

# Rows leave the account when their whole part of the period has ended.
_PARTS: Final = 30


class PeriodCoverage:
    """By parts of the period, each told by the time of its rows' answers, so that a row and its label meet in one."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._part_ns = max(period_ns // _PARTS, 1)
        self._parts: dict[tuple[str, str, int], Coverage] = {}  # by role, who, and the part's beginning
        self._newest_ns = 0

    def answered(self, role: str, who: str, at_ns: int, rows: int) -> None:
        self._part(role, who, at_ns).answered(rows)

    def labelled(self, role: str, who: str, started_ns: NDArray[np.int64], lags_ns: NDArray[np.int64]) -> None:
        parts = started_ns // self._part_ns
        for part in np.unique(parts).tolist():
            self._part(role, who, part * self._part_ns).update(lags_ns[parts == part])

    def set_back(self, now_ns: int) -> None:
        """What a clock counted that was ahead says nothing of the period, and ends nothing of it."""
        if self._newest_ns > now_ns:
            self._newest_ns = now_ns
            self._parts = {key: part for key, part in self._parts.items() if key[2] <= now_ns}

    def of(self, role: str | None = None, who: str | None = None) -> Coverage:
        """Of one who answered, in whatever role, or of all with such a role."""
        whole = Coverage()
        for (its, name, _), part in self._parts.items():
            if role in {None, its} and who in {None, name}:
                whole.merge(part)
        return whole

    def roles(self) -> dict[str, str]:
        """Everybody who answered, with the role of late: a shadow may have become a variant."""
        return {who: role for role, who, _ in sorted(self._parts, key=lambda key: (key[2], key[0] == Role.PRIMARY))}

    def _part(self, role: str, who: str, at_ns: int) -> Coverage:
        begins_ns = at_ns - at_ns % self._part_ns
        found = self._parts.get((role, who, begins_ns))
        if found is None:
            found = self._parts[role, who, begins_ns] = Coverage()
            self._forget(at_ns)
        return found

    def _forget(self, at_ns: int) -> None:
        self._newest_ns = max(self._newest_ns, at_ns)
        before = self._newest_ns - self._period_ns - self._part_ns
        for key in [key for key in self._parts if key[2] < before]:
            del self._parts[key]

    def state(self) -> list[tuple[str, str, int, bytes]]:
        return [(*key, part.state()) for key, part in self._parts.items()]

    def restore(self, state: Iterable[tuple[str, str, int, bytes]]) -> None:
        for role, who, begins_ns, kept in state:
            part = self._parts[role, who, begins_ns] = Coverage()
            part.restore(kept)
            self._newest_ns = max(self._newest_ns, begins_ns)

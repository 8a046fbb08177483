"""What one pair says: who failed, how much slower the shadow was, and where the two answers differ."""

from collections.abc import Mapping
from typing import Final

import msgspec

from watchtower.compare.columns import ColumnDifference
from watchtower.compare.structure import PathDifference
from watchtower.record import Word

NO_COLUMNS: Final[Mapping[str, ColumnDifference]] = {}


class Failure(Word):
    """Why a pair has, or has not, two answers that can be compared. It is a label of the metrics."""

    NONE = "none"
    BOTH = "both_failed"
    PRIMARY = "primary_failed"
    SHADOW = "shadow_failed"
    STATUS = "status"  # both answered, with statuses that differ
    SHADOW_UNREADABLE = "shadow_unreadable"  # the primary's answer was understood, and the shadow's, all there, was not
    UNREADABLE = "unreadable"  # both answered, and nobody knows if alike: cut, not kept, not understood
    TOO_LARGE = "too_large"  # the shadow's answer was over its `max_body` and given up: nobody knows if alike, or how long it took
    NOT_ASKED = "not_asked"  # the shadow was skipped, or the client left before the primary's answer


UNLIKE: Final = frozenset({Failure.STATUS, Failure.SHADOW_UNREADABLE})
# Of these it is known of the answers themselves if they agree.
COMPARED: Final = UNLIKE | {Failure.NONE}


class Difference(msgspec.Struct, frozen=True, gc=False):
    agrees: bool  # no row disagrees; False as well where nothing was compared
    failure: Failure
    primary_ns: int
    shadow_ns: int
    rows: int = 0  # compared
    rows_disagreeing: int = 0
    score: float | None = None  # mean of the score column, shadow's minus primary's, in its unit; NaN: nobody knows
    columns: Mapping[str, ColumnDifference] = NO_COLUMNS
    paths: tuple[PathDifference, ...] = ()

    @property
    def latency_ns(self) -> int:
        return self.shadow_ns - self.primary_ns

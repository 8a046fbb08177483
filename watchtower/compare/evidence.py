"""What a batch of pairs says for and against each budget, as arrays."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from watchtower.compare.confidence import Array
from watchtower.compare.difference import COMPARED, Difference, Failure

NOTHING: Final[Array] = np.zeros(0)
_UNKNOWN: Final = frozenset({Failure.UNREADABLE, Failure.TOO_LARGE})
_ERRORS: Final = {Failure.SHADOW: 1.0, Failure.PRIMARY: -1.0}


class Evidence(NamedTuple):
    """Made once for a shadow, and once for its twin."""

    disagreement: Array  # NaN where nobody knows
    errors: Array
    score: Array  # likewise
    primary_ns: Array
    shadow_ns: Array


NO_EVIDENCE: Final = Evidence(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


def evidence(differences: Iterable[Difference]) -> Evidence:
    disagreement: list[float] = []
    errors: list[float] = []
    scores: list[float] = []
    primary_ns: list[int] = []
    shadow_ns: list[int] = []
    for difference in differences:
        failure = difference.failure
        if failure is Failure.NOT_ASKED:
            continue
        errors.append(_ERRORS.get(failure, 0.0))
        if failure in COMPARED or difference.rows_disagreeing:  # what was seen to differ, whatever was hidden beside it
            disagreement.append(difference.rows_disagreeing / difference.rows)
        elif failure in _UNKNOWN:
            disagreement.append(math.nan)
        else:
            continue
        if difference.score is not None:
            scores.append(difference.score)
        if failure is Failure.TOO_LARGE:
            continue
        primary_ns.append(difference.primary_ns)
        shadow_ns.append(difference.shadow_ns)
    lists: tuple[Sequence[float], ...] = (disagreement, errors, scores, primary_ns, shadow_ns)
    return Evidence(*(np.array(values, np.float64) for values in lists))

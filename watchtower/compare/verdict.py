"""The verdict on one shadow: for each budget better or equal within the margin, worse, or not decided yet.

Promise: with the chance `alpha` (1 % by default) at most, any budget's interval is ever wrong, however often and
whenever it is read. Alpha is divided equally among the budgets of the shadow (Bonferroni: the budgets depend on each
other in ways that nobody knows), within a budget over its sequences (`track`), and there over the two ends.

The unit is the pair, for the rows of one request resemble each other: a batch counts as its share of rows that disagree.
What a pair brings to which budget:

| failure | disagreement | errors | latency |
|---|---|---|---|
| none, status | share of rows | 0 | both |
| shadow unreadable | 1 | 0 | both |
| unreadable | 0 to 1 (`partly_known`), or share of the rows that are seen to differ | 0 | both |
| too large | 0 to 1 | 0 | – |
| shadow failed, primary failed, both | – | +1, −1, 0 | – |
| not asked | – | – | – |

The promise stands on the pairs' being alike: with their past given, each has the same chance to disagree. Retries
of one request, sent by the hundred, are not; and a breaker that is open leaves out pairs that would have failed.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from watchtower.compare.confidence import DIFFERENCES, FRACTIONS, SIGNS
from watchtower.compare.evidence import NO_EVIDENCE, NOTHING, Evidence
from watchtower.compare.gauges import Gauge, LatencyGauge, MeanGauge, TwinGauge
from watchtower.compare.settings import CompareSettings
from watchtower.compare.track import Decision, Track
from watchtower.record import Word
from watchtower.units import format_duration

VERSION: Final = 1
_MOST_UNREAD: Final = 0.5  # beyond it, no value is told: the few pairs that are known may be known for what they say


class Budget(Word):
    DISAGREEMENT = "disagreement"
    ERRORS = "errors"
    P50 = "p50"
    P95 = "p95"
    SCORE = "score"


def _shown_latency(seconds: float) -> str:
    return f"{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}" if math.isfinite(seconds) else "unknown"


_SHOWN: Final[dict[Budget, Callable[[float], str]]] = {
    Budget.DISAGREEMENT: "{:.3%}".format,
    Budget.ERRORS: "{:+.3%}".format,
    Budget.P50: _shown_latency,
    Budget.P95: _shown_latency,
    Budget.SCORE: "{:+.4g}".format,
}


class Verdict(msgspec.Struct, frozen=True):
    """Latencies are in seconds, a score is in its own unit. An end that is not known yet is None, as is a value without pairs."""

    budget: Budget
    decision: Decision
    value: float | None
    low: float | None
    high: float | None
    margin: float
    pairs: int
    since_ns: int  # of the first pair that it counts
    decided_ns: int  # since when the decision is what it is
    more: int | None  # pairs that it still needs, about; 0 when decided, None when no number would be enough
    changed: str  # why it counts from `since_ns`, when it began anew
    unread: float = 0.0  # share of the pairs, its twin's added, of which nobody knows what they say


class ShadowVerdict:
    """`has_twin`: the disagreement is the shadow's minus its twin's, whose evidence is then handed to `update`, too.

    `reading`: by what bodies become answers, as far as that is configured.
    """

    def __init__(self, settings: CompareSettings, reading: str = "", *, has_twin: bool = False) -> None:
        makers = _makers(settings, has_twin=has_twin)
        alpha = settings.alpha / max(1, len(makers))
        # Ends of intervals depend on alpha and on what latencies are allowed; the margins of means do not enter them.
        promise = repr((alpha, settings.budgets.p50, settings.budgets.p95))
        self._tracks = {budget: Track(make, alpha, promise, _SHOWN[budget]) for budget, make in makers.items()}
        self._meaning = {budget: _meaning(settings, reading, budget, has_twin=has_twin) for budget in makers}
        self._has_twin = has_twin

    def update(self, own: Evidence, at_ns: int, twin: Evidence = NO_EVIDENCE) -> None:
        """`at_ns`: the latest start in the batch."""
        inputs = {
            Budget.DISAGREEMENT: (own.disagreement, twin.disagreement if self._has_twin else NOTHING),
            Budget.ERRORS: (own.errors, NOTHING),
            Budget.P50: (own.shadow_ns, own.primary_ns),
            Budget.P95: (own.shadow_ns, own.primary_ns),
            Budget.SCORE: (own.score, NOTHING),
        }
        for budget, track in self._tracks.items():
            track.update(*inputs[budget], at_ns)

    def verdicts(self, now_ns: int) -> list[Verdict]:
        """Of every budget, as of now. Reading narrows the intervals by what is known, and costs no error."""
        return [self._verdict(budget, track, now_ns) for budget, track in self._tracks.items()]

    def _verdict(self, budget: Budget, track: Track, now_ns: int) -> Verdict:
        gauge = track.main
        if gauge.count:
            track.look(now_ns)
            gauge = track.main
        # Ends are held against the limit; moved by as much, they can be read beside the margin.
        moved = gauge.margin - gauge.limit
        is_decided = track.decision is not Decision.UNDECIDED
        return Verdict(
            budget,
            track.decision,
            _known(gauge.value if gauge.count and gauge.unread <= _MOST_UNREAD else math.nan),
            _known(track.low + moved),
            _known(track.high + moved),
            gauge.margin,
            gauge.count,
            track.since_ns,
            track.decided_ns,
            0 if is_decided else gauge.more(track.alpha),
            track.changed,
            _known(gauge.unread) or 0.0,
        )

    def state(self) -> bytes:
        tracks = {budget.value: (self._meaning[budget], track.state()) for budget, track in self._tracks.items()}
        return msgspec.msgpack.encode((VERSION, tracks))

    def restore(self, state: bytes) -> None:
        """A budget that is new, or means another thing than before (tolerance, twin, protocol), begins with no pair."""
        version, tracks = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a verdict's state of version {version}, and {VERSION} is read")
        for budget, track in self._tracks.items():
            meaning, kept = tracks.get(budget.value, (None, None))
            if meaning == self._meaning[budget]:
                track.restore(kept)


def overall(verdicts: Iterable[Verdict]) -> Decision:
    """Worse if anything is; within only if everything is."""
    decisions = {verdict.decision for verdict in verdicts}
    if Decision.WORSE in decisions:
        return Decision.WORSE
    return Decision.WITHIN if decisions == {Decision.WITHIN} else Decision.UNDECIDED


def meaning_of_agreement(settings: CompareSettings, reading: str) -> str:
    """What counts as the same answer; pairs that were compared by another meaning must not be added to these."""
    limits = (settings.tolerance, settings.relative_tolerance, settings.threshold, settings.cosine, settings.similarity)
    paths = (settings.top_k, sorted(settings.columns.items()), settings.ignore, settings.unordered)
    return repr((limits, paths, reading))


def _meaning(settings: CompareSettings, reading: str, budget: Budget, *, has_twin: bool) -> str:
    """What a value of the budget says; values of another meaning must not be added to it."""
    if budget is Budget.SCORE:
        return repr((settings.score, reading))
    return repr((has_twin, meaning_of_agreement(settings, reading))) if budget is Budget.DISAGREEMENT else ""


def _makers(settings: CompareSettings, *, has_twin: bool) -> dict[Budget, Callable[[], Gauge]]:
    budgets, score = settings.budgets, settings.score
    makers: dict[Budget, Callable[[], Gauge]] = {}
    if (disagreement := budgets.disagreement) is not None:
        gauge: Any = TwinGauge if has_twin else MeanGauge
        makers[Budget.DISAGREEMENT] = lambda: gauge(FRACTIONS, disagreement)
    if (errors := budgets.errors) is not None:
        makers[Budget.ERRORS] = lambda: MeanGauge(SIGNS, errors)
    if (p50 := budgets.p50) is not None:
        makers[Budget.P50] = lambda: LatencyGauge(0.5, p50)
    if (p95 := budgets.p95) is not None:
        makers[Budget.P95] = lambda: LatencyGauge(0.95, p95)
    if score is not None and (margin := budgets.score) is not None:
        levels = DIFFERENCES * (score.high - score.low)
        makers[Budget.SCORE] = lambda: MeanGauge(levels, margin, is_two_sided=True)
    return makers


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""The verdict's promise and its price: how often a sequence is ever wrong, and how many pairs a decision takes.

Both are measured on sequences that are looked at after every pair. Beside ours stands what is done without it: the usual
99 % interval (mean ± 2.58 standard errors), which promises 1 % for one look at a size that was fixed before.
"""

import math
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.pace import Pace
from benchmarks.peers import Peer
from benchmarks.report import Claim, Part, Table
from watchtower.compare.answer import Answer
from watchtower.compare.comparer import Comparer
from watchtower.compare.confidence import BETS, DIFFERENCES, FRACTIONS, LOG_WEIGHTS, SHARES, SIGNS, Array
from watchtower.compare.evidence import evidence
from watchtower.compare.gauges import LatencyGauge
from watchtower.compare.pairing import Pairer
from watchtower.compare.settings import CompareSettings
from watchtower.compare.verdict import ShadowVerdict
from watchtower.table import Table as Rows

ALPHA: Final = 0.01
_BUDGETS: Final = 4  # of the default settings
_FIRST_LOOK: Final = 30  # pairs; the usual interval is not even asked before
Draw = Callable[[np.random.Generator, tuple[int, int]], Any]


def shares(p: float) -> Draw:
    return lambda rng, size: (rng.random(size) < p).astype(float)


def signs(worse: float, better: float) -> Draw:
    return lambda rng, size: rng.choice(SIGNS, size, p=[better, 1 - worse - better, worse])


TRUTHS: Final[Sequence[tuple[str, Array, float, Draw]]] = (
    ("disagreement of 1 %", SHARES, 0.01, shares(0.01)),
    ("disagreement of 20 %", SHARES, 0.2, shares(0.2)),
    ("errors: 0.6 % against 0.1 %", SIGNS, 0.005, signs(0.006, 0.001)),
    ("batches of 32 rows, 2 % disagree", FRACTIONS, 0.02, lambda rng, size: rng.binomial(32, 0.02, size) * (1 / 32)),
    ("score, differences of ±0.05", DIFFERENCES, 0.0, lambda rng, size: rng.uniform(-0.05, 0.05, size)),
    ("score, one in 200 moves by 1", DIFFERENCES, 0.005, lambda rng, size: (rng.random(size) < 0.005) * 1.0),
)
MEANS: Final[Sequence[tuple[str, Array, float, Draw]]] = (
    ("disagreement of 0, margin 2 %", SHARES, 0.02, shares(0.0)),
    ("disagreement of 0.5 %, margin 2 %", SHARES, 0.02, shares(0.005)),
    ("disagreement of 1 %, margin 2 %", SHARES, 0.02, shares(0.01)),
    ("disagreement of 5 %, margin 2 %", SHARES, 0.02, shares(0.05)),
    ("disagreement of 20 %, margin 2 %", SHARES, 0.02, shares(0.2)),
    ("no errors on either side, margin 0.5 %", SIGNS, 0.005, signs(0.0, 0.0)),
    ("errors 0.1 % on both sides, margin 0.5 %", SIGNS, 0.005, signs(0.001, 0.001)),
    ("errors 2 % against 0.1 %, margin 0.5 %", SIGNS, 0.005, signs(0.02, 0.001)),
)


def capital(levels: Array, values: Array, m: float, *, is_above: bool) -> Array:
    """Logarithm of the capital against "at most m" (or "at least m") after each value of each sequence."""
    distances, m = (levels - levels[0], m - levels[0]) if is_above else (levels[-1] - levels, levels[-1] - m)
    below = np.minimum(np.searchsorted(levels, values, side="right") - 1, len(levels) - 2)
    part = (values - levels[below]) / (levels[below + 1] - levels[below])
    total = np.full(values.shape, -np.inf)
    for bet, weight in zip(BETS, LOG_WEIGHTS, strict=True):
        logs = np.log1p(bet * (distances / m - 1))
        gained = np.cumsum(logs[below] * (1 - part) + logs[below + 1] * part, axis=1)
        np.logaddexp(total, gained + weight, out=total)
    return total


def _ever_wrong(levels: Array, mean: float, values: Array) -> tuple[float, float]:
    """Share of the sequences that ever exclude the truth: ours, and the usual interval."""
    most = np.maximum(
        capital(levels, values, mean, is_above=True).max(axis=1),
        capital(levels, values, mean, is_above=False).max(axis=1),
    )
    count = np.arange(1, values.shape[1] + 1)
    means = np.cumsum(values, axis=1) / count
    deviation = np.sqrt(np.maximum(np.cumsum(values**2, axis=1) / count - means**2, 0.0))
    # Where nothing has varied yet the usual interval has no width; nobody would believe it, so it is passed over.
    is_wrong = (np.abs(means - mean) > 2.576 * deviation / np.sqrt(count)) & (deviation > 0)
    return float((most >= math.log(2 / ALPHA)).mean()), float(is_wrong[:, _FIRST_LOOK:].any(axis=1).mean())


def _decided_after(levels: Array, margin: float, values: Array) -> Array:
    """Pairs until the first decision of each sequence, at the share of alpha that a budget has; infinite without one."""
    wanted = math.log(2 / (ALPHA / _BUDGETS / 2))
    is_decided = capital(levels, values, margin, is_above=True) >= wanted
    is_decided |= capital(levels, values, margin, is_above=False) >= wanted
    first = np.where(is_decided.any(axis=1), is_decided.argmax(axis=1) + 1.0, math.inf)
    return np.asarray(first, np.float64)


def _latency_decided_after(p: float, slower: float, seed: int) -> float:
    """Looked at at every twentieth more, for a look takes a millisecond."""
    rng, budgets = np.random.default_rng(seed), CompareSettings().budgets
    allowed = budgets.p50 if p == 0.5 else budgets.p95
    if allowed is None:
        return math.inf
    gauge = LatencyGauge(p, allowed)
    while gauge.count < 200_000:
        primary = rng.lognormal(math.log(40e6), 0.5, max(50, gauge.count // 20))
        gauge.update(primary * slower * rng.lognormal(0, 0.1, len(primary)), primary)
        low, high = gauge.interval(ALPHA / _BUDGETS / 2)
        if low > 0 or high <= 0:
            return gauge.count
    return math.inf


def _row(name: str, counts: Sequence[float]) -> tuple[str, ...]:
    ordered = sorted(counts)
    return name, *(f"{ordered[int(share * (len(ordered) - 1))]:,.0f}" for share in (0.5, 0.9))


def _costs() -> list[tuple[str, float]]:
    """Microseconds a pair, each the best of three."""
    comparer = Comparer(CompareSettings())
    one, other = (
        Answer("answered", 200, 10**6, Rows(("prediction",), [(value,)]), [value], b"%f" % value)
        for value in (0.5, 0.6)
    )
    differences = [comparer.compare(one, other), comparer.compare(one, one)] * 5000
    ids = [b"%032d" % number for number in range(10_000)]

    def paired() -> None:
        pairer: Pairer[Answer] = Pairer(30, 2**26)
        for at in range(0, len(ids), 1000):
            for request_id in ids[at : at + 1000]:
                pairer.primary(request_id, ("v2",), one, at, 500)
            for request_id in ids[at : at + 1000]:
                pairer.shadow(request_id, "v2", other, at, 500)

    def judged() -> None:
        verdict = ShadowVerdict(CompareSettings())
        for at in range(0, len(differences), 1000):
            verdict.update(evidence(differences[at : at + 1000]), at)

    works: list[tuple[str, Callable[[], object], int]] = [
        ("compare, one number that differs", lambda: comparer.compare(one, other), 1),
        ("compare, equal bodies", lambda: comparer.compare(one, one), 1),
        ("join by request id", paired, len(ids)),
        ("update the verdict, batches of 1,000", judged, len(differences)),
    ]
    costs: list[tuple[str, float]] = []
    for name, work, pairs in works:
        number = max(1, 20_000 // pairs)
        costs.append((name, min(timeit.repeat(work, number=number, repeat=3)) / number / pairs * 1e6))
    return costs


def measure(pace: Pace, peers: Sequence[Peer], folder: Path) -> Part:  # noqa: ARG001  a part is handed all three
    sequences, length = 400 * min(pace.rounds, 5), 5000
    rng = np.random.default_rng(1)
    wrong = [(name, *_ever_wrong(levels, mean, draw(rng, (sequences, length)))) for name, levels, mean, draw in TRUTHS]
    needed = [
        _row(name, _decided_after(levels, margin, draw(rng, (200, 12_000))).tolist())
        for name, levels, margin, draw in MEANS
    ]
    for p, margin in ((0.5, "10 %"), (0.95, "20 %")):
        for slower in (1.0, 1.05, 1.5):
            counts = [_latency_decided_after(p, slower, seed) for seed in range(5 * min(pace.rounds, 5))]
            needed.append(_row(f"p{p * 100:.0f} slower by {slower - 1:.0%}, margin {margin}", counts))
    costs = _costs()
    return Part(
        [
            Table(
                f"Sequences of {length:,} pairs, looked at after every pair: share that was ever wrong ({ALPHA:.0%} promised)",
                ("truth", "watchtower", "usual 99 % interval"),
                [(name, f"{ours:.2%}", f"{usual:.1%}") for name, ours, usual in wrong],
            ),
            Table(f"Pairs until a verdict, at {ALPHA:.0%} for {_BUDGETS} budgets", ("truth", "median", "90 %"), needed),
            Table("Time a pair", ("work", "µs"), [(name, f"{cost:.2f}") for name, cost in costs]),
        ],
        [
            Claim("share of sequences ever wrong, the worst", (max(ours for _, ours, _ in wrong),), ALPHA),
            Claim("µs to compare two numbers that differ", (costs[0][1],), 6.0),
        ],
        {"wrong": wrong, "needed": needed, "costs": costs},
    )

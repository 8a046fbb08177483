"""The verdict as a timetable of batches, its promise with everything at the margin, and how it finds a change."""

import math
from typing import Any

import numpy as np
import pytest

from watchtower.compare.difference import Difference, Failure
from watchtower.compare.evidence import NO_EVIDENCE, Evidence, evidence
from watchtower.compare.settings import BudgetSettings, CompareSettings, LatencyMargin, ScoreSettings
from watchtower.compare.track import Decision
from watchtower.compare.verdict import Budget, ShadowVerdict, Verdict, overall

SECOND = 1_000_000_000
SCORED = CompareSettings(score=ScoreSettings(column="p"), budgets=BudgetSettings(score=0.01))
WITHIN, WORSE, UNDECIDED = Decision.WITHIN, Decision.WORSE, Decision.UNDECIDED


def batch(
    rng: np.random.Generator,
    count: int,
    disagreement: float = 0.005,
    errors: tuple[float, float] = (0.001, 0.001),
    slower: float = 1.0,
    score: float = 0.0,
) -> Evidence:
    """`errors`: of the shadow and of the primary alone."""
    primary_ns = rng.lognormal(17, 0.4, count)
    signs = rng.choice([1.0, -1.0, 0.0], count, p=[*errors, 1 - sum(errors)])
    return Evidence(
        (rng.random(count) < disagreement).astype(float),
        signs,
        np.clip(rng.normal(score, 0.05, count), -1, 1),
        primary_ns,
        primary_ns * slower * rng.lognormal(0, 0.1, count),
    )


def judged(verdict: ShadowVerdict, now_ns: int = 99 * SECOND) -> dict[Budget, Verdict]:
    return {found.budget: found for found in verdict.verdicts(now_ns)}


def fed(
    verdict: ShadowVerdict, rng: np.random.Generator, batches: int, first: int = 1, **shape: float
) -> ShadowVerdict:
    for number in range(batches):
        verdict.update(batch(rng, 1000, **shape), (first + number) * SECOND)  # type: ignore[arg-type]  # by name
    return verdict


def decisions(**shape: Any) -> dict[Budget, Decision]:
    verdict = fed(ShadowVerdict(SCORED), np.random.default_rng(1), 12, **shape)
    return {budget: found.decision for budget, found in judged(verdict).items()}


def test_a_shadow_like_its_primary_is_within_every_margin() -> None:
    assert decisions() == dict.fromkeys(Budget, WITHIN)


def test_a_shadow_that_disagrees_is_worse_in_that_alone() -> None:
    assert decisions(disagreement=0.05) == dict.fromkeys(Budget, WITHIN) | {Budget.DISAGREEMENT: WORSE}


def test_a_shadow_that_fails_more_is_worse_in_that_alone() -> None:
    found = decisions(errors=(0.03, 0.001))

    assert found == dict.fromkeys(Budget, WITHIN) | {Budget.ERRORS: WORSE}


def test_a_slower_shadow_is_worse_in_both_quantiles() -> None:
    assert decisions(slower=1.6) == dict.fromkeys(Budget, WITHIN) | {Budget.P50: WORSE, Budget.P95: WORSE}


def test_a_faster_shadow_is_within() -> None:
    assert decisions(slower=0.5) == dict.fromkeys(Budget, WITHIN)


@pytest.mark.parametrize("score", [-0.05, 0.05])
def test_a_score_that_moved_either_way_is_worse(score: float) -> None:
    assert decisions(score=score)[Budget.SCORE] is WORSE


def test_without_a_pair_it_says_about_how_many_it_needs() -> None:
    found = judged(ShadowVerdict(SCORED))

    assert {verdict.decision for verdict in found.values()} == {UNDECIDED}
    assert found[Budget.DISAGREEMENT].more == pytest.approx(450, rel=0.1)
    assert all(verdict.more and verdict.value is None and not verdict.pairs for verdict in found.values())


def test_a_few_pairs_decide_nothing() -> None:
    verdict = ShadowVerdict(SCORED)
    verdict.update(batch(np.random.default_rng(1), 30), SECOND)

    assert {found.decision for found in judged(verdict).values()} == {UNDECIDED}


def test_how_many_more_it_says_is_about_what_it_then_takes() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(ShadowVerdict(SCORED), rng, 1, disagreement=0.01)
    more = judged(verdict)[Budget.DISAGREEMENT].more or 0
    taken = 0
    while judged(verdict)[Budget.DISAGREEMENT].decision is UNDECIDED:
        fed(verdict, rng, 1, disagreement=0.01)
        taken += 1000

    assert taken / 3 <= more <= taken * 3


def test_a_budget_of_null_is_left_out_and_leaves_its_alpha_to_the_others() -> None:
    alone = CompareSettings(budgets=BudgetSettings(errors=None, p50=None, p95=None))
    widths = []
    for settings in (alone, CompareSettings()):
        found = judged(fed(ShadowVerdict(settings), np.random.default_rng(1), 2))[Budget.DISAGREEMENT]
        widths.append((found.high or 0) - (found.low or 0))

    assert set(judged(ShadowVerdict(alone))) == {Budget.DISAGREEMENT}
    assert widths[0] < widths[1]


def test_a_score_without_a_margin_has_no_verdict() -> None:
    assert Budget.SCORE not in judged(ShadowVerdict(CompareSettings(score=ScoreSettings(column="p"))))


def test_the_larger_of_both_latency_margins_counts() -> None:
    allowed = LatencyMargin(absolute=0.050, relative=0.01)
    settings = CompareSettings(budgets=BudgetSettings(p50=allowed))
    found = judged(fed(ShadowVerdict(settings), np.random.default_rng(1), 3, slower=1.6))[Budget.P50]

    assert (found.decision, found.margin) == (WITHIN, 0.05)


def test_the_ends_can_be_read_beside_the_margin() -> None:
    for slower in (1.0, 1.6):
        found = judged(fed(ShadowVerdict(SCORED), np.random.default_rng(1), 8, slower=slower))[Budget.P50]

        assert (found.high or 0) <= found.margin if found.decision is WITHIN else (found.low or 0) > found.margin


def test_a_decision_says_since_when_and_from_how_many_pairs() -> None:
    found = judged(fed(ShadowVerdict(SCORED), np.random.default_rng(1), 12, disagreement=0.5))[Budget.DISAGREEMENT]

    assert (found.since_ns, found.decided_ns, found.pairs, found.more) == (SECOND, SECOND, 12_000, 0)


def test_a_decision_once_made_is_not_taken_back_by_chance() -> None:
    rng = np.random.default_rng(3)
    verdict = ShadowVerdict(SCORED)
    seen = [judged(fed(verdict, rng, 1, disagreement=0.014))[Budget.DISAGREEMENT].decision for _ in range(40)]

    assert seen == sorted(seen)  # undecided, then within: in the order of their letters
    assert seen[-1] is WITHIN


def test_a_shadow_that_was_deployed_anew_is_judged_from_there() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(ShadowVerdict(SCORED), rng, 60)
    fed(verdict, rng, 8, first=61, disagreement=0.06)
    found = judged(verdict)[Budget.DISAGREEMENT]

    assert found.decision is WORSE
    assert found.since_ns > 55 * SECOND
    assert "before" in found.changed


def test_what_did_not_change_keeps_its_pairs_when_another_budget_does() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(ShadowVerdict(SCORED), rng, 20)
    fed(verdict, rng, 8, disagreement=0.06)

    assert judged(verdict)[Budget.ERRORS].pairs == 28_000


def half_read(verdict: ShadowVerdict, rng: np.random.Generator, batches: int, first: int = 1) -> ShadowVerdict:
    """All that could be read agrees, and every other pair could not."""
    for number in range(batches):
        found = batch(rng, 1000, disagreement=0.0)
        found.disagreement[::2] = math.nan
        verdict.update(found, (first + number) * SECOND)
    return verdict


def test_what_could_not_be_compared_makes_no_shadow_look_good() -> None:
    found = judged(half_read(ShadowVerdict(SCORED), np.random.default_rng(1), 8))[Budget.DISAGREEMENT]

    assert (found.decision, found.value, found.pairs, found.more) == (UNDECIDED, 0.0, 8000, None)
    assert found.unread == 0.5
    assert (found.low, found.high or 0) < (1e-9, 0.5)


def test_what_could_not_be_compared_excuses_no_shadow_that_is_worse() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(half_read(ShadowVerdict(SCORED), rng, 2), rng, 2, disagreement=0.3)

    assert judged(verdict)[Budget.DISAGREEMENT].decision is WORSE


def test_a_few_pairs_that_could_not_be_compared_do_not_keep_it_from_a_verdict() -> None:
    rng, verdict = np.random.default_rng(1), ShadowVerdict(SCORED)
    for number in range(8):
        found = batch(rng, 1000)
        found.disagreement[:5] = math.nan
        verdict.update(found, number * SECOND)

    assert judged(verdict)[Budget.DISAGREEMENT].decision is WITHIN


def test_a_shadow_that_cannot_be_read_any_more_is_not_within_any_more() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(ShadowVerdict(SCORED), rng, 8, disagreement=0.0)
    before = judged(verdict)[Budget.DISAGREEMENT].decision
    after = judged(half_read(verdict, rng, 8, first=9))[Budget.DISAGREEMENT].decision

    assert (before, after) == (WITHIN, UNDECIDED)


def test_a_shadow_that_can_be_read_again_is_judged_from_there() -> None:
    rng = np.random.default_rng(1)
    verdict = fed(half_read(ShadowVerdict(SCORED), rng, 8), rng, 8, first=9)
    found = judged(verdict)[Budget.DISAGREEMENT]

    assert (found.decision, found.since_ns >= 8 * SECOND, found.unread) == (WITHIN, True, 0.0)


def test_a_shadow_as_noisy_as_its_twin_is_within() -> None:
    rng = np.random.default_rng(1)
    alone, beside = ShadowVerdict(SCORED), ShadowVerdict(SCORED, has_twin=True)
    for number in range(30):
        own, twin = batch(rng, 1000, disagreement=0.1), batch(rng, 1000, disagreement=0.1)
        alone.update(own, number * SECOND)
        beside.update(own, number * SECOND, twin)

    assert judged(alone)[Budget.DISAGREEMENT].decision is WORSE
    assert judged(beside)[Budget.DISAGREEMENT].decision is WITHIN


def test_a_shadow_noisier_than_its_twin_is_worse() -> None:
    rng = np.random.default_rng(1)
    verdict = ShadowVerdict(SCORED, has_twin=True)
    for number in range(10):
        verdict.update(batch(rng, 1000, disagreement=0.3), number * SECOND, batch(rng, 1000, disagreement=0.1))
    found = judged(verdict)[Budget.DISAGREEMENT]

    assert found.decision is WORSE
    assert found.value == pytest.approx(0.2, abs=0.02)


def test_a_twin_that_says_nothing_leaves_it_undecided() -> None:
    verdict = fed(ShadowVerdict(SCORED, has_twin=True), np.random.default_rng(1), 3, disagreement=0.1)
    found = judged(verdict)[Budget.DISAGREEMENT]

    assert (found.decision, found.more) == (UNDECIDED, None)


def test_while_a_twin_says_nothing_the_interval_narrows_and_nothing_has_changed() -> None:
    rng = np.random.default_rng(1)
    verdict = ShadowVerdict(SCORED, has_twin=True)
    highs = []
    for disagreement in (0.0, 0.0, 0.1):
        found = judged(fed(verdict, rng, 1, disagreement=disagreement))[Budget.DISAGREEMENT]
        highs.append(found.high or 0)

    assert highs == sorted(highs, reverse=True)
    assert found.changed == ""


def test_after_a_restart_it_judges_as_before() -> None:
    rng = np.random.default_rng(1)
    before, after = fed(ShadowVerdict(SCORED), rng, 9), ShadowVerdict(SCORED)
    after.restore(before.state())
    later = [batch(rng, 1000, disagreement=0.03) for _ in range(9)]
    for number, found in enumerate(later):
        before.update(found, number * SECOND)
        after.update(found, number * SECOND)

    assert after.verdicts(0) == before.verdicts(0)
    assert after.state() == before.state()


def test_with_another_alpha_the_pairs_stay_and_the_interval_is_found_anew() -> None:
    before = fed(ShadowVerdict(CompareSettings(alpha=0.2)), np.random.default_rng(1), 2)
    after = ShadowVerdict(CompareSettings(alpha=0.001))
    after.restore(before.state())
    wide, narrow = judged(after)[Budget.DISAGREEMENT], judged(before)[Budget.DISAGREEMENT]

    assert (wide.pairs, wide.value) == (narrow.pairs, narrow.value)
    assert (wide.high or 0) > (narrow.high or 0)


def test_with_another_tolerance_the_disagreement_begins_anew_and_the_rest_goes_on() -> None:
    before = fed(ShadowVerdict(CompareSettings()), np.random.default_rng(1), 2)
    after = ShadowVerdict(CompareSettings(tolerance=0.1))
    after.restore(before.state())
    found = judged(after)

    assert (found[Budget.DISAGREEMENT].pairs, found[Budget.ERRORS].pairs) == (0, 2000)


PAIRS = [
    (Difference(True, Failure.NONE, 10, 20, 4, 1, 0.5), [0.25], [0.0], [0.5], [10.0]),
    (Difference(False, Failure.STATUS, 10, 20, 4, 4), [1.0], [0.0], [], [10.0]),
    (Difference(False, Failure.SHADOW_UNREADABLE, 10, 20, 4, 4), [1.0], [0.0], [], [10.0]),
    (Difference(False, Failure.UNREADABLE, 10, 20), [math.nan], [0.0], [], [10.0]),
    (Difference(False, Failure.UNREADABLE, 10, 20, 4, 1), [0.25], [0.0], [], [10.0]),
    (Difference(False, Failure.UNREADABLE, 10, 20, score=math.nan), [math.nan], [0.0], [math.nan], [10.0]),
    (Difference(False, Failure.TOO_LARGE, 10, 20, score=math.nan), [math.nan], [0.0], [math.nan], []),
    (Difference(False, Failure.SHADOW, 10, 20), [], [1.0], [], []),
    (Difference(False, Failure.PRIMARY, 10, 20), [], [-1.0], [], []),
    (Difference(False, Failure.BOTH, 10, 20), [], [0.0], [], []),
    (Difference(False, Failure.NOT_ASKED, 10, 20), [], [], [], []),
]


@pytest.mark.parametrize(
    ("pair", "disagreement", "errors", "score", "primary"), PAIRS, ids=[p[0].failure for p in PAIRS]
)
def test_a_pair_brings_what_it_knows(
    pair: Difference, disagreement: list[float], errors: list[float], score: list[float], primary: list[float]
) -> None:
    found = [values.tolist() for values in evidence([pair])[:4]]

    assert found == [pytest.approx(each, nan_ok=True) for each in (disagreement, errors, score, primary)]


def test_a_batch_without_pairs_changes_nothing() -> None:
    verdict = ShadowVerdict(SCORED)
    verdict.update(NO_EVIDENCE, SECOND)

    assert verdict.state() == ShadowVerdict(SCORED).state()


def verdicts_of(*found: Decision) -> list[Verdict]:
    return [Verdict(Budget.ERRORS, decision, 0, 0, 0, 0, 0, 0, 0, 0, "") for decision in found]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((WITHIN, WITHIN), WITHIN),
        ((WITHIN, UNDECIDED), UNDECIDED),
        ((WITHIN, UNDECIDED, WORSE), WORSE),
        ((), UNDECIDED),
    ],
)
def test_one_worse_budget_is_a_worse_shadow(parts: tuple[Decision, ...], whole: Decision) -> None:
    assert overall(verdicts_of(*parts)) is whole


@pytest.mark.slow
def test_with_everything_just_beyond_its_margin_nothing_is_ever_found_within() -> None:
    """Twenty shadows read after every batch: at 1 %, three wrong ones would come once in 1,000 times."""
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        verdict = ShadowVerdict(SCORED)
        shape = {"disagreement": 0.0201, "slower": 1.101, "score": 0.0101}
        found = set()
        for number in range(10):
            verdict.update(batch(rng, 200 + 20 * number, errors=(0.0062, 0.001), **shape), number * SECOND)
            found |= {budget for budget, told in judged(verdict).items() if told.decision is WITHIN}
        wrong += bool(found - {Budget.P95})

    assert wrong < 3


def wandering(levels: tuple[float, ...]) -> ShadowVerdict:
    """Latencies of a shadow under loads that follow one another: each for 4,000 pairs."""
    rng, verdict = np.random.default_rng(4), ShadowVerdict(CompareSettings())
    for number, slower in enumerate(levels):
        fed(verdict, rng, 4, 1 + 4 * number, slower=slower)
    return verdict


@pytest.mark.parametrize("levels", [(1.0, 1.3, 1.0, 1.3), (0.7, 1.0, 1.05), (1.3, 1.3, 0.9)])
def test_a_value_is_never_shown_outside_its_interval(levels: tuple[float, ...]) -> None:
    for found in judged(wandering(levels)).values():
        assert found.value is None or (found.low or -9) <= found.value <= (found.high or 9)


def test_what_has_changed_is_told_in_the_budgets_own_unit() -> None:
    changed = judged(wandering((1.0, 2.0)))[Budget.P50].changed

    assert "ms" in changed
    assert "since" in changed

"""What of a window breaks the baseline's form: other columns, other types, numbers out of range, gaps, unknown words.

Counts are always told. A violation is only called where chance cannot have made it: n rows with k bad ones, when the
baseline had K bad ones among N, break the form if a share so much larger has a probability under one in a million
by Chernoff's bound, n · KL(k/n ‖ p) > ln 10⁶, with p the largest share that the baseline's own K of N speak for at
the same level. Of unknown words, K is its words of one row: as large a share of what is to come it has not seen (Good 1953). So one row out of range in a window of 50 is told and not called, as two in 5,000 are to be expected
of unchanged data, and a column that turns null is called after a few rows.
"""

from collections.abc import Iterator
from enum import StrEnum
from math import log
from typing import Final

import msgspec

from watchtower.drift.baseline import Baseline, is_comparable
from watchtower.drift.profile import Profile
from watchtower.drift.profiles import Profiles

LEVEL: Final = 1e-6


class Fault(StrEnum):
    """Each is a metric's label."""

    NEW_COLUMN = "new_column"  # the baseline has none of this name
    MISSING_COLUMN = "missing_column"  # not one row of the window has it
    RETYPED_COLUMN = "retyped_column"  # its values are of another type than the baseline's
    OUT_OF_RANGE = "out_of_range"  # numbers beyond the baseline's least and greatest
    MISSING = "missing"  # null, NaN or not sent
    UNKNOWN_CATEGORY = "unknown_category"


class Finding(msgspec.Struct, frozen=True):
    column: str
    fault: Fault
    rows: int  # with the fault
    of: int  # rows that could have had it
    reference: float  # share of the baseline's rows with the same
    is_violation: bool  # more than chance
    detail: str = ""


def findings(baseline: Baseline, window: Profiles) -> list[Finding]:
    """All that differs in a window, by column and fault; nothing for what has no row."""
    found = [finding for name in baseline.kinds for finding in _of_column(baseline, window, name)]
    for name, profile in window.columns.items():
        if name not in baseline.kinds and profile.absent < profile.count:  # one of nothing but null is none
            is_violation = is_more_than_chance(profile.count, window.rows, 0, baseline.rows)
            found.append(
                Finding(
                    name,
                    Fault.NEW_COLUMN,
                    profile.count,
                    window.rows,
                    0.0,
                    is_violation=is_violation,
                    detail=profile.kind,
                )
            )
    return sorted(found, key=lambda finding: (finding.column, finding.fault))


def is_more_than_chance(bad: int, rows: int, reference_bad: int, reference_rows: int) -> bool:
    """Whether `bad` of `rows` is a larger share than the reference speaks for.

    Wrong in one of a million windows at most, and for one of a million references.
    """
    if not rows or not bad:
        return False
    limit = _largest_share(reference_bad, reference_rows)
    share = bad / rows
    return share > limit and rows * _relative_entropy(share, limit) > log(1 / LEVEL)


def _of_column(baseline: Baseline, window: Profiles, name: str) -> Iterator[Finding]:
    reference, profile = baseline.profiles.columns.get(name), window.columns.get(name)
    if reference is None or not window.rows:
        return
    if profile is None or not profile.count:
        # One that few of the baseline's rows have is often in none of a window's.
        not_sent = baseline.rows - reference.count
        is_violation = is_more_than_chance(window.rows, window.rows, not_sent, baseline.rows)
        share = not_sent / baseline.rows
        yield Finding(name, Fault.MISSING_COLUMN, window.rows, window.rows, share, is_violation=is_violation)
        return
    not_sent = window.rows - profile.count
    reference_not_sent = baseline.rows - reference.count
    yield from _judged(
        name,
        Fault.MISSING,
        profile.absent + not_sent,
        window.rows,
        reference.absent + reference_not_sent,
        baseline.rows,
    )
    yield from _of_types(name, reference, profile)
    outside = profile.below + profile.above
    detail = f"{profile.below} below, {profile.above} above"
    yield from _judged(name, Fault.OUT_OF_RANGE, outside, profile.present, 0, reference.present, detail)
    slot = profile.bins.new_slot if profile.bins else None
    if slot is not None:
        words = ", ".join(repr(word) for word, _ in profile.words.top(5) if profile.bins and profile.bins.is_new(word))
        expected = round(baseline.bins[name].unseen * reference.count)
        bad = int(profile.counts[slot])
        yield from _judged(name, Fault.UNKNOWN_CATEGORY, bad, profile.present, expected, reference.present, words)


def _of_types(name: str, reference: Profile, profile: Profile) -> Iterator[Finding]:
    if not is_comparable(reference.kind, profile.kind):
        rows = profile.present
        yield Finding(name, Fault.RETYPED_COLUMN, rows, profile.count, 0.0, is_violation=True, detail=profile.kind)
        return
    detail = ", ".join(f"{rows} {kind}" for kind, rows in sorted(profile.odd.items()))
    counted = profile.count - profile.absent, reference.oddities, reference.count - reference.absent
    yield from _judged(name, Fault.RETYPED_COLUMN, profile.oddities, *counted, detail)


def _judged(
    name: str, fault: Fault, bad: int, rows: int, reference_bad: int, reference_rows: int, detail: str = ""
) -> Iterator[Finding]:
    if bad:
        is_violation = is_more_than_chance(bad, rows, reference_bad, reference_rows)
        share = reference_bad / reference_rows if reference_rows else 0.0
        yield Finding(name, fault, bad, rows, share, is_violation, detail)


def _largest_share(bad: int, rows: int) -> float:
    """The p at which so few bad ones would have the level's probability: by halving, KL(bad/rows ‖ p) grows with p."""
    if not rows:
        return 1.0
    share, needed = bad / rows, log(1 / LEVEL) / rows
    low, high = share, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _relative_entropy(share, middle) < needed else (low, middle)
    return high


def _relative_entropy(share: float, other: float) -> float:
    """Of two coins, in nats."""
    return _term(share, other) + _term(1 - share, 1 - other)


def _term(share: float, other: float) -> float:
    if share == 0:
        return 0.0
    return share * log(share / other) if other > 0 else float("inf")

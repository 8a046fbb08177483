"""All measures of a column, from the reference's profile and a window's."""

from collections.abc import Mapping
from math import isfinite

import msgspec

from watchtower.drift import effects
from watchtower.drift.profile import Profile
from watchtower.drift.profiles import Profiles


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What a window's column differs by; None where a measure says nothing of this kind of column, or has no rows.

    PSI to Cramér's V are of the values' bins, exact; missing and odd rows have shares of their own, so that a column
    that is half missing does not look like another distribution. Wasserstein (in the reference's standard deviations)
    and KS are of the quantile sketches: a rank in each is off by at most 1.65 %, so that KS between two unchanged long
    windows can read 0.03, and an exact value exists for windows and references of up to about 160 numbers.
    """

    rows: int  # of the window
    reference_rows: int
    psi: float | None = None
    jensen_shannon: float | None = None
    hellinger: float | None = None
    total_variation: float | None = None
    chi_square: float | None = None
    cramers_v: float | None = None
    wasserstein: float | None = None
    ks: float | None = None
    mean_shift: float | None = None  # in the reference's standard deviations
    missing: float | None = None  # share of the window's rows
    missing_change: float | None = None  # less the reference's
    odd: float | None = None
    new_words: float | None = None  # share of the window's values that the reference never had
    out_of_range: float | None = None


def effects_of(reference: Profile, window: Profile) -> Effects:
    if not (reference.bins and window.bins):
        raise ValueError("a window is measured in the reference's bins")
    values = reference.bins.values
    before, now = reference.counts[values], window.counts[values]
    share = 1 / window.count if window.count else float("nan")
    return Effects(
        rows=window.count,
        reference_rows=reference.count,
        psi=_told(effects.psi(before, now)),
        jensen_shannon=_told(effects.jensen_shannon(before, now)),
        hellinger=_told(effects.hellinger(before, now)),
        total_variation=_told(effects.total_variation(before, now)),
        chi_square=_told(effects.chi_square(before, now)),
        cramers_v=_told(effects.cramers_v(before, now)),
        missing=_told(window.absent * share),
        missing_change=_told(window.absent * share - reference.absent / max(reference.count, 1)),
        odd=_told(window.oddities * share),
        **_of_numbers(reference, window),
        **_of_words(window),
    )


def effects_of_table(reference: Profiles, window: Profiles) -> dict[str, Effects]:
    """Of every column, and every part of one, that both have with bins."""
    known = dict(reference.flat())
    found = {
        name: effects_of(known[name], profile)
        for name, profile in window.flat()
        if name in known and profile.bins and known[name].bins
    }
    for name in found.keys() & window.columns.keys():
        before, now = (_lacking(table.columns[name], table.rows) for table in (reference, window))
        found[name] = msgspec.structs.replace(found[name], missing=now, missing_change=now - before)
    return found


def _lacking(profile: Profile, rows: int) -> float:
    """The share of a table's rows without a value: null, or not sent at all."""
    return (profile.absent + rows - profile.count) / max(rows, 1)


def _of_numbers(reference: Profile, window: Profile) -> Mapping[str, float | None]:
    if not (window.bins and window.bins.is_numeric and window.moments.count and reference.moments.count):
        return {}
    (old, old_weights), (new, new_weights) = reference.quantiles.weighted(), window.quantiles.weighted()
    deviation = reference.moments.deviation
    return {
        "wasserstein": _told(effects.normalised(effects.wasserstein(old, new, old_weights, new_weights), deviation)),
        "ks": _told(effects.kolmogorov_smirnov(old, new, old_weights, new_weights)),
        "mean_shift": _told(effects.normalised(window.moments.mean - reference.moments.mean, deviation)),
        "out_of_range": (window.below + window.above) / window.moments.count,
    }


def _of_words(window: Profile) -> Mapping[str, float | None]:
    slot = window.bins.new_slot if window.bins else None
    return {} if slot is None or not window.present else {"new_words": int(window.counts[slot]) / window.present}


def _told(value: float) -> float | None:
    """JSON has no NaN, and an effect that is not a number is none."""
    return float(value) if isfinite(value) else None

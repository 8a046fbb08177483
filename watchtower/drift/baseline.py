"""What live traffic is compared with: a reference's profiles in its own bins, and a bounded sample of its rows.

The raw data is not needed again: what is kept is about 3 kB a column, the words that are known, and the sample
(`BaselineSettings.sample`, which may be none). It is read in two passes. The first takes a sample of all rows, which
decides kinds and cuts; the second counts every row in them, so that the reference's counts, extremes and words are
exact though its cuts come from a sample.

A reference is itself a sample. With n rows the share below any number is known to within √(ln(2/0.05) / 2n) in 95 of 100
references, for all numbers at once (Dvoretzky, Kiefer, Wolfowitz; Massart 1990): 0.019 for 5,000 rows. No change smaller
than that can be told from the reference's own error, however long one watches: `resolution` says it.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log, sqrt
from typing import Final

import msgspec

from watchtower.drift.bins import BINS, MAX_KNOWN, MAX_WORDS, Bins, Counts
from watchtower.drift.profile import Profile
from watchtower.drift.profile_words import Words
from watchtower.drift.profiles import MAX_COLUMNS, Profiles, key
from watchtower.drift.reservoir import Reservoir
from watchtower.drift.schema import infer_kind
from watchtower.drift.seasonal import Choice, Seasons
from watchtower.drift.values import WORDY, Column, Values
from watchtower.table import Kind, Side

VERSION: Final = 1
SAMPLE: Final = 5000
MOST_NUMBERS: Final = 4_000_000  # of a sample's vectors: some 130 MB while it is in memory
_OUTPUTS: Final = key(Side.OUTPUT, "")

Batch = tuple[Sequence[str], Sequence[Column]]
Sample = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    name: str
    version: str  # the same for the same bins and counts, wherever it was made
    source: str  # where its rows came from, for people
    made_at_ns: int
    rows: int
    kinds: Mapping[str, Kind]  # by column: `in.age`, `out.score`
    bins: Mapping[str, Bins]
    profiles: Profiles
    sample: Sample = field(default_factory=dict)  # column → cells, row by row
    sample_rows: int = 0
    seasons: Seasons | None = None

    @property
    def resolution(self) -> float:
        """The sampling error of the share below any number, at 95 %."""
        return resolution(self.rows)

    def counts(self) -> dict[str, Counts]:
        """The reference's rows in each slot, of every column and part that has bins."""
        return self.profiles.counts()

    def reference(self, start_ns: int) -> dict[str, Counts]:
        """The counts to compare a window with that began then: of its hour of the week, where there are seasons."""
        return self.counts() | (self.seasons.reference(start_ns) if self.seasons else {})

    def flat_bins(self) -> dict[str, Bins]:
        """The bins of every profile of `counts`."""
        return {name: profile.bins for name, profile in self.profiles.flat() if profile.bins}

    def fresh(self, most: int = MAX_COLUMNS) -> Profiles:
        """Empty profiles of a window that is to be compared with this."""
        return Profiles(self.kinds, self.bins, most)

    def without(self, names: Collection[str]) -> "Baseline":
        """As if it had never had these columns."""
        kinds = {name: kind for name, kind in self.kinds.items() if name not in names}
        if len(kinds) == len(self.kinds):
            return self
        return _finished(
            replace(
                self,
                kinds=kinds,
                bins={name: bins for name, bins in self.bins.items() if name in kinds},
                profiles=self.profiles.only(kinds),
                sample={name: cells for name, cells in self.sample.items() if name in kinds},
            )
        )

    def with_seasons(self, seasons: Seasons) -> tuple["Baseline", Choice]:
        """With references by the hour, if the history carries them, and why not otherwise."""
        choice = seasons.choice()
        return _finished(replace(self, seasons=seasons if choice is Choice.SEASONAL else None)), choice

    def differences(self, live: Mapping[str, Kind]) -> list[str]:
        """Why these columns cannot be compared with the baseline's; nothing when they can."""
        found = [
            f"{name}: {kind} in the baseline, and missing here" for name, kind in self.kinds.items() if name not in live
        ]
        for name, kind in live.items():
            if name not in self.kinds:
                found.append(f"{name}: {kind} here, and not in the baseline")
            elif not is_comparable(self.kinds[name], kind):
                found.append(f"{name}: {self.kinds[name]} in the baseline, and {kind} here")
        return sorted(found)

    def to_bytes(self) -> bytes:
        kept = BaselineState(
            self.name, self.source, self.made_at_ns, dict(self.kinds), dict(self.bins), self.profiles.state(),
            {name: list(cells) for name, cells in self.sample.items()}, self.sample_rows,
            self.seasons.state() if self.seasons else None,
        )  # fmt: skip
        return msgspec.msgpack.encode((VERSION, kept))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Baseline":
        version, kept = msgspec.msgpack.decode(data, type=tuple[int, BaselineState])
        if version != VERSION:
            raise ValueError(f"a baseline of version {version}, where {VERSION} is known")
        profiles = Profiles.restore(kept.profiles, kept.kinds, kept.bins, len(kept.kinds))
        return _finished(
            Baseline(
                name=kept.name, version="", source=kept.source, made_at_ns=kept.made_at_ns, rows=profiles.rows,
                kinds=kept.kinds, bins=kept.bins, profiles=profiles, sample=kept.sample, sample_rows=kept.sample_rows,
                seasons=Seasons.restore(kept.seasons) if kept.seasons else None,
            )
        )  # fmt: skip


class BaselineState(msgspec.Struct, array_like=True):
    """A baseline as it is kept. New fields go at the end, with a default."""

    name: str
    source: str
    made_at_ns: int
    kinds: dict[str, Kind]
    bins: dict[str, Bins]
    profiles: bytes
    sample: dict[str, list[object]]
    sample_rows: int
    seasons: bytes | None = None


def build(
    batches: Iterable[Batch],
    *,
    name: str,
    source: str,
    made_at_ns: int,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Sequence[str] = (),
    sample: int = SAMPLE,
    max_columns: int = MAX_COLUMNS,
    max_categories: int = MAX_WORDS,
    bins: int = BINS,
    seed: int = 0,
) -> Baseline:
    """From rows as columns. `batches` are gone through twice: hand in a sequence, or what begins anew each time."""
    reservoir = Reservoir(max(sample, SAMPLE), seed, MOST_NUMBERS)
    for names, columns in batches:
        reservoir.add(names, columns)
    watched = _cut([column for column in reservoir.columns if column not in set(ignore)], max_columns)
    cells = {column: reservoir.columns[column] for column in watched}
    found = {column: (kinds or {}).get(column) or infer_kind(cells[column]) for column in watched}
    chosen = {
        column: choose_bins(Values.of(kind, cells[column]), bins, max_categories) for column, kind in found.items()
    }
    profiles = Profiles(found, chosen, len(watched), MAX_KNOWN + 1)
    for names, columns in batches:
        own = [(column, given) for column, given in zip(names, columns, strict=True) if column in found]
        profiles.update([column for column, _ in own], [given for _, given in own])
    _settle(profiles)
    reservoir.shrink(sample)
    kept = {column: reservoir.shown(column) for column in watched} if sample else {}
    return _finished(
        Baseline(
            name=name, version="", source=source, made_at_ns=made_at_ns, rows=profiles.rows, kinds=found,
            bins=_bins_of(profiles), profiles=profiles, sample=kept, sample_rows=reservoir.rows,
        )
    )  # fmt: skip


def _cut(columns: Sequence[str], most: int) -> list[str]:
    """So many, in their order: what the model answers before what it is asked."""
    outputs = [column for column in columns if column.startswith(_OUTPUTS)]
    inputs = [column for column in columns if not column.startswith(_OUTPUTS)]
    kept = {*outputs[:most], *inputs[: max(most - len(outputs), 0)]}
    return [column for column in columns if column in kept]


def choose_bins(values: Values, bins: int = BINS, words: int = MAX_WORDS) -> Bins:
    """For a column's cells, of whatever kind."""
    if values.kind in WORDY:
        return Bins.of_words(values.kind, values.words, words)
    if values.kind in {Kind.NUMBER, Kind.INTEGER}:
        return Bins.of_numbers(values.kind, values.numbers, bins)
    parts = {name: Bins.of_numbers(Kind.NUMBER, numbers, bins) for name, numbers in values.described().items()}
    return Bins(kind=values.kind, dimension=values.vectors.shape[1] if len(values.vectors) else 0, parts=parts)


def resolution(rows: int) -> float:
    return min(sqrt(log(2 / 0.05) / (2 * rows)), 1.0) if rows else 1.0


def is_comparable(baseline: Kind, live: Kind) -> bool:
    """Whether the one is read as the other without loss, or few rows could have made the one look like the other."""
    return baseline is live or Kind.NULL in {baseline, live} or {baseline, live} in _ALIKE


_ALIKE: Final = ({Kind.NUMBER, Kind.INTEGER}, {Kind.CATEGORY, Kind.TEXT}, {Kind.TIMESTAMP, Kind.NUMBER})


def _settle(profiles: Profiles) -> None:
    """Make all that was read known to the bins: nothing of the reference itself is new or out of range."""
    for profile in profiles.columns.values():
        _settle_one(profile)
        for part in profile.parts.values():
            _settle_one(part)
        if profile.bins and profile.parts:
            parts = {name: part.bins for name, part in profile.parts.items() if part.bins}
            profile.bins = msgspec.structs.replace(profile.bins, parts=parts)


def _settle_one(profile: Profile) -> None:
    if profile.bins is None:
        return
    low, high = (profile.moments.low, profile.moments.high) if profile.moments.count else (inf, -inf)
    profile.bins = profile.bins.widened(low, high, profile.words.counts, is_whole=not profile.words.short)
    profile.below = profile.above = 0
    new = profile.bins.new_slot
    if new is not None:
        once = int((profile.counts[: new - 1] == 1).sum()) + list(profile.words.counts.values()).count(1)
        profile.bins = msgspec.structs.replace(profile.bins, unseen=once / max(profile.count, 1))
        profile.counts[new - 1] += profile.counts[new]
        profile.counts[new] = 0
    profile.words = Words()


def _bins_of(profiles: Profiles) -> dict[str, Bins]:
    return {name: profile.bins for name, profile in profiles.columns.items() if profile.bins}


def _finished(baseline: Baseline) -> Baseline:
    """With its version."""
    told = (
        {name: bins.mark for name, bins in baseline.bins.items()},
        {name: counts.tolist() for name, counts in baseline.counts().items()},
        baseline.seasons.state() if baseline.seasons else None,
    )
    digest = hashlib.blake2b(msgspec.msgpack.encode(told, order="deterministic"), digest_size=6)
    return replace(baseline, version=digest.hexdigest())

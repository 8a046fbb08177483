"""The profiles of a table's columns, over the same rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from watchtower.drift.bins import Bins, Counts
from watchtower.drift.profile import Profile, ProfileState
from watchtower.drift.profile_distinct import Distinct
from watchtower.drift.profile_words import CAPACITY
from watchtower.drift.schema import infer_kind
from watchtower.drift.values import Column, Values
from watchtower.table import Kind, Side

VERSION: Final = 1
MAX_COLUMNS: Final = 200


def key(side: Side, name: str) -> str:
    """A column's name wherever both sides meet, the store's tables among them: `in.age`, `out.score`."""
    return f"{'in' if side is Side.INPUT else 'out'}.{name}"


class ProfilesState(msgspec.Struct, array_like=True):
    rows: int
    columns: dict[str, ProfileState]
    left_out: bytes
    left_out_cells: int


class Profiles:
    """A column that no kind is known for gets that of its first cells; columns beyond the most are only counted."""

    def __init__(
        self,
        kinds: Mapping[str, Kind] | None = None,
        bins: Mapping[str, Bins] | None = None,
        most: int = MAX_COLUMNS,
        capacity: int = CAPACITY,
    ) -> None:
        self.rows = 0
        self.columns: dict[str, Profile] = {}
        self.left_out_cells = 0
        self._kinds = kinds or {}
        self._bins = bins or {}
        self._most = most
        self._capacity = capacity
        self._left_out = Distinct()

    def update(self, names: Sequence[str], columns: Sequence[Column]) -> None:
        """Rows as columns, all of one length. A column that is not named has no cells in these rows."""
        if not columns:
            return
        self.rows += len(columns[0])
        for name, cells in zip(names, columns, strict=True):
            profile = self.columns.get(name) or self._made(name, cells)
            if profile is None:
                self.left_out_cells += len(cells)
            else:
                profile.update(Values.of(profile.kind, cells, profile.vectors.dimension))

    def merge(self, other: "Profiles") -> None:
        self.rows += other.rows
        self.left_out_cells += other.left_out_cells
        self._left_out.merge(other._left_out)  # noqa: SLF001  its own kind
        for name, theirs in other.columns.items():
            mine = self.columns.get(name)
            if mine is None and not self._has_room(name):
                self._leave_out(name)
                self.left_out_cells += theirs.count
                continue
            if mine is None or mine.kind is Kind.NULL:  # of no value nobody knows the kind
                joined = self.columns[name] = Profile(theirs.kind, theirs.bins, self._capacity)
                if mine is not None:
                    joined.merge(mine)
                mine = joined
            mine.merge(theirs)

    def only(self, names: Collection[str]) -> "Profiles":
        """The same rows with these columns; the others are not among those that were left out."""
        kept = Profiles(
            {name: kind for name, kind in self._kinds.items() if name in names},
            {name: bins for name, bins in self._bins.items() if name in names},
            self._most,
            self._capacity,
        )
        kept.rows = self.rows
        kept.columns = {name: profile for name, profile in self.columns.items() if name in names}
        return kept

    @property
    def left_out(self) -> int:
        """How many columns were left out: exact to about 190, within 7 % beyond."""
        return round(self._left_out.estimate)

    def flat(self) -> Iterator[tuple[str, Profile]]:
        """Every profile that has counts of its own, the parts of texts and vectors among them (`in.prompt.length`).

        Where one of the baseline's columns is called like a part of another, the name is the column's.
        """
        for name, profile in self.columns.items():
            yield name, profile
            for part, of_part in profile.parts.items():
                full = f"{name}.{part}"
                if full not in self._bins:
                    yield full, of_part

    def counts(self) -> dict[str, Counts]:
        """The rows in each slot of the bins, of every profile that has bins. A row without the column lacks it, too."""
        found = {name: profile.counts for name, profile in self.flat() if profile.bins}
        for name, bins in self._bins.items():
            profile = self.columns.get(name)
            if unsent := self.rows - (profile.count if profile else 0):
                counts = found[name].copy() if name in found else np.zeros(bins.size, np.int64)
                counts[-1] += unsent  # the slot of what is missing
                found[name] = counts
        return found

    def state(self) -> bytes:
        columns = {name: profile.kept() for name, profile in self.columns.items()}
        kept = ProfilesState(self.rows, columns, self._left_out.state(), self.left_out_cells)
        return msgspec.msgpack.encode((VERSION, kept))

    @classmethod
    def restore(
        cls,
        state: bytes,
        kinds: Mapping[str, Kind] | None = None,
        bins: Mapping[str, Bins] | None = None,
        most: int = MAX_COLUMNS,
    ) -> "Profiles":
        """Kinds and bins are not in the state: hand in those that it was made with."""
        version, kept = msgspec.msgpack.decode(state, type=tuple[int, ProfilesState])
        if version != VERSION:
            raise ValueError(f"profiles of version {version}, where {VERSION} is known")
        profiles = cls(kinds, bins, most)
        profiles.rows, profiles.left_out_cells = kept.rows, kept.left_out_cells
        profiles._left_out = Distinct(kept.left_out)
        profiles.columns = {name: Profile.of_kept(one, profiles._bins.get(name)) for name, one in kept.columns.items()}
        return profiles

    def _made(self, name: str, cells: Column) -> Profile | None:
        if not self._has_room(name):
            self._leave_out(name)
            return None
        kind = self._kinds.get(name)
        if kind is None:
            kind = infer_kind(cells)
        profile = self.columns[name] = Profile(kind, self._bins.get(name), self._capacity)
        return profile

    def _has_room(self, name: str) -> bool:
        """The baseline's columns always have: a flood of new names must not keep out what is watched."""
        return name in self._bins or len(self.columns) < self._most

    def _leave_out(self, name: str) -> None:
        self._left_out.update_words((name,))

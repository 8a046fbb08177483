"""A baseline from the traffic itself: the first so many rows are kept, then they are the reference.

Nothing is watched until then, which `progress` says. The rows are those of one endpoint in the order of the journal;
whoever starts this beside a model that already misbehaves freezes the misbehaviour, so a source is better where there is one.
Long texts, vectors, and a hundred thousand rows and more fill it before its rows do.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from watchtower.drift.baseline import Baseline, build
from watchtower.drift.bins import MAX_WORDS
from watchtower.drift.profiles import MAX_COLUMNS
from watchtower.drift.reservoir import Reservoir
from watchtower.drift.values import Column
from watchtower.table import Kind

VERSION: Final = 3
# What waits in memory, and is written with every commit until it is full: 500 prompts of 64 KiB are a reference, too.
MOST_BYTES: Final = 32 * 1024 * 1024
_NUMBER: Final = 9  # bytes of a number as it is written; in memory it has some thirty


class Freezer:
    """`add` until `is_full`, then `frozen`. Rows beyond those asked for are not taken, and `add` says how many were."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._kept = Reservoir(rows)
        self._bytes = 0

    def add(self, names: Sequence[str], columns: Sequence[Column]) -> int:
        """How many of these rows became part of the reference: the first ones."""
        taken = min(self.needed, len(columns[0])) if columns else 0
        if taken:
            given = [column[:taken] for column in columns]
            self._kept.add(names, given)
            self._bytes += sum(_size(cell) for column in given if isinstance(column, Sequence) for cell in column)
        return taken

    @property
    def needed(self) -> int:
        return self.rows - self._kept.seen

    @property
    def is_full(self) -> bool:
        return self._kept.seen >= self.rows or self._bytes >= MOST_BYTES

    @property
    def progress(self) -> float:
        return self._kept.seen / self.rows

    def frozen(
        self,
        *,
        name: str,
        made_at_ns: int,
        kinds: Mapping[str, Kind] | None = None,
        ignore: Sequence[str] = (),
        sample: int = 5000,
        max_columns: int = MAX_COLUMNS,
        max_categories: int = MAX_WORDS,
    ) -> Baseline:
        kept = self._kept.columns
        return build(
            [(tuple(kept), tuple(kept.values()))], name=name, source=f"the first {self._kept.seen} live rows",
            made_at_ns=made_at_ns, kinds=kinds, ignore=ignore, sample=sample, max_columns=max_columns,
            max_categories=max_categories,
        )  # fmt: skip

    def state(self) -> bytes:
        return msgspec.msgpack.encode((VERSION, self._kept.seen, self._kept.columns, self._bytes))

    @classmethod
    def restore(cls, state: bytes, rows: int) -> "Freezer":
        """`rows`: as many as are asked for by now; those that are kept are part of them, or all."""
        version, seen, columns, size = msgspec.msgpack.decode(state, type=_State)
        if version != VERSION:
            raise ValueError(f"a freezer of version {version}, where {VERSION} is known")
        freezer = cls(max(rows, seen))
        freezer._kept.seen, freezer._kept.columns, freezer._bytes = seen, columns, size
        return freezer


def _size(cell: object) -> int:
    if type(cell) is str:
        return len(cell)
    if type(cell) is list:
        return _NUMBER * len(cell)
    return 0 if cell is None else _NUMBER


_State = tuple[int, int, dict[str, list[object]], int]

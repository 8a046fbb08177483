"""Keeps the store small and quick to read: removes what is old or too much, and merges what is small.

A file that left the manifest stays on the disk for a while, for a query that began before reads by the manifest of its
beginning. One step does a bounded piece of work, so that its caller may stop between two.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from watchtower.clock import SECOND
from watchtower.store import compact, retention
from watchtower.store.compact import DamagedFileError, Merge
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.files import LOCK, FileEntry, remove
from watchtower.store.retention import Removal, RemovalReason
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State

_GRACE_NS: Final = 600 * SECOND  # a query that takes longer may fail, and say so
# Files that a crash before the very first commit can leave: an hour has twice as many before they are merged.
_MOST_LEFT: Final = 500
_GONE: Final = {StoreFault.DAMAGED, StoreFault.FOLDER_GONE}


@dataclass(frozen=True, slots=True)
class Step:
    """What was done."""

    removed: tuple[Removal, ...]
    merged: Merge | None
    buried: int  # files that were taken from the disk
    files: int  # that count now
    size: int  # bytes of them
    is_done: bool  # nothing is left to merge


class Housekeeper:
    """Works beside the analyst's writer with a connection of its own, in any one thread."""

    def __init__(self, directory: Path, state: State, settings: StoreSettings, sequences: Iterator[int]) -> None:
        self._directory = directory
        self._state = state
        self._settings = settings
        self._sequences = sequences

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._state.close()

    def step(self, now_ns: int) -> Step:
        buried = self._bury(now_ns)
        removed = self._remove(tuple(retention.plan(self._state.files(), now_ns, self._settings)), now_ns)
        waiting = compact.plan(self._state.files(), now_ns, self._settings)
        chosen = next(waiting, None)
        if chosen is not None:
            removed += self._merge(chosen, now_ns)
        left = self._state.files()
        size = sum(entry.bytes for entry in left)
        return Step(removed, chosen, buried, len(left), size, is_done=next(waiting, None) is None)

    def _bury(self, now_ns: int) -> int:
        due = self._state.doomed(now_ns - _GRACE_NS)
        for path in due:
            remove(self._directory / path)
        if due:
            self._state.bury(due)
        return len(due)

    def _remove(self, removals: tuple[Removal, ...], now_ns: int) -> tuple[Removal, ...]:
        if removals:
            rows: Counter[str] = Counter()
            for removal in removals:
                rows[f"store.removed_rows.{removal.entry.table}.{removal.reason}"] += removal.entry.rows
            self._state.replace([removal.entry for removal in removals], [], now_ns, rows)
        return removals

    def _merge(self, chosen: Merge, now_ns: int) -> tuple[Removal, ...]:
        try:
            merged = compact.merge(self._directory, chosen, next(self._sequences), self._settings)
        except DamagedFileError as error:
            # Where the lock is gone too, so is the whole disk, and what is missing may come back with it.
            if error.fault not in _GONE or not (self._directory / LOCK).exists():
                raise
            return self._remove((Removal(error.entry, RemovalReason.DAMAGED),), now_ns)
        try:
            self._state.replace(chosen.files, [merged], now_ns, {"store.merged_files": len(chosen.files)})
        except BaseException:  # nobody would know of it, and the next attempt writes another
            remove(self._directory / merged.path)
            raise
        return ()


def remove_strangers(directory: Path, state: State) -> list[str]:
    """Takes away what a crash left between a file's last byte and its commit: only for who holds the store's lock."""
    known = _known(state.files()) | set(state.doomed())
    strangers = [
        path
        for path in sorted(directory.rglob("*"))
        if path.suffix in {".parquet", ".tmp"} and path.relative_to(directory).as_posix() not in known
    ]
    if not known and len(strangers) > _MOST_LEFT:
        raise StoreError(
            StoreFault.FOLDER_GONE,
            f"state.db knows none of the {len(strangers)} files in {directory}: put back the one that does, or move"
            f" {directory} away",
        )
    for path in strangers:
        remove(path)
    return [path.relative_to(directory).as_posix() for path in strangers]


def _known(entries: list[FileEntry]) -> set[str]:
    return {entry.path for entry in entries}

"""The store as its one writer holds it: a lock, the state, the tables, and the step that makes both true at once."""

import fcntl
import os
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from watchtower.journal.offsets import Position
from watchtower.store.fault import StoreError, StoreFault, translated
from watchtower.store.files import FOLDER, LOCK, FileEntry
from watchtower.store.housekeeping import Housekeeper, remove_strangers
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.tables import TableWriter


class Sequences:
    """Numbers for files, never the same twice, for the writer's thread and the housekeeper's."""

    def __init__(self, first: int) -> None:
        self._numbers = count(first)
        self._lock = Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._numbers)


class Store:
    """Opening it waits for nobody: a second writer is refused. What the last one left uncommitted is removed."""

    def __init__(self, data_dir: Path, settings: StoreSettings) -> None:
        self.directory = data_dir / FOLDER
        self._data_dir = data_dir
        self._settings = settings
        self._lock = _locked(self.directory)
        self._written: list[FileEntry] = []  # and not yet committed
        with ExitStack() as undoing:
            undoing.callback(os.close, self._lock)
            self.state = State(data_dir)
            undoing.callback(self.state.close)
            self.strangers = remove_strangers(self.directory, self.state)
            self._sequences = Sequences(self.state.next_sequence())
            undoing.pop_all()
        self.tables = TableWriter(self.directory, settings, self._sequences)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(
        self,
        *,
        offsets: Mapping[str, Position] | None = None,
        documents: Mapping[str, bytes | None] | None = None,
        blobs: Mapping[str, bytes | None] | None = None,
        counters: Mapping[str, int] | None = None,
        labels_taken: int | None = None,
    ) -> list[FileEntry]:
        """Writes the rows that wait, and makes them true together with the rest. After a `StoreError`, call it again."""
        self._written += self.tables.flush()
        self.state.commit(
            offsets=offsets,
            documents=documents,
            blobs=blobs,
            files=self._written,
            counters=counters,
            labels_taken=labels_taken,
        )
        committed, self._written = self._written, []
        return committed

    def housekeeper(self) -> Housekeeper:
        """For a thread of its own: it has its own connection."""
        return Housekeeper(self.directory, State(self._data_dir), self._settings, self._sequences)

    def close(self) -> None:
        """What was not committed is lost, as the offsets say that it was never read."""
        self.state.close()
        os.close(self._lock)


def _locked(directory: Path) -> int:
    with translated(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise StoreError(StoreFault.BUSY, f"{directory}: another analyst writes here") from error
        except OSError:  # a file system without locks: two writers would be the operator's doing
            return file
        return file

"""How `state.db` is opened: SQLite with a write-ahead log, so that readers never wait for the writer nor it for them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import quote

from watchtower.store import migrations
from watchtower.store.fault import StoreError, StoreFault, translated

NAME: Final = "state.db"
_PATIENCE_S: Final = 5.0  # for another process's transaction; each of ours takes milliseconds


class Access(Enum):
    READ = "read"
    WRITE = "write"


class Database:
    """One connection, for one thread at a time. Every transaction is whole, and every error a `StoreError`."""

    def __init__(self, path: Path, access: Access) -> None:
        self.path = path
        with translated(path):
            self._connection = _opened(path, access)
            self._file = path.stat().st_ino

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction; with an exception, none of it happened."""
        connection = self._connection
        with translated(self.path):
            # SQLite goes on writing to a file that was removed under it, and everything would be lost in silence.
            if self.path.stat().st_ino != self._file:
                raise StoreError(StoreFault.FOLDER_GONE, f"{self.path}: it was replaced by another file: open it anew")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A disk that is full may have made SQLite roll back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Everything asked within is of one moment."""
        connection = self._connection
        with translated(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


def _opened(path: Path, access: Access) -> sqlite3.Connection:
    if access is Access.WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
    mode = "ro" if access is Access.READ else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, timeout=_PATIENCE_S, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip
    try:
        if access is Access.WRITE:
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last commits, offsets and all: the journal still has what they were made of.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrations.migrate(connection)
        migrations.check(connection)
    except BaseException:
        connection.close()
        raise
    return connection

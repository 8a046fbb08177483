"""How `state.db` is opened: SQLite with a write-ahead log, so that readers never wait for the writer nor it for them."""

import os
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
_STORE: Final = "store"  # beside it; files.py says so, too, but loads Arrow, which the supervisor must not
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
    if access is Access.READ:
        return _readable(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _check_not_lost(path, "is gone")
    path.touch(mode=0o600, exist_ok=True)  # what people sent is in it; SQLite's own files beside it take its mode
    connection = _connected(path, "mode=rwc")
    try:
        if migrations.version(connection) == 0:
            _check_not_lost(path, "is empty")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrations.migrate(connection)
        # A power cut may take the last commits, offsets and all: the journal still has what they were made of.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_not_lost(path: Path, how: str) -> None:
    """Where files lie, nobody begins anew: by an empty manifest, the analyst would remove them as a crash's leavings."""
    store = path.with_name(_STORE)
    left = sum(1 for _ in store.rglob("*.parquet"))
    if left:
        raise StoreError(
            StoreFault.FOLDER_GONE,
            f"{path} {how}, and {left} files lie in {store}: put it back, or move {store} away",
        )


def _readable(path: Path) -> sqlite3.Connection:
    """Even a reader needs the log's index beside the database; on a disk that nobody can write, nobody changes it either."""
    if not path.exists():
        _check_not_lost(path, "is gone")
    is_frozen = path.exists() and not os.access(path.parent, os.W_OK) and not path.with_name(f"{NAME}-wal").exists()
    connection = _connected(path, "immutable=1" if is_frozen else "mode=ro")
    try:
        migrations.check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path, how: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?{how}"
    return sqlite3.connect(address, uri=True, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)

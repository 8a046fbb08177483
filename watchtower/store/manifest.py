"""Which Parquet files count, and which of those that no longer do still lie there. Works within a transaction of others."""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from watchtower.clock import SECOND
from watchtower.store.evolution import Columns
from watchtower.store.files import FileEntry
from watchtower.store.schemas import TableName, Type

_NEVER_YET_NS: Final = 86_400 * SECOND  # further ahead than any moment to which files are kept

_types = msgspec.json.Decoder(dict[str, Type])


def entries(connection: sqlite3.Connection) -> list[FileEntry]:
    """In the order in which they were written."""
    known: dict[int, Columns] = {
        number: _types.decode(types) for number, types in connection.execute("SELECT id, types FROM columns")
    }
    rows = connection.execute(
        "SELECT name, endpoint, path, rows, bytes, sequence, min_ns, max_ns, columns FROM files ORDER BY sequence"
    )
    return [
        FileEntry(TableName(name), endpoint, path, count, size, sequence, min_ns, max_ns, known[columns])
        for name, endpoint, path, count, size, sequence, min_ns, max_ns, columns in rows
    ]


def add(connection: sqlite3.Connection, files: Iterable[FileEntry]) -> None:
    for entry in files:
        types = msgspec.json.encode(entry.columns).decode()
        connection.execute("INSERT OR IGNORE INTO columns (types) VALUES (?)", (types,))
        connection.execute(
            "INSERT INTO files SELECT ?, ?, ?, ?, ?, ?, ?, ?, id FROM columns WHERE types = ?",
            (
                entry.path,
                entry.table.value,
                entry.endpoint,
                entry.rows,
                entry.bytes,
                entry.sequence,
                entry.min_ns,
                entry.max_ns,
                types,
            ),
        )


def doom(connection: sqlite3.Connection, files: Iterable[FileEntry], now_ns: int) -> None:
    """They count no more. Those who read by an earlier manifest still find them."""
    for entry in files:
        connection.execute("DELETE FROM files WHERE path = ?", (entry.path,))
        connection.execute("INSERT OR IGNORE INTO doomed VALUES (?, ?, ?)", (entry.path, now_ns, entry.sequence))


def doomed(connection: sqlite3.Connection, before_ns: int | None = None) -> list[str]:
    """Paths; with a time only those that have waited since before it, or since a time that a clock was wrong to show."""
    if before_ns is None:
        return [path for (path,) in connection.execute("SELECT path FROM doomed")]
    rows = connection.execute(
        "SELECT path FROM doomed WHERE since_ns < ? OR since_ns > ?", (before_ns, before_ns + _NEVER_YET_NS)
    )
    return [path for (path,) in rows]


def bury(connection: sqlite3.Connection, paths: Collection[str]) -> None:
    """They lie there no more; nor do the descriptions of columns that no file has."""
    connection.executemany("DELETE FROM doomed WHERE path = ?", [(path,) for path in paths])
    connection.execute("DELETE FROM columns WHERE id NOT IN (SELECT columns FROM files)")


def next_sequence(connection: sqlite3.Connection) -> int:
    found = connection.execute(
        "SELECT MAX(sequence) FROM (SELECT sequence FROM files UNION ALL SELECT sequence FROM doomed)"
    )
    return int(found.fetchone()[0] or 0) + 1

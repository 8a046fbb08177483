"""The layout of `state.db`, as the steps that lead to it. A step that was released is never changed: add the next one."""

import sqlite3
from typing import Final

from watchtower.store.fault import StoreError, StoreFault

STEPS: Final = (
    """
    CREATE TABLE offsets (stream TEXT PRIMARY KEY, sequence INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT;
    CREATE TABLE blobs (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE documents (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
    CREATE TABLE places (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    CREATE TABLE columns (id INTEGER PRIMARY KEY, types TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE files (
        path TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        min_ns INTEGER NOT NULL,
        max_ns INTEGER NOT NULL,
        columns INTEGER NOT NULL REFERENCES columns (id)
    ) STRICT;
    -- Taken out of the manifest, and still lying there for those who read by an earlier one.
    CREATE TABLE doomed (path TEXT PRIMARY KEY, since_ns INTEGER NOT NULL, sequence INTEGER NOT NULL) STRICT;
    -- A label that changes gets a new number, so that who reads on from a number meets it again.
    CREATE TABLE labels_inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL,
        row INTEGER NOT NULL,
        value BLOB NOT NULL,
        at_ns INTEGER NOT NULL,
        UNIQUE (request_id, row)
    ) STRICT;
    CREATE TABLE baselines (
        id INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        made_at_ns INTEGER NOT NULL,
        source TEXT NOT NULL,
        profile BLOB NOT NULL,
        is_active INTEGER NOT NULL DEFAULT 0,
        UNIQUE (endpoint, name, version)
    ) STRICT;
    CREATE UNIQUE INDEX one_active_baseline ON baselines (endpoint) WHERE is_active;
    """,
    """
    ALTER TABLE labels_inbox RENAME TO labels_without_endpoint;
    CREATE TABLE labels_inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        endpoint TEXT NOT NULL, -- that the label names, or nothing
        request_id TEXT NOT NULL,
        row INTEGER NOT NULL,
        value BLOB NOT NULL,
        at_ns INTEGER NOT NULL,
        UNIQUE (endpoint, request_id, row)
    ) STRICT;
    INSERT INTO labels_inbox SELECT number, '', request_id, row, value, at_ns FROM labels_without_endpoint;
    -- The number of a label that was forgotten is not given again.
    DELETE FROM sqlite_sequence WHERE name = 'labels_inbox';
    UPDATE sqlite_sequence SET name = 'labels_inbox' WHERE name = 'labels_without_endpoint';
    DROP TABLE labels_without_endpoint;
    """,
)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check(connection: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Refuses a database that a later watchtower has changed, and one that a reader meets before its writer did."""
    found = version(connection)
    if found > len(steps):
        raise StoreError(
            StoreFault.DAMAGED,
            f"state.db has version {found}, and this watchtower knows up to {len(steps)}: a later one has changed it",
        )
    if found < len(steps):
        raise StoreError(
            StoreFault.FOLDER_GONE, "state.db is not there yet, or of an earlier version: start the analyst"
        )


def migrate(connection: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Brings a database up to date, all steps or none of them, whoever else tries at the same time."""
    if version(connection) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number, step in enumerate(steps[version(connection) :], start=version(connection) + 1):
            for statement in _statements(step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    check(connection, steps)


def _statements(step: str) -> list[str]:
    """One by one: `executescript` would end the transaction that holds them together."""
    found, rest = [], ""
    for part in step.split(";"):
        rest += f"{part};"
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return [statement for statement in found if statement.strip(" \n;")]

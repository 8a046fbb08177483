"""Baselines by endpoint: each a profile with a name and a version, and at most one of them in force."""

import sqlite3
from typing import Final, NamedTuple

from watchtower.store.database import Database


class StoredBaseline(NamedTuple):
    endpoint: str
    name: str
    version: int
    made_at_ns: int
    source: str  # a file, a URL, live traffic, a window: as a person would read it
    is_active: bool
    profile: bytes = b""  # as `drift/` writes it; left out of lists


_LISTED: Final = "endpoint, name, version, made_at_ns, source, is_active"


class Baselines:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, endpoint: str, name: str, source: str, profile: bytes, now_ns: int, *, activate: bool = True) -> int:
        """Keeps a new version of a name; gives its number."""
        with self._database.writing() as connection:
            latest = connection.execute(
                "SELECT MAX(version) FROM baselines WHERE endpoint = ? AND name = ?", (endpoint, name)
            ).fetchone()[0]
            version = int(latest or 0) + 1
            connection.execute(
                "INSERT INTO baselines (endpoint, name, version, made_at_ns, source, profile) VALUES (?, ?, ?, ?, ?, ?)",
                (endpoint, name, version, now_ns, source, profile),
            )
            if activate:
                _activate(connection, endpoint, name, version)
        return version

    def activate(self, endpoint: str, name: str, version: int | None = None) -> bool:
        """Puts one in force, the latest version when none is given; `False` when there is no such baseline."""
        with self._database.writing() as connection:
            return _activate(connection, endpoint, name, version)

    def active(self, endpoint: str) -> StoredBaseline | None:
        return self._one("endpoint = ? AND is_active", (endpoint,))

    def in_force(self, endpoint: str) -> StoredBaseline | None:
        """As `active`, without its profile, which may be large."""
        return next((one for one in self.list(endpoint) if one.is_active), None)

    def get(self, endpoint: str, name: str, version: int | None = None) -> StoredBaseline | None:
        """The latest version when none is given."""
        return self._one("endpoint = ? AND name = ? AND version = COALESCE(?, version)", (endpoint, name, version))

    def list(self, endpoint: str | None = None) -> list[StoredBaseline]:
        """Without their profiles, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_LISTED} FROM baselines WHERE endpoint = COALESCE(?, endpoint) ORDER BY endpoint, id DESC",  # noqa: S608  no value in it
                (endpoint,),
            )
            return [_baseline(*row) for row in rows]

    def _one(self, where: str, values: tuple[object, ...]) -> StoredBaseline | None:
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT {_LISTED}, profile FROM baselines WHERE {where} ORDER BY version DESC LIMIT 1",  # noqa: S608  no value in it
                values,
            ).fetchone()
        return None if row is None else _baseline(*row)


def _activate(connection: sqlite3.Connection, endpoint: str, name: str, version: int | None) -> bool:
    found = connection.execute(
        "SELECT id FROM baselines WHERE endpoint = ? AND name = ? AND version = COALESCE(?, version)"
        " ORDER BY version DESC LIMIT 1",
        (endpoint, name, version),
    ).fetchone()
    if found is None:
        return False
    connection.execute("UPDATE baselines SET is_active = 0 WHERE endpoint = ?", (endpoint,))
    connection.execute("UPDATE baselines SET is_active = 1 WHERE id = ?", found)
    return True


def _baseline(  # as SQLite has it, which knows no booleans
    endpoint: str, name: str, version: int, made_at_ns: int, source: str, is_active: int, profile: bytes = b""
) -> StoredBaseline:
    return StoredBaseline(endpoint, name, version, made_at_ns, source, bool(is_active), profile)

"""What must survive a restart, in `state.db`: one transaction joins what was read with everything that came of it.

`commit` is the only place where the analyst's work becomes true: journal positions, detector and pairing states, what the
API shows, and the Parquet files that now count. Before it nothing has happened, after it everything has.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from watchtower.journal.offsets import Offsets, Position
from watchtower.store import manifest
from watchtower.store.baselines import Baselines
from watchtower.store.database import NAME, Access, Database
from watchtower.store.documents import Documents
from watchtower.store.files import FileEntry
from watchtower.store.inbox import LabelInbox

_LABELS: Final = "labels"
_ADD: Final = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


class State:
    def __init__(self, data_dir: Path, access: Access = Access.WRITE) -> None:
        self._database = Database(data_dir / NAME, access)
        self.labels = LabelInbox(self._database)
        self.baselines = Baselines(self._database)
        self._documents = Documents(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def commit(
        self,
        *,
        offsets: Mapping[str, Position] | None = None,
        documents: Mapping[str, bytes | None] | None = None,
        blobs: Mapping[str, bytes | None] | None = None,
        files: Iterable[FileEntry] = (),
        counters: Mapping[str, int] | None = None,
        labels_taken: int | None = None,
    ) -> None:
        """All of it or none. Offsets replace those that were; `None` removes a name; counters are added."""
        with self._database.writing() as connection:
            if offsets is not None:
                connection.execute("DELETE FROM offsets")
                connection.executemany(
                    "INSERT INTO offsets VALUES (?, ?, ?)",
                    [(stream, at.sequence, at.offset) for stream, at in offsets.items()],
                )
            for table, key, values in (("documents", "key", documents), ("blobs", "name", blobs)):
                gone = [(name,) for name, value in (values or {}).items() if value is None]
                kept = [(name, value) for name, value in (values or {}).items() if value is not None]
                connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608  our own names
                connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", kept)  # noqa: S608  our own names
            connection.executemany(_ADD, list((counters or {}).items()))
            if labels_taken is not None:
                connection.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (_LABELS, labels_taken))
            manifest.add(connection, files)

    @property
    def offsets(self) -> Offsets:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT stream, sequence, offset FROM offsets")
            return {stream: Position(sequence, offset) for stream, sequence, offset in rows}

    @property
    def labels_taken(self) -> int:
        """The number of the last label that was read with what is committed."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT number FROM places WHERE name = ?", (_LABELS,)).fetchone()
        return 0 if row is None else int(row[0])

    def counters(self) -> dict[str, int]:
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT name, value FROM counters ORDER BY name").fetchall())

    def blob(self, name: str) -> bytes | None:
        return self._value("SELECT value FROM blobs WHERE name = ?", name)

    def blobs(self, prefix: str = "") -> dict[str, bytes]:
        return self._values("SELECT name, value FROM blobs WHERE substr(name, 1, ?) = ? ORDER BY name", prefix)

    def document(self, key: str) -> bytes | None:
        return self._documents.get(key)

    def documents(self, prefix: str = "") -> dict[str, bytes]:
        return self._documents.below(prefix)

    def files(self) -> list[FileEntry]:
        """The manifest."""
        with self._database.reading() as connection:
            return manifest.entries(connection)

    def replace(
        self, old: Iterable[FileEntry], new: Iterable[FileEntry], now_ns: int, counters: Mapping[str, int]
    ) -> None:
        """Files make way for others, or for none, in one moment; the old ones still lie there, doomed."""
        with self._database.writing() as connection:
            manifest.doom(connection, old, now_ns)
            manifest.add(connection, new)
            connection.executemany(_ADD, list(counters.items()))

    def doomed(self, before_ns: int | None = None) -> list[str]:
        with self._database.reading() as connection:
            return manifest.doomed(connection, before_ns)

    def bury(self, paths: list[str]) -> None:
        with self._database.writing() as connection:
            manifest.bury(connection, paths)

    def next_sequence(self) -> int:
        with self._database.reading() as connection:
            return manifest.next_sequence(connection)

    def _value(self, sql: str, name: str) -> bytes | None:
        with self._database.reading() as connection:
            row = connection.execute(sql, (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _values(self, sql: str, prefix: str) -> dict[str, bytes]:
        with self._database.reading() as connection:
            return dict(connection.execute(sql, (len(prefix), prefix)).fetchall())

"""What is shown of the analysis: JSON by key, as the analyst wrote it with its last commit."""

from watchtower.store.database import Database


class Documents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> bytes | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM documents WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def below(self, prefix: str) -> dict[str, bytes]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT key, value FROM documents WHERE substr(key, 1, ?) = ? ORDER BY key", (len(prefix), prefix)
            )
            return dict(rows.fetchall())

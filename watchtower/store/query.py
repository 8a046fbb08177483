"""SQL over the store: DuckDB in memory, over the files that the manifest names at this moment, and nothing else.

Two locks hold it to reading. statement.py lets only statements through that read; and DuckDB is told the files that it
may open, before its configuration is locked: no other file, no network, no extension, no spilling to the disk.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from watchtower.store.database import Access
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.files import FOLDER, FileEntry, is_intact, is_sound
from watchtower.store.settings import StoreSettings
from watchtower.store.state import State
from watchtower.store.statement import QueryError, admitted
from watchtower.store.views import create, literal, views

_BATCH: Final = 8192  # rows of an answer that are in memory at once
# What Arrow has no type for: it came as another number, as bytes, or without its zone.
_LOST: Final = re.compile(r"\b(UHUGEINT|BIGNUM|BIT|TIME WITH TIME ZONE)\b")
# How DuckDB words it, when it is not an IOException: a page, a footer. Of what Thrift says it has no class at all.
_UNREADABLE: Final = re.compile("Failed to read file|Footer length error")
_DAMAGED: Final = "a file of the store is damaged or gone: `watchtower query --verify` names it, and leaves it out"
_NO_MEMORY: Final = "Out of Memory Error"
_TOO_LARGE: Final = "this needs more memory than a query may have: ask for less at once, or raise store.query_memory"


class Answer:
    """What a statement gave, batch by batch, so that a large one never has to be in memory."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema: pa.Schema = reader.schema
        self._reader = reader

    def batches(self) -> Iterator[pa.RecordBatch]:
        with _translated():
            yield from self._reader

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches(), self.schema)


class Query:
    """A view of the store as it is now. `left_out` names files that are damaged or gone; the others are read.

    A file that was cut is known by its size. A byte that turned in the middle is not, unless `verify` has every page
    read and compared with its sum, which takes about as long as a query over everything.
    """

    def __init__(
        self, data_dir: Path, settings: StoreSettings, *, since_ns: int | None = None, verify: bool = False
    ) -> None:
        folder = (data_dir / FOLDER).resolve()
        if any(sign in str(folder) for sign in "*?["):
            raise StoreError(StoreFault.IO_ERROR, f"{folder}: DuckDB takes *, ? and [ in a path for a pattern")
        with State(data_dir, Access.READ) as state:
            present = [entry for entry in state.files() if since_ns is None or entry.max_ns >= since_ns]
        sound = [entry for entry in present if is_sound(folder / entry.path, entry.bytes)]
        if verify:
            sound = [entry for entry in sound if is_intact(folder / entry.path)]
        self.left_out = tuple(sorted({entry.path for entry in present} - {entry.path for entry in sound}))
        self._connection = _connected(settings)
        with _translated():
            self.views = _furnished(self._connection, folder, sound)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str) -> Answer:
        """Refuses everything that does more than read, and with `QueryError` what DuckDB does not understand."""
        statement = admitted(self._connection, sql)
        with _translated():
            # A cursor of its own, for an answer that nobody has read to its end occupies its connection.
            relation = self._connection.cursor().sql(statement)
            for name, kind in zip(relation.columns, relation.types, strict=True):
                if lost := _LOST.search(str(kind)):
                    raise QueryError(f"{name}: a {lost[0]} cannot be given as it is: cast it to VARCHAR")
            return Answer(relation.to_arrow_reader(_BATCH))


def _connected(settings: StoreSettings) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={
            "threads": settings.query_threads,
            "memory_limit": f"{settings.query_memory}B",
            "temp_directory": "",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_persistent_secrets": False,
        },
    )


def _furnished(connection: duckdb.DuckDBPyConnection, folder: Path, files: list[FileEntry]) -> tuple[str, ...]:
    """Makes the views, and locks the door behind them; gives their names."""
    connection.execute("SET TimeZone = 'UTC'")
    made = views(files)
    for view in made:
        connection.execute(create(view, str(folder)))
    paths = ", ".join(literal(f"{folder}/{entry.path}") for entry in files)
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return tuple(view.name for view in made)


@contextmanager
def _translated() -> Iterator[None]:
    """DuckDB's own errors, and Arrow's with DuckDB's text in them."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if _NO_MEMORY in str(error):  # what DuckDB advises then are settings that are locked
            raise QueryError(_TOO_LARGE) from error
        is_unclassed = type(error) is duckdb.Error
        if is_unclassed or isinstance(error, duckdb.IOException) or _UNREADABLE.search(str(error)):
            raise StoreError(StoreFault.DAMAGED, f"{error}\n{_DAMAGED}") from error
        raise QueryError(str(error)) from error

"""Which SQL is let through: one statement that only reads. DuckDB's own parser says what a statement is.

Its type is not enough: since version 2, a `WITH` may hold an INSERT, an UPDATE, a DELETE or a COPY … TO, and the whole
still counts as a SELECT. So the parsed tree is looked through, and no node but those that read may be in it.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb
import msgspec

from watchtower.errors import WatchtowerError

_READING_NODES: Final = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
# They run a text that this parser never saw.
_RUNNING: Final = {"query", "query_table", "json_execute_serialized_sql"}
_EXPLAIN: Final = re.compile(r"\s*(EXPLAIN\b\s*(?:ANALYZE\b|\([\w\s,]*\))?)(.*)", re.IGNORECASE | re.DOTALL)
_ALLOWED: Final = "only SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN of these are allowed"


class QueryError(WatchtowerError):
    """The asker's: SQL that is wrong, that does more than read, or that needs more memory than a query may have."""


def admitted(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The statement to run. Of an EXPLAIN, it is put together from the part that was looked at."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    if len(statements) != 1:
        raise QueryError(f"got {len(statements)} statements, expected one")
    statement = statements[0]
    if statement.type == duckdb.StatementType.EXPLAIN:
        match = _EXPLAIN.fullmatch(statement.query)
        if match is None:
            raise QueryError("EXPLAIN must come first, before any comment")
        return f"{match[1]} {_reading(connection, match[2])}"
    return _reading(connection, statement.query)


def _reading(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    for node in _dictionaries(_parsed(connection, sql)):
        kind, function = node.get("type"), node.get("function_name")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READING_NODES:
            raise QueryError(_ALLOWED)
        if isinstance(function, str) and function.lower() in _RUNNING:
            raise QueryError(f"{function}() is not allowed: ask directly")
    return sql


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    try:
        ((tree,),) = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchall()
        parsed = msgspec.json.decode(tree)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    except (RecursionError, msgspec.DecodeError) as error:
        raise QueryError("this is nested too deeply to be looked through") from error
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise QueryError(_ALLOWED)
    return parsed


def _dictionaries(parsed: Any) -> Iterator[dict[str, Any]]:
    waiting = [parsed]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)

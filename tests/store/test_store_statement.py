from collections.abc import Iterator
from random import Random

import duckdb
import pytest

from watchtower.store.statement import QueryError, admitted


@pytest.fixture(scope="module")
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select 1;",
        "-- why\nselect 1 /* because */",
        "(select 1) union all (select 2)",
        "with a as (select 1) select * from a",
        "with recursive a as (select 1 as i union all select i + 1 from a where i < 3) select * from a",
        "from t",
        "table t",
        "values (1)",
        "describe t",
        "show tables",
        "summarize t",
        "select * from t pivot (count(*) for a in (1, 2))",
        "select list_transform([1], lambda x: x + 1)",
        "select (select max(a) from t) where exists (from t)",
        "select 'COPY_QUERY_NODE' as \"INSERT_QUERY_NODE\", 'drop table t; --'",
        "select row_number() over (partition by a order by b) from t qualify 1 = 1",
    ],
)
def test_what_only_reads_is_let_through(sql: str, parser: duckdb.DuckDBPyConnection) -> None:
    assert admitted(parser, sql).strip(" ;") in sql


@pytest.mark.parametrize("how", ["explain", "EXPLAIN ANALYZE", "Explain (analyze, format json)"])
def test_what_only_reads_may_be_explained(how: str, parser: duckdb.DuckDBPyConnection) -> None:
    assert admitted(parser, f"{how} select 1").split() == f"{how} select 1".split()


WRITES = [
    "create table x (i int)",
    "create view x as select 1",
    "create macro m() as 1",
    "create secret (type s3)",
    "insert into t values (1)",
    "update t set a = 1",
    "delete from t",
    "drop view rows",
    "alter table t add column b int",
    "copy (select 1) to 'x'",
    "copy t from 'x'",
    "with x as (copy (select 1) to 'x') select 1",
    "with x as (copy (select 1) to 'x') from x",
    "with x as (insert into t values (1) returning *) select * from x",
    "with x as (delete from t) select 1",
    "with x as (update t set a = 1) select 1",
    "select (with x as (copy (select 1) to 'x') select 1)",
    "select * from (with x as (copy (select 1) to 'x') select 1)",
    "select 1 union all (with x as (copy (select 1) to 'x') select 1)",
    "with y as (with x as (copy (select 1) to 'x') select 1) select 1",
    "describe with x as (copy (select 1) to 'x') select 1",
    "summarize (with x as (copy (select 1) to 'x') select 1)",
    "select * from query('select 1')",
    "select * from QUERY_TABLE('t')",
    "select * from json_execute_serialized_sql('{}')",
    "attach 'x'",
    "detach memory",
    "use memory",
    "export database 'x'",
    "import database 'x'",
    "install httpfs",
    "load httpfs",
    "set threads = 1",
    "reset threads",
    "pragma version",
    "call enable_logging()",
    "checkpoint",
    "vacuum",
    "begin",
    "prepare p as select 1",
    "execute p",
    "set variable x = 1",
]


@pytest.mark.parametrize(
    "sql", [*WRITES, *(f"explain {sql}" for sql in WRITES), *(f"explain analyze {sql}" for sql in WRITES)]
)
def test_what_does_more_than_read_is_refused(sql: str, parser: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError):
        admitted(parser, sql)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "got 0 statements, expected one"),
        ("select 1; select 2", "got 2 statements, expected one"),
        ("select 1; drop view rows", "got 2 statements, expected one"),
        ("selec 1", "syntax error"),
        (f"select {'(' * 5000}1{')' * 5000}", "depth"),
        ("select '", "unterminated"),
        ("drop table x", "only SELECT, WITH, DESCRIBE"),
    ],
)
def test_what_is_refused_is_told_why(sql: str, told: str, parser: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match=told):
        admitted(parser, sql)


def test_any_text_is_let_through_or_refused_and_nothing_else(parser: duckdb.DuckDBPyConnection) -> None:
    chance = Random(7)
    words = [
        "select",
        "1",
        "(",
        ")",
        "with",
        "x",
        "as",
        ";",
        "copy",
        "to",
        "'",
        "from",
        "--",
        "/*",
        "explain",
        "\0",
        "é",
        '"',
        "$1",
    ]
    for _ in range(500):
        try:
            found = admitted(parser, " ".join(chance.choices(words, k=chance.randint(0, 9))))
        except QueryError:
            continue

        assert found.lower().split()[0] in {"select", "with", "from", "explain", "("}

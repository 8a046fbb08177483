"""The tables' columns: what each holds, in which type. docs/store.md shows what `described` says.

Version 1. A later version may add columns that can be null, at the end of a table; it neither renames, retypes nor takes
away. A file that lacks a column reads as null there, so files of every version are read together.

Times are microseconds in UTC, not the nanoseconds that they are measured in: DuckDB has neither intervals nor
comparisons for zoned nanoseconds. Durations stay whole nanoseconds, and `-1` says that the moment never came.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]

VERSION: Final = 1
INPUT: Final = "in."  # before the name of a decoded column of the request
OUTPUT: Final = "out."  # and of the answer


class TableName(StrEnum):
    EXCHANGES = "exchanges"
    ROWS = "rows"
    PAIRS = "pairs"
    WINDOWS = "windows"
    LABELS = "labels"


class Type(StrEnum):
    """What a column holds, in few words; how Arrow and DuckDB call it stands in `ARROW` and `DUCKDB`."""

    TEXT = "text"
    WORD = "word"  # a text of which there are few
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    VECTOR = "vector"
    BINARY = "binary"


ARROW: Final = {
    Type.TEXT: pa.string(),
    Type.WORD: pa.dictionary(pa.int32(), pa.string()),
    Type.INTEGER: pa.int64(),
    Type.NUMBER: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.VECTOR: pa.list_(pa.float64()),
    Type.BINARY: pa.binary(),
}
DUCKDB: Final = {
    Type.TEXT: "VARCHAR",
    Type.WORD: "VARCHAR",
    Type.INTEGER: "BIGINT",
    Type.NUMBER: "DOUBLE",
    Type.BOOLEAN: "BOOLEAN",
    Type.TIMESTAMP: "TIMESTAMPTZ",
    Type.VECTOR: "DOUBLE[]",
    Type.BINARY: "BLOB",
}


class Column(NamedTuple):
    name: str
    type: Type
    meaning: str


class Schema(NamedTuple):
    says: str  # what one row is
    time: str  # the column that decides in which hour's file a row lies
    columns: tuple[Column, ...]


_ID = Column("request_id", Type.TEXT, "joins the tables; as the client sent it, or as it was made")
_ENDPOINT = Column("endpoint", Type.WORD, "as the configuration names it")
_VARIANT = Column("variant", Type.WORD, "who answered: of a shadow's exchange the shadow's name")
_ROLE = Column("role", Type.WORD, "primary or shadow")
_STARTED = Column("started", Type.TIMESTAMP, "when the request's head was read")
_ROW = Column("row", Type.INTEGER, "which row of the request, from 0")
_TEST_RUN = Column("test_run", Type.WORD, "of a load test's traffic; null of everybody else's")

SCHEMAS: Final = {
    TableName.EXCHANGES: Schema(
        "one request and what became of it: one of the primary, one of each shadow that was asked",
        "started",
        (
            _ID,
            _ENDPOINT,
            _VARIANT,
            _ROLE,
            Column("outcome", Type.WORD, "how it ended"),
            _STARTED,
            Column("queue_ns", Type.INTEGER, "until a connection was free or begun"),
            Column("connect_ns", Type.INTEGER, "of that, connecting"),
            Column("first_byte_ns", Type.INTEGER, "until the first byte of the answer"),
            Column("total_ns", Type.INTEGER, "until the end, whichever way it ended"),
            Column("parts", Type.INTEGER, "of the answer's body, as they arrived"),
            Column("first_part_ns", Type.INTEGER, "until the first part"),
            Column("last_part_ns", Type.INTEGER, "until the last part"),
            Column("method", Type.WORD, ""),
            Column("path", Type.WORD, "without the query"),
            Column("status", Type.INTEGER, "0 when no answer came"),
            Column("request_type", Type.WORD, "the Content-Type"),
            Column("response_type", Type.WORD, "the Content-Type"),
            Column("request_size", Type.INTEGER, "bytes of the body as sent"),
            Column("response_size", Type.INTEGER, "bytes of the body as sent"),
            Column("request_note", Type.WORD, "whether the journal kept the body whole, and why not"),
            Column("response_note", Type.WORD, "whether the journal kept the body whole, and why not"),
            _TEST_RUN,
            Column("reason", Type.WORD, "why, when watchtower answered in the upstream's place"),
            Column("rows", Type.INTEGER, "that its bodies held; 0 of what was not decoded, as in a backlog"),
            Column("request_fault", Type.WORD, "why the request's body gave no rows; null when it did or was skipped"),
            Column("response_fault", Type.WORD, "why the answer's body gave no rows; null when it did or was skipped"),
            Column("stream", Type.WORD, "of the journal: who wrote the record"),
            Column("sequence", Type.INTEGER, "of the journal: the segment"),
            Column("offset", Type.INTEGER, "of the journal: the place behind the record"),
            Column("service_ns", Type.INTEGER, "of the model alone: from the request sent whole to the answer's end"),
        ),
    ),
    TableName.ROWS: Schema(
        "one row of a request and of its answer; each endpoint has the columns that its bodies have, "
        "`in.NAME` of the request and `out.NAME` of the answer",
        "started",
        (_ID, _ROW, _ENDPOINT, _VARIANT, _ROLE, _STARTED, _TEST_RUN),
    ),
    TableName.PAIRS: Schema(
        "a primary's answer and a shadow's to the same request, compared",
        "started",
        (
            _ID,
            _ENDPOINT,
            Column("shadow", Type.WORD, "its name"),
            _STARTED,
            Column("agrees", Type.BOOLEAN, "within the configured tolerance"),
            Column(
                "failure",
                Type.WORD,
                "why there are no two answers to compare, as in `watchtower_pairs_total`; null when there are",
            ),
            Column("latency_difference_ns", Type.INTEGER, "the shadow's minus the primary's"),
            Column("score_difference", Type.NUMBER, "the shadow's minus the primary's"),
            Column("rows", Type.INTEGER, "compared"),
            Column("rows_disagreeing", Type.INTEGER, "of them"),
            Column("segment", Type.WORD, "as configured by `compare.segments`"),
            Column("details", Type.TEXT, "the difference, column by column and path by path, as JSON"),
            _TEST_RUN,
        ),
    ),
    TableName.WINDOWS: Schema(
        "one column over one window of time, against its baseline; hours and days hold the rows of their minutes once more, "
        "so choose by `length_s`; one that a new baseline or the end of a recording cut short goes on as another",
        "started",
        (
            _ENDPOINT,
            Column("variant", Type.WORD, "whose traffic"),
            Column("side", Type.WORD, "input or output"),
            Column("column", Type.WORD, "its name"),
            Column("kind", Type.WORD, "number, integer, boolean, category, text, timestamp, vector, null"),
            Column("started", Type.TIMESTAMP, "when the window begins"),
            Column("length_s", Type.NUMBER, "how long it is"),
            Column("rows", Type.INTEGER, "in it"),
            Column("missing", Type.INTEGER, "of them, without a value"),
            Column("mean", Type.NUMBER, "of numbers"),
            Column("deviation", Type.NUMBER, "of numbers: the standard deviation"),
            Column("minimum", Type.NUMBER, "of numbers"),
            Column("maximum", Type.NUMBER, "of numbers"),
            Column("distinct", Type.NUMBER, "estimated number of different values"),
            Column("psi", Type.NUMBER, "population stability index"),
            Column("jensen_shannon", Type.NUMBER, "distance"),
            Column("hellinger", Type.NUMBER, "distance"),
            Column("total_variation", Type.NUMBER, "distance"),
            Column("wasserstein", Type.NUMBER, "distance in the baseline's standard deviations"),
            Column("ks", Type.NUMBER, "Kolmogorov-Smirnov distance"),
            Column("chi_square", Type.NUMBER, "of the categories' counts"),
            Column("cramers_v", Type.NUMBER, "of the categories' counts"),
            Column("missing_share", Type.NUMBER, "rows without a value"),
            Column("new_category_share", Type.NUMBER, "rows with a category that the baseline has not"),
            Column("out_of_range_share", Type.NUMBER, "rows beyond the baseline's extremes"),
            Column("evidence", Type.NUMBER, "of the sequential detector at the window's end"),
            Column("is_alarm", Type.BOOLEAN, "whether the detector held an alarm at the window's end"),
            Column("baseline", Type.WORD, "name and version"),
            Column("profile", Type.BINARY, "the mergeable summary, as `drift/` writes it"),
        ),
    ),
    TableName.LABELS: Schema(
        "a label that came, beside what was predicted",
        "started",
        (
            _ID,
            _ROW,
            _ENDPOINT,
            _VARIANT,
            Column("value", Type.TEXT, "what was true"),
            Column("value_number", Type.NUMBER, "the same, when it is a number"),
            Column("prediction", Type.TEXT, "what was said; null when the request failed"),
            Column("prediction_number", Type.NUMBER, "the same, when it is a number"),
            Column("score", Type.NUMBER, "how sure the model was"),
            _STARTED,
            Column("labelled", Type.TIMESTAMP, "since when the label is true, as its sender says"),
            Column("joined", Type.TIMESTAMP, "when it was found beside its row"),
        ),
    ),
}


def described() -> str:
    """The tables as Markdown."""
    lines = []
    for name, schema in SCHEMAS.items():
        lines += [
            f"### {name}",
            f"{schema.says[0].upper()}{schema.says[1:]}.",
            "",
            "| column | type | |",
            "|---|---|---|",
        ]
        lines += [f"| `{column.name}` | {DUCKDB[column.type]} | {column.meaning} |" for column in schema.columns]
        lines.append("")
    return "\n".join(lines)

import msgspec

from watchtower.table import Kind


class ColumnSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column and where its values lie."""

    name: str  # of the column
    path: str  # JSONPath (RFC 9535): from the row when there is a path to the rows, else from the document
    kind: Kind | None = None  # values are brought to it where they can be: "12" to 12 for an integer


class MappingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How JSON of no known protocol becomes rows.

    With a path to the rows, each of its matches is a row. Without, each match of a column is a row's value: columns have
    the same number of matches, and one with a single match stands in every row.
    """

    inputs: tuple[ColumnSettings, ...] = ()  # columns of the request
    outputs: tuple[ColumnSettings, ...] = ()  # columns of the answer
    input_rows: str = ""  # JSONPath of the rows in the request
    output_rows: str = ""  # JSONPath of the rows in the answer

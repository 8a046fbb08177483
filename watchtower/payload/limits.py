"""How much of a body is read. A sender chooses its bodies; what they cost us is bounded here."""

from typing import Final

# serde_json stops at 128, System.Text.Json at 64, protobuf at 100; what walks a document by recursion then never
# comes near Python's own limit of 1,000 frames.
MAX_DEPTH: Final = 128
# The widest tables that people serve have some hundred features; a profile keeps state for every column.
MAX_COLUMNS: Final = 2_000
# A list of as many in a request is a row of features, and a column each; longer ones are embeddings, pixels or tokens.
MAX_FEATURES: Final = 256
# Parquet's usual row group is as large, and MLflow's and SageMaker's batch requests stay far below.
MAX_ROWS: Final = 100_000
# An event of a stream has three lines at the most that count: its name, its data and its end.
MAX_LINES: Final = 3 * MAX_ROWS
# Values, before they are made: 16 MiB of `{},` are six million objects and 1.3 GB. And cells: rows with keys of their own
# are filled up with `None`, so 300 kB of `{}` behind one row of 2,000 keys would be 200 million. A million values are
# 90 MB at the most and for a moment, and 16 MiB of numbers that are printed with all their digits.
MAX_CELLS: Final = 1_000_000
# Nested objects are flattened to dotted names: long names nested in one another multiply.
MAX_NAME: Final = 256
# Of a decompressed body: 256 times what the journal keeps of one unless configured otherwise.
MAX_BODY: Final = 16 * 1024 * 1024

from typing import Annotated

import msgspec

from watchtower.units import Bytes, Count, Seconds


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a report may take. It is drawn by another process, at low priority, on a sample of the rows."""

    max_rows: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 5_000  # of each side, drawn at random
    max_columns: Count = 100  # the first ones; what is left out is named on the page
    deadline: Seconds = 300.0  # 100 columns of 5,000 rows took 45 s on a busy core
    # Of addresses: Evidently takes 700 MB before it has read a row, and was done with 100 columns of 5,000 rows in 1 GiB.
    max_memory: Bytes = 2 * 1024**3

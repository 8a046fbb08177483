from typing import Annotated

import msgspec

from watchtower.units import Bytes, Count, Seconds


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Evidently's pages, drawn by another process at low priority on a sample of the rows; they need the extra `reports`."""

    every: Seconds | None = 86400.0  # one of each endpoint with a baseline, of that much time; null: none by the clock
    on_alarm: bool = True  # one when a drift alarm is raised, at most one an hour of each endpoint
    window: Seconds = 3600.0  # of the rows on an alarm's page, and on one that is asked for
    retention: Seconds = 30 * 86400.0  # older pages are removed
    max_disk: Bytes = 512 * 1024**2  # of all pages, of about 4 MiB each: beyond it the oldest are removed
    max_rows: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 5_000  # of each side, drawn at random
    max_columns: Count = 100  # the first ones; what is left out is named on the page
    deadline: Seconds = 300.0  # 100 columns of 5,000 rows took 45 s on a busy core
    # Of addresses: Evidently takes 700 MB before it has read a row, and was done with 100 columns of 5,000 rows in 1 GiB.
    max_memory: Bytes = 2 * 1024**3  # of the process that draws; one that needs more fails

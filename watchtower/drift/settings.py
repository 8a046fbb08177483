"""What of drift an operator can choose; everything has a default that needs no reading."""

from typing import Literal

import msgspec

from watchtower.table import Kind
from watchtower.units import Count, CountOrZero, Seconds, SecondsOrZero, Share

Season = Literal["auto", "off"]


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A baseline that is frozen from the traffic itself."""

    rows: Count = 5000  # the first so many, up to 32 MB; the more, the smaller the change that can be told from chance


class BaselineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What live traffic is compared with."""

    name: str = "default"  # under which its versions are kept
    source: str | None = None  # a Parquet, CSV or JSONL file, or its fsspec URL; nothing: frozen from live traffic
    live: LiveSettings = LiveSettings()  # without a source: how much of the traffic it is made of
    outputs: tuple[str, ...] = ()  # the source's columns that are the model's answers; `in.` and `out.` names need none
    sample: CountOrZero = 5000  # rows kept as they are, for reports and the tests of many columns together
    seasonal: Season = "auto"  # one baseline for each hour of the week, where the history is long enough


class DriftSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How windows are cut, and what is called drift."""

    kinds: dict[str, Kind] = {}  # column, like in.zip or out.score → kind, where it should not be inferred
    ignore: tuple[str, ...] = ()  # columns, like in.zip or out.score, that are not watched
    window: Seconds = 60.0  # of event time; evidence is counted window by window
    lateness: SecondsOrZero = 120.0  # how long a window waits for rows that are under way
    tolerance: Share = 0.05  # of a standard deviation: a change by less than this matters to nobody
    rows_per_observation: Count = 1  # of rows that repeat each other (retries, one user's), so many count as one
    false_alarms: str = "1 per 90d"  # over all columns together
    max_columns: Count = 200  # what is beyond them is counted
    max_categories: Count = 200  # words of a column with bins of their own

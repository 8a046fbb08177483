import msgspec

from watchtower.units import Bytes, Count, Seconds, SecondsOrZero


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the analysis keeps on the disk, for how long, and what reading it may cost."""

    retention: Seconds = 30 * 86400.0  # older files are removed
    max_disk: Bytes = 10 * 1024**3  # of all tables: beyond it the oldest files are removed
    flush_age: Seconds = 10.0  # rows wait for so long for a file of their own
    flush_size: Bytes = 8 * 1024**2  # or until so many of them wait, in bytes of memory
    row_group: Count = 100_000  # rows; what a query skips or reads as a whole
    compact_after: SecondsOrZero = 900.0  # an hour that ended so long ago has its small files merged
    compact_size: Bytes = 128 * 1024**2  # files that are merged grow up to this size
    query_memory: Bytes = 512 * 1024**2  # of one query; one that needs more fails, for nothing is spilled to the disk
    query_threads: Count = 1  # the sidecar stands beside a model that needs the cores

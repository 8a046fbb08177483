import msgspec

from watchtower.units import Bytes, Count, Seconds


class AnalystSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process that reads the journal: how often it looks, and what it may hold."""

    enabled: bool = True  # `analyst: false` leaves it off, and so does this key
    interval: Seconds = 0.5  # between two looks at a journal that has nothing new
    commit_every: Seconds = 2.0  # how much is read again after a crash; nothing of it is counted twice
    batch: Count = 2000  # exchanges decoded together
    max_memory: Bytes = 1024**3  # resident; beyond it, what was read is committed and the process begins anew
    max_lag: Seconds = 30.0  # behind this, a sample of the exchanges is decoded, and the rest only counted

import msgspec

from watchtower.units import Seconds, Secret


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listen: str = "127.0.0.1:9900"
    token: Secret | None = None  # needed for every address but loopback
    probe: str | None = None  # a path that /readyz asks of the upstreams; without it, no upstream is asked
    probe_timeout: Seconds = 1.0


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str = "auto"  # auto: text on a terminal, JSON elsewhere
    level: str = "info"

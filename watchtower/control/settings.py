from typing import Literal

import msgspec

from watchtower.units import Seconds, Secret


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the admin API, the metrics and the health checks answer."""

    listen: str = "127.0.0.1:9900"  # host:port
    token: Secret | None = None  # needed for every address but loopback
    probe: str | None = None  # a path that /readyz asks of the upstreams; without it, no upstream is asked
    probe_timeout: Seconds = 1.0  # for each upstream that is asked


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written to standard error: one event a line, never a payload or a secret."""

    format: Literal["auto", "text", "json"] = "auto"  # auto: text on a terminal, JSON elsewhere
    level: Literal["debug", "info", "warning", "error"] = "info"  # the least that is written

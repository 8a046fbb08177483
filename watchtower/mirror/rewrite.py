"""The mirrored request's head: the client's, marked as a shadow's, with what the configuration changes."""

from watchtower.http1.write import request_head
from watchtower.mirror.settings import ShadowSettings
from watchtower.record import KeptRequest
from watchtower.upstream.address import Address


class Rewrite:
    """One shadow's changes, prepared once."""

    def __init__(self, settings: ShadowSettings, address: Address, *, rewrite_host: bool) -> None:
        headers = settings.headers
        self._mark = b"\r\nx-watchtower-shadow: " + settings.name.encode()
        self._prefix = address.prefix
        self._host = (
            settings.host.encode() if settings.host is not None else address.authority if rewrite_host else None
        )
        self._fallback_host = address.authority
        old, arrow, new = (settings.path or "").rpartition("=")
        self._old_path, self._new_path = old.encode(), new.encode()
        self._has_path = settings.path is not None
        self._has_old_path = bool(arrow)
        dropped = [*headers.drop, *headers.replace]
        self._drop = tuple(name.lower().encode() + b":" for name in dropped)
        # The request's own mark and its wish to be asked to go on belong to the primary's exchange.
        self._always_drop = (b"expect:", b"x-watchtower-shadow:")
        self._add = [f"{name}: {value}".encode() for name, value in (*headers.add.items(), *headers.replace.items())]

    def head(self, request: KeptRequest) -> bytes:
        lines = request.lines
        noted = request.noted
        if self._drop or b"expect" in noted or b"x-watchtower-shadow" in noted:
            unwanted = (*self._drop, *self._always_drop)
            lines = [line for line in lines if not line.lower().startswith(unwanted)]
        if self._add:
            lines = [*lines, *self._add]
        return request_head(
            request.method,
            self._prefix + self.target(request.target),
            self._host or request.host or self._fallback_host,
            lines,
            request.own_lines + self._mark,
            length=request.size,
            is_chunked=False,  # it has been read whole, so its length is known
        )

    def target(self, target: bytes) -> bytes:
        if not self._has_path:
            return target
        if self._has_old_path:
            return self._new_path + target[len(self._old_path) :] if target.startswith(self._old_path) else target
        query = target.find(b"?")
        return self._new_path + (target[query:] if query >= 0 else b"")

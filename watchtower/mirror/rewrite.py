"""The mirrored request's head: the client's, marked as a shadow's, with what the configuration changes."""

from watchtower.http1.fields import without
from watchtower.http1.framing import length_field
from watchtower.mirror.settings import ShadowSettings
from watchtower.record import KeptRequest
from watchtower.upstream.address import Address


class Rewrite:
    """One shadow's changes, prepared once."""

    def __init__(self, settings: ShadowSettings, address: Address, *, rewrite_host: bool) -> None:
        headers = settings.headers
        self._mark = b"x-watchtower-shadow: %b\r\n" % settings.name.encode()
        self._prefix = address.prefix
        self._host = settings.host.encode() if settings.host is not None else address.authority if rewrite_host else b""
        self._fallback_host = address.authority
        old, arrow, new = (settings.path or "").rpartition("=")
        self._old_path, self._new_path = old.encode(), new.encode()
        self._has_path = settings.path is not None
        self._has_old_path = bool(arrow)
        # The request's own mark, and its wish to be asked to go on, belong to the primary's exchange.
        self._drop = (
            b"expect",
            b"x-watchtower-shadow",
            *(name.lower().encode() for name in (*headers.drop, *headers.replace)),
        )
        self._is_dropping = len(self._drop) > 2
        added = (*headers.add.items(), *headers.replace.items())
        self._add = b"".join(f"{name}: {value}\r\n".encode() for name, value in added)

    def head(self, request: KeptRequest) -> bytes:
        fields = request.fields
        noted = request.noted
        if self._is_dropping or b"expect" in noted or b"x-watchtower-shadow" in noted:
            fields = without(fields, self._drop)
        return b"%b %b%b HTTP/1.1\r\nHost: %b\r\n%b%b%b%b%b\r\n" % (
            request.method,
            self._prefix,
            self.target(request.target) if self._has_path else request.target,
            self._host or request.host or self._fallback_host,
            fields,
            self._add,
            request.own_fields,
            self._mark,
            length_field(request.method, request.size),  # it has been read whole, so its length is known
        )

    def target(self, target: bytes) -> bytes:
        if self._has_old_path:
            return self._new_path + target[len(self._old_path) :] if target.startswith(self._old_path) else target
        query = target.find(b"?")
        return self._new_path + (target[query:] if query >= 0 else b"")

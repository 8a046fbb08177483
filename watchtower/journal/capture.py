"""What of an exchange is kept: decided here for the primary and its shadows alike, so that a pair stays a pair."""

from collections.abc import Iterable
from zlib import crc32

from watchtower.journal.redact import Redactor, is_secret_header
from watchtower.journal.settings import CaptureSettings
from watchtower.record import BodyNote


class Capture:
    def __init__(self, settings: CaptureSettings) -> None:
        self.max_body = settings.max_body
        self._sample = settings.sample
        self._redactor = Redactor(settings.redact) if settings.redact else None
        self._headers = tuple(
            name for name in (h.lower().encode() for h in settings.headers) if not is_secret_header(name)
        )
        self.has_headers = bool(self._headers)

    def is_sampled(self, request_id: bytes) -> bool:
        """By the id alone: every process decides alike, and a shadow's record is there when the primary's is."""
        return self._sample >= 1 or crc32(request_id) < self._sample * 2**32

    def headers(self, noted: dict[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name, noted[name]) for name in self._headers if name in noted)

    def body(
        self, parts: Iterable[bytes], size: int, content_type: bytes, encoding: bytes
    ) -> tuple[bytes, BodyNote, bytes]:
        """What is kept of a body, why it is what it is, and the encoding that it is kept in."""
        if not size:
            return b"", BodyNote.NONE, encoding
        body = b"".join(parts)
        if size <= self.max_body and self._redactor is None:
            return body, BodyNote.WHOLE, encoding
        is_whole = size <= self.max_body
        if not is_whole:
            body = body[: self.max_body]
        if self._redactor is not None:
            return self._redactor.apply(body, content_type, encoding, whole=is_whole)
        return body, BodyNote.CUT, encoding

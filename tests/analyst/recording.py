"""Journals as the data plane writes them, from a few lines."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from watchtower.clock import SECOND, ManualClock
from watchtower.journal.appender import Appender
from watchtower.journal.format import encode
from watchtower.journal.settings import CaptureSettings
from watchtower.record import NEVER, BodyNote, Exchange, Outcome, Role, ShadowOutcome

ORIGIN_NS: Final = ManualClock().epoch_ns - ManualClock().epoch_ns % (60 * SECOND)  # times below are seconds since then
PREDICT: Final = b"/v1/models/churn:predict"
JSON: Final = b"application/json"

Body = bytes | dict[str, Any] | list[Any]


def primary(number: int | bytes, request: Body, answer: Body, at_s: float = 0.0, **changes: Any) -> Exchange:
    """Answered with 200, as the first variant of the first endpoint."""
    asked, answered = _octets(request), _octets(answer)
    made = Exchange(
        request_id=_id(number),
        role=Role.PRIMARY,
        endpoint="churn",
        variant="blue",
        outcome=Outcome.ANSWERED,
        started_ns=ORIGIN_NS + round(at_s * SECOND),
        queue_ns=1_000,
        connect_ns=0,
        first_byte_ns=9_000_000,
        total_ns=10_000_000,
        parts=1,
        first_part_ns=9_000_000,
        last_part_ns=9_000_000,
        method=b"POST",
        target=PREDICT,
        status=200,
        request_type=JSON,
        request_encoding=b"",
        response_type=JSON,
        response_encoding=b"",
        request_size=len(asked),
        response_size=len(answered),
        request_note=BodyNote.WHOLE if asked else BodyNote.NONE,
        response_note=BodyNote.WHOLE if answered else BodyNote.NONE,
        request_headers=(),
        response_headers=(),
        request_body=asked,
        response_body=answered,
        service_ns=10_000_000,
    )
    return msgspec.structs.replace(made, **changes)


def shadow(number: int | bytes, answer: Body, at_s: float = 0.0, name: str = "v2", **changes: Any) -> Exchange:
    """As the mirror records one: the request's body is with the primary's record."""
    own = {"role": Role.SHADOW, "variant": name, "request_note": BodyNote.NOT_KEPT, "outcome": ShadowOutcome.ANSWERED}
    return primary(number, b"", answer, at_s, **{**own, **changes})


def failed(exchange: Exchange, outcome: Outcome | ShadowOutcome, status: int = 0) -> Exchange:
    """The same request, to which there was no answer or one of an error."""
    changes: dict[str, Any] = {"outcome": outcome, "status": status}
    if not status:
        changes |= {"response_body": b"", "response_note": BodyNote.NONE, "first_byte_ns": NEVER}
    return msgspec.structs.replace(exchange, **changes)


def pair(number: int, at_s: float = 0.0, value: float = 0.5, other: float | None = None) -> list[Exchange]:
    """A question of one row, and the same answer twice, or another one from the shadow."""
    asked = {"instances": [{"age": number % 50, "plan": "gold" if number % 3 else "base"}]}
    return [
        primary(number, asked, {"predictions": [value]}, at_s),
        shadow(number, {"predictions": [value if other is None else other]}, at_s),
    ]


class Recording:
    """One worker's stream. What is added lies in the journal at once; while it is open, a reader waits for more."""

    def __init__(self, directory: Path, stream: str = "w1-1", **settings: Any) -> None:
        kept = CaptureSettings(**{"fsync": "never", **settings})
        self.records = 0
        self._appender = Appender(kept, directory, stream, ManualClock().clock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._appender.close()

    def add(self, exchanges: Iterable[Exchange]) -> None:
        frames = [encode(each) for each in exchanges]
        appended = self._appender.append(frames, len(frames))
        assert appended.lost == 0, appended
        self.records += appended.records


def _id(number: int | bytes) -> bytes:
    return number if isinstance(number, bytes) else b"%06d" % number


def _octets(body: Body) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)

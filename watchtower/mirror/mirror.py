"""The shadows of one endpoint, and the records of what they answered."""

from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Final

from watchtower.clock import Clock
from watchtower.http1.response import AnswerHead
from watchtower.journal.capture import Capture
from watchtower.mirror.call import ShadowCall
from watchtower.mirror.shadow import Shadow
from watchtower.record import NEVER, BodyNote, Exchange, KeptRequest, Role, ShadowOutcome


class Mirror:
    def __init__(self, endpoint: str, shadows: Sequence[Shadow]) -> None:
        self.endpoint = endpoint
        self.shadows = shadows
        self.keep = max((shadow.max_body for shadow in shadows), default=0)

    def offer(self, request: KeptRequest) -> tuple[str, ...]:
        """Gives the names of those whose sample leaves it out."""
        left_out: tuple[str, ...] = ()
        for shadow in self.shadows:
            if not shadow.offer(request):
                left_out += (shadow.name,)
        return left_out

    def close(self) -> None:
        for shadow in self.shadows:
            shadow.close()


class ShadowRecorder:
    """Writes a shadow's exchange; the request's body stands with the primary's and is not kept twice."""

    def __init__(self, endpoint: str, capture: Capture, journal: Callable[[Exchange], None], clock: Clock) -> None:
        self._endpoint = endpoint
        self._capture = capture
        self._journal = journal
        self._clock = clock

    def record(self, shadow: Shadow, call: ShadowCall, outcome: ShadowOutcome) -> None:
        request, answer, capture = call.request, call.answer, self._capture
        answered = answer.head if answer is not None else _NO_HEAD
        body, note, encoding = capture.body(
            call.kept, call.answer_size, answered.content_type, answered.content_encoding
        )
        ended_ns = call.ended_ns if call.ended_ns != NEVER else monotonic_ns()
        start_ns = call.started_ns if call.started_ns != NEVER else ended_ns
        wait_ns = call.sent_ns - start_ns if call.sent_ns != NEVER else 0
        self._journal(
            Exchange(
                request.request_id,
                Role.SHADOW,
                self._endpoint,
                shadow.name,
                outcome,
                self._clock.wall_ns() - self._clock.monotonic_ns() + start_ns,
                start_ns - request.read_ns + (0 if call.was_fresh else wait_ns),
                wait_ns if call.was_fresh else 0,
                call.first_byte_ns - start_ns if call.first_byte_ns != NEVER else NEVER,
                ended_ns - start_ns,
                call.part_count,
                call.first_part_ns - start_ns if call.part_count else NEVER,
                call.last_part_ns - start_ns if call.part_count else NEVER,
                request.method,
                request.target,
                answer.status if answer is not None else 0,
                request.content_type,
                request.content_encoding,
                answered.content_type,
                encoding,
                request.size,
                call.answer_size,
                BodyNote.NOT_KEPT if request.size else BodyNote.NONE,
                note,
                (),
                capture.headers(answered.noted) if capture.has_headers else (),
                request.noted.get(b"x-watchtower-test", b""),
                request.noted.get(b"traceparent", b""),
                "",
                ended_ns - call.sent_ns if call.sent_ns != NEVER else NEVER,
                request.read_ns,
                (),
                b"",
                body,
            )
        )


_NO_HEAD: Final = AnswerHead(0, b"", [], {})

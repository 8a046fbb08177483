"""What became of each flow: counted, journaled, mirrored; once, and outside the client's time.

A flow that has something to tell is put on a list, and the list is worked off in one call of the loop behind the one
that wrote to the sockets: so the upstream's request is on its way before a shadow's begins, and the client's answer
before it is counted and encoded.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from watchtower.clock import Clock
from watchtower.http1.response import Answer, AnswerHead
from watchtower.journal.capture import Capture
from watchtower.proxy.flow import Flow
from watchtower.record import NEVER, Exchange, KeptRequest, Outcome, Role

logger = logging.getLogger(__name__)

_NOBODY_ANSWERED = 499  # nginx's code for a client that left; no answer was sent


class FlowLedger:
    def __init__(
        self,
        capture: Capture,
        journal: Callable[[Exchange], None],
        sampled_out: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._capture = capture
        self._journal = journal
        self._sampled_out = sampled_out
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._sent: deque[Flow] = deque()
        self._ended: deque[Flow] = deque()
        self._is_due = False

    def request_sent(self, flow: Flow) -> None:
        if flow.endpoint.mirror is not None:
            self._sent.append(flow)
            self._come_back()

    def ended(self, flow: Flow) -> None:
        self._ended.append(flow)
        self._come_back()

    def settle(self) -> None:
        """Work off what is due; called by the loop, and once more before it stops."""
        self._is_due = False
        sent, ended = self._sent, self._ended
        try:
            while sent:
                self._mirror(sent.popleft())
            # Durations are of the monotonic clock, beginnings of the wall's: this is what lies between them now.
            epoch_ns = self._clock.wall_ns() - self._clock.monotonic_ns()
            while ended:
                flow = ended.popleft()
                self._mirror(flow)
                self._count(flow)
                self._record(flow, epoch_ns)
        except Exception:  # a defect here must not cost the next flow its record
            logger.exception("a flow could not be accounted for")
            if sent or ended:
                self._come_back()

    def _come_back(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.settle)

    def _mirror(self, flow: Flow) -> None:
        """Once, though it may be sent to its upstream twice."""
        mirror = flow.endpoint.mirror
        if mirror is None or flow.is_mirrored:
            return
        flow.is_mirrored = True
        request = flow.request
        head = request.head
        parts, size = request.kept, request.size
        if request.parts:
            parts, size = parts + request.parts, size + sum(map(len, request.parts))
        mirror(
            KeptRequest(
                flow.request_id,
                head.method,
                head.target,
                head.host,
                head.fields,
                flow.own_fields,
                head.noted,
                head.content_type,
                head.content_encoding,
                parts if request.is_kept_whole else None,
                size,
                flow.read_ns,
                request.is_complete and flow.outcome is not Outcome.REFUSED,
                head.upgrade is not None,
                self._capture.is_sampled(flow.request_id),
            )
        )

    def _count(self, flow: Flow) -> None:
        endpoint, outcome, variant = flow.endpoint, flow.outcome, flow.variant
        if outcome is None:
            return
        cells = variant.cells if variant is not None else endpoint.refused_cells
        cells.outcomes[outcome].inc()
        cells.by_code(flow.status or _NOBODY_ANSWERED).inc()
        total = flow.ended_ns - flow.read_ns
        cells.duration.observe(total * 1e-9)
        endpoint.request_bytes.inc(flow.request.size)
        if flow.first_byte_ns == NEVER:
            return
        cells.first_byte.observe((flow.first_byte_ns - flow.read_ns) * 1e-9)
        cells.response_bytes.inc(flow.answer.size if flow.answer is not None else 0)
        if outcome is Outcome.ANSWERED or outcome is Outcome.ERROR_STATUS:
            ours = flow.sent_ns - flow.read_ns - (flow.wait_ns if flow.was_fresh else 0)
            endpoint.overhead.observe((ours + flow.ended_ns - flow.last_arrival_ns) * 1e-9)

    def _record(self, flow: Flow, epoch_ns: int) -> None:
        capture, request, variant = self._capture, flow.request, flow.variant
        answer = flow.answer if flow.answer is not None else _NO_ANSWER
        if not capture.is_sampled(flow.request_id):
            self._sampled_out()
            return
        asked, answered = request.head, answer.head
        request_body, request_note, request_encoding = capture.body(
            request.kept, request.size, asked.content_type, asked.content_encoding
        )
        response_body, response_note, response_encoding = capture.body(
            answer.kept, answer.size, answered.content_type, answered.content_encoding
        )
        read_ns, noted = flow.read_ns, asked.noted
        self._journal(
            Exchange(
                flow.request_id,
                Role.PRIMARY,
                flow.endpoint.name,
                variant.name if variant is not None else "",
                flow.outcome or Outcome.REFUSED,
                epoch_ns + read_ns,
                0 if flow.was_fresh else flow.wait_ns,
                flow.wait_ns if flow.was_fresh else 0,
                flow.first_byte_ns - read_ns if flow.first_byte_ns != NEVER else NEVER,
                flow.ended_ns - read_ns,
                flow.part_count,
                flow.first_part_ns - read_ns if flow.part_count else NEVER,
                flow.last_part_ns - read_ns if flow.part_count else NEVER,
                asked.method,
                asked.target,
                flow.status,
                asked.content_type,
                request_encoding,
                answered.content_type,
                response_encoding,
                request.size,
                answer.size,
                request_note,
                response_note,
                capture.headers(noted) if capture.has_headers else (),
                capture.headers(answered.noted) if capture.has_headers else (),
                noted.get(b"x-watchtower-test", b""),
                noted.get(b"traceparent", b""),
                flow.reason,
                request_body,
                response_body,
            )
        )


_NO_ANSWER: Final = Answer(AnswerHead(0, b"", [], {}))

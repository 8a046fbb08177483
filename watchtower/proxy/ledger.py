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
from watchtower.proxy.account import Account
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
        self._sent: deque[Account] = deque()
        self._ended: deque[Account] = deque()
        self._is_due = False

    def request_sent(self, account: Account) -> None:
        if account.endpoint.mirror is not None:
            self._sent.append(account)
            self._come_back()

    def ended(self, account: Account) -> None:
        self._ended.append(account)
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
                account = ended.popleft()
                self._mirror(account)
                self._count(account)
                self._record(account, epoch_ns)
        except Exception:  # a defect here must not cost the next request its record
            logger.exception("a request could not be accounted for")
            if sent or ended:
                self._come_back()

    def _come_back(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.settle)

    def _mirror(self, account: Account) -> None:
        """Once, though it may be sent to its upstream twice."""
        mirror = account.endpoint.mirror
        if mirror is None or account.is_mirrored:
            return
        account.is_mirrored = True
        request = account.request
        head = request.head
        parts, size = request.kept, request.size
        if request.parts:
            parts, size = parts + request.parts, size + sum(map(len, request.parts))
        account.unsampled = mirror(
            KeptRequest(
                account.request_id,
                head.method,
                head.target,
                head.host,
                head.fields,
                account.own_fields,
                head.noted,
                head.content_type,
                head.content_encoding,
                parts if request.is_kept_whole else None,
                size,
                account.read_ns,
                request.is_complete and account.outcome is not Outcome.REFUSED,
                head.upgrade is not None,
                self._capture.is_sampled(account.request_id),
            )
        )

    def _count(self, account: Account) -> None:
        endpoint, outcome, variant = account.endpoint, account.outcome, account.variant
        if outcome is None:
            return
        cells = variant.cells if variant is not None else endpoint.refused_cells
        cells.outcomes[outcome].inc()
        cells.by_code(account.status or _NOBODY_ANSWERED).inc()
        total = account.ended_ns - account.read_ns
        cells.duration.observe(total * 1e-9)
        endpoint.request_bytes.inc(account.request.size)
        if account.first_byte_ns == NEVER:
            return
        cells.first_byte.observe((account.first_byte_ns - account.read_ns) * 1e-9)
        cells.response_bytes.inc(account.answer.size if account.answer is not None else 0)
        if outcome is Outcome.ANSWERED or outcome is Outcome.ERROR_STATUS:
            ours = account.sent_ns - account.read_ns - (account.wait_ns if account.was_fresh else 0)
            endpoint.overhead.observe((ours + account.ended_ns - account.last_arrival_ns) * 1e-9)

    def _record(self, account: Account, epoch_ns: int) -> None:
        capture, request, variant = self._capture, account.request, account.variant
        answer = account.answer if account.answer is not None else _NO_ANSWER
        if not capture.is_sampled(account.request_id):
            self._sampled_out()
            return
        asked, answered = request.head, answer.head
        request_body, request_note, request_encoding = capture.body(
            request.kept, request.size, asked.content_type, asked.content_encoding
        )
        response_body, response_note, response_encoding = capture.body(
            answer.kept, answer.size, answered.content_type, answered.content_encoding
        )
        read_ns, noted = account.read_ns, asked.noted
        self._journal(
            Exchange(
                account.request_id,
                Role.PRIMARY,
                account.endpoint.name,
                variant.name if variant is not None else "",
                account.outcome or Outcome.REFUSED,
                epoch_ns + read_ns,
                0 if account.was_fresh else account.wait_ns,
                account.wait_ns if account.was_fresh else 0,
                account.first_byte_ns - read_ns if account.first_byte_ns != NEVER else NEVER,
                account.ended_ns - read_ns,
                account.part_count,
                account.first_part_ns - read_ns if account.part_count else NEVER,
                account.last_part_ns - read_ns if account.part_count else NEVER,
                asked.method,
                asked.target,
                account.status,
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
                account.reason,
                _service_ns(account),
                read_ns,
                account.unsampled,
                request_body,
                response_body,
            )
        )


def _service_ns(account: Account) -> int:
    began_ns, outcome = account.sent_ns, account.outcome
    if began_ns == NEVER:
        if account.first_byte_ns == NEVER:
            return NEVER
        began_ns = account.read_ns + account.wait_ns  # it answered what it had by then: the head
    is_whole = outcome is Outcome.ANSWERED or outcome is Outcome.ERROR_STATUS
    took_ns = (account.last_arrival_ns if is_whole else account.ended_ns) - began_ns
    return max(0, took_ns - account.held_ns)  # an answer can be held before the request was whole


_NO_ANSWER: Final = Answer(AnswerHead(0, b"", [], {}))

"""One shadow of an endpoint: decides for each request whether it is asked, and holds every budget.

A request that is sent or queued holds its bytes until it ends; `max_queue` bounds what is queued, `max_in_flight` times
`max_body` what is under way, the timeout how long either can last, and the breaker how often it is tried. A shadow has
connections of its own: nothing that it does can take one from the primary.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import islice
from math import inf
from time import monotonic_ns

from watchtower.deadlines import Sweep
from watchtower.metrics.cells import Counter, Histogram
from watchtower.mirror.breaker import Breaker, BreakerState
from watchtower.mirror.call import ShadowCall
from watchtower.mirror.rewrite import Rewrite
from watchtower.mirror.sample import IsSampled
from watchtower.mirror.settings import ShadowSettings
from watchtower.record import KeptRequest, ShadowOutcome
from watchtower.upstream.connection import UpstreamConnection
from watchtower.upstream.pool import Pool, Wait

logger = logging.getLogger(__name__)

# What a queued request costs beside its body: the records, lists and header lines that hold it (measured: 2.2 KiB).
QUEUED_OVERHEAD = 2560

GIVEN_UP_AT_ONCE = 8  # some 60 µs of the loop; with 32, the clients beside a stalled shadow had a p98 of 1.2 times

_FAILURES = frozenset(
    {
        ShadowOutcome.CONNECT_FAILED,
        ShadowOutcome.RESET,
        ShadowOutcome.TIMED_OUT,
        ShadowOutcome.BAD_ANSWER,
        ShadowOutcome.TOO_LARGE,  # of an answer, here: it costs a connection each time
    }
)


class Shadow:
    def __init__(
        self,
        settings: ShadowSettings,
        pool: Pool,
        rewrite: Rewrite,
        is_sampled: IsSampled | None,
        *,
        sweep: Sweep,
        outcomes: Mapping[str, Counter],
        duration: Histogram,
        record: Callable[["Shadow", ShadowCall, ShadowOutcome], None],
        keep: int,
    ) -> None:
        self.name = settings.name
        self.max_body = settings.max_body
        self.keep = keep
        self.pool = pool
        self.breaker = Breaker(settings.breaker)
        self.head = rewrite.head
        self._settings = settings
        self._is_sampled = is_sampled
        self._sweep = sweep
        self._outcomes = outcomes
        self._duration = duration
        self._record = record
        self._queue: dict[ShadowCall, None] = {}  # an ordered set
        self.queue_bytes = 0
        self._in_flight: set[ShadowCall] = set()
        # Queued and in flight. All have the same time, so the first is due first, and nobody needs to look at the others.
        self._calls: dict[ShadowCall, None] = {}
        self._is_closed = False
        self._is_giving_up = False
        self._is_ending = False
        self._loop = asyncio.get_running_loop()
        sweep.watch(self)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def deadline(self) -> float:
        """Of the call that is due first."""
        return next(iter(self._calls)).deadline if self._calls else inf

    def overdue(self) -> None:
        """End what is due, in slices: beside a stalled shadow that is thousands, and the clients must not feel it."""
        if not self._is_ending:
            self._end_overdue()

    def _end_overdue(self) -> None:
        now = self._loop.time()
        due = [call for call in islice(self._calls, GIVEN_UP_AT_ONCE) if call.deadline < now]
        for call in due:
            call.overdue()
        self._is_ending = len(due) == GIVEN_UP_AT_ONCE
        if self._is_ending:
            self._loop.call_soon(self._end_overdue)

    def offer(self, request: KeptRequest) -> bool:
        """Take a request, or count why not: every request that the endpoint took ends here in one outcome.

        Gives whether it is in the sample. What is not has no record: beside a small sample they would be most of them.
        """
        refusal = self._refusal(request)
        if refusal is not None:
            self._outcomes[refusal].inc()
            if refusal is ShadowOutcome.SKIPPED_BY_SAMPLE:
                return False
            if request.is_captured:
                self._record(self, ShadowCall(self, request, 0.0), refusal)
            return True
        call = ShadowCall(self, request, self._loop.time() + self._settings.timeout)
        self._calls[call] = None
        if len(self._in_flight) < self._settings.max_in_flight:
            self._start(call)
        else:
            self._queue[call] = None
            self.queue_bytes += request.size + QUEUED_OVERHEAD
        return True

    def _refusal(self, request: KeptRequest) -> ShadowOutcome | None:
        if request.is_upgrade:
            return ShadowOutcome.STREAMING_UPGRADE
        if not request.is_whole:
            return ShadowOutcome.INCOMPLETE
        if self._is_sampled is not None and not self._is_sampled(request):
            return ShadowOutcome.SKIPPED_BY_SAMPLE
        if self._is_closed:
            return ShadowOutcome.SHUTTING_DOWN
        if request.parts is None or request.size > self.max_body:
            return ShadowOutcome.TOO_LARGE
        if (
            len(self._in_flight) >= self._settings.max_in_flight
            and self.queue_bytes + request.size + QUEUED_OVERHEAD > self._settings.max_queue
        ):
            return ShadowOutcome.QUEUE_FULL
        if self.breaker.state is not BreakerState.CLOSED and not self.breaker.allows(self._sweep.now):
            return ShadowOutcome.BREAKER_OPEN
        return None

    def _start(self, call: ShadowCall) -> None:
        self._in_flight.add(call)
        call.started_ns = monotonic_ns()
        taken = self.pool.take(call)
        if isinstance(taken, UpstreamConnection):
            call.connected(taken)
        elif taken is Wait.FULL:
            call.end(ShadowOutcome.QUEUE_FULL)

    def call_ended(self, call: ShadowCall, outcome: ShadowOutcome, connection: UpstreamConnection | None) -> None:
        """A call's one end, with the connection that it leaves behind."""
        if connection is None:
            self.pool.forget(call)
        elif call.answer is not None and call.answer.is_complete:
            self.pool.release(connection)
        else:
            connection.abort()
        self._calls.pop(call, None)
        if call in self._queue:
            self._unqueue(call)
        self._in_flight.discard(call)
        if outcome is not ShadowOutcome.ANSWERED:
            self._judge(call, outcome)
        elif not self.breaker.is_untroubled:
            self._succeeded()
        self._outcomes[outcome].inc()
        if call.answer is not None:
            self._duration.observe((call.ended_ns - call.started_ns) * 1e-9)
        if call.request.is_captured:
            self._record(self, call, outcome)
        if self._queue:
            self._go_on()

    def _judge(self, call: ShadowCall, outcome: ShadowOutcome) -> None:
        is_down = call.answer is not None and call.answer.status >= 500
        if outcome in _FAILURES or (outcome is ShadowOutcome.ERROR_STATUS and is_down):
            was_closed = self.breaker.state is BreakerState.CLOSED
            self.breaker.failed(self._sweep.now)
            if was_closed and self.breaker.state is BreakerState.OPEN:
                logger.warning("a shadow is left alone: it fails", extra={"shadow": self.name, "last": str(outcome)})
        elif outcome is ShadowOutcome.ERROR_STATUS:
            self._succeeded()
        else:
            self.breaker.abandoned()

    def _succeeded(self) -> None:
        if self.breaker.state is not BreakerState.CLOSED:
            logger.info("a shadow answers again", extra={"shadow": self.name})
        self.breaker.succeeded()

    def _go_on(self) -> None:
        """Start what waits; where the breaker has opened, nothing that waits would be answered."""
        if self.breaker.state is BreakerState.OPEN:
            if not self._is_giving_up:
                self._is_giving_up = True
                self._loop.call_soon(self._give_up)
            return
        while self._queue and len(self._in_flight) < self._settings.max_in_flight:
            call = next(iter(self._queue))
            self._unqueue(call)
            self._start(call)

    def _give_up(self) -> None:
        """End what waits, in slices: thousands at once would stop the loop, and the clients with it, for milliseconds."""
        self._is_giving_up = False
        for call in list(islice(self._queue, GIVEN_UP_AT_ONCE)):
            call.end(ShadowOutcome.BREAKER_OPEN)
        if self._queue:
            self._go_on()

    def _unqueue(self, call: ShadowCall) -> None:
        del self._queue[call]
        self.queue_bytes -= call.request.size + QUEUED_OVERHEAD

    def close(self) -> None:
        """Nothing more is taken; what is queued or under way ends as it stands."""
        self._is_closed = True
        for call in [*self._queue, *self._in_flight]:
            call.end(ShadowOutcome.SHUTTING_DOWN)
        self.pool.close()

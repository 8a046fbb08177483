"""What all connections of one worker share."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from watchtower.clock import Clock
from watchtower.deadlines import Sweep
from watchtower.http1.heads import RequestTable
from watchtower.http1.refusal import Refusal
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells, Counter, Gauge
from watchtower.proxy.endpoint import Endpoint
from watchtower.proxy.route import Router
from watchtower.proxy.settings import LimitSettings


@dataclass(slots=True)
class Hub:
    router: Router[Endpoint]
    limits: LimitSettings
    table: RequestTable
    sweep: Sweep  # flows: looked at often
    idle_sweep: Sweep  # clients between requests: many, and never in a hurry
    refusals: dict[str, Counter]
    connections_opened: Counter
    tunnels: Gauge
    clock: Clock
    capture_body: int  # bytes of a body that the journal would keep
    getrandbits: Callable[[int], int] = random.getrandbits
    is_draining: bool = False

    def refused(self, refusal: Refusal) -> None:
        self.refusals[refusal.value].inc()


def refusal_cells(cells: Cells) -> dict[str, Counter]:
    return {refusal.value: cells.counter(catalogue.REFUSALS, refusal.value) for refusal in Refusal}

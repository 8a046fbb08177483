"""One endpoint at work: its variants with their pools, its weights, its cells, and whom it tells of each request."""

import random
from collections.abc import Callable, Mapping

from watchtower.http1.request import RequestHead
from watchtower.metrics import catalogue
from watchtower.metrics.cells import Cells, Counter
from watchtower.proxy.route import choose_by_key, choose_by_share, key_of
from watchtower.proxy.settings import EndpointSettings, VariantSettings
from watchtower.record import KeptRequest
from watchtower.upstream.pool import Pool

NO_VARIANT = ""


class VariantCells:
    """What is counted for the requests that one variant answered; `NO_VARIANT` for those that none did."""

    def __init__(self, cells: Cells, endpoint: str, variant: str) -> None:
        self._cells = cells
        self._names = (endpoint, variant)
        self._by_code: dict[int, Counter] = {}
        self.outcomes: Mapping[str, Counter] = cells.counters(catalogue.REQUEST_OUTCOMES, endpoint, variant)
        self.duration = cells.histogram(catalogue.REQUEST_DURATION, endpoint, variant)
        self.first_byte = cells.histogram(catalogue.REQUEST_FIRST_BYTE, endpoint, variant)
        self.response_bytes = cells.counter(catalogue.RESPONSE_BODY_BYTES, endpoint, variant)
        self.retries = cells.counter(catalogue.UPSTREAM_RETRIES, endpoint, variant)

    def by_code(self, status: int) -> Counter:
        counter = self._by_code.get(status)
        if counter is None:
            counter = self._by_code[status] = self._cells.counter(catalogue.REQUESTS, *self._names, str(status))
        return counter


class Variant:
    def __init__(self, settings: VariantSettings, pool: Pool, cells: VariantCells) -> None:
        self.name = settings.name
        self.weight = settings.weight
        self.pool = pool
        self.cells = cells
        self.answer_field = b"x-watchtower-variant: %b\r\n" % settings.name.encode()


class Endpoint:
    def __init__(
        self,
        settings: EndpointSettings,
        variants: list[Variant],
        cells: Cells,
        *,
        mirror: Callable[[KeptRequest], tuple[str, ...]] | None,
        keep: int,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.match = settings.match
        self.variants = variants
        self.mirror = mirror
        self.keep = keep  # bytes of a request's body that somebody wants: the journal, a shadow, a second attempt
        self.in_flight = 0
        self.refused_cells = VariantCells(cells, settings.name, NO_VARIANT)
        self.overhead = cells.histogram(catalogue.OVERHEAD, settings.name)
        self.request_bytes = cells.counter(catalogue.REQUEST_BODY_BYTES, settings.name)
        self.upgrades = cells.counter(catalogue.UPGRADES, settings.name)
        self._only = variants[0] if len(variants) == 1 else None
        self._sticky = settings.sticky
        self._random = random.random

    def choose(self, head: RequestHead) -> Variant:
        if self._only is not None:
            return self._only
        key = key_of(self._sticky, head.noted) if self._sticky is not None else None
        if key is None:
            return choose_by_share(self.variants, self._random())
        return choose_by_key(self.variants, key)

    def set_weights(self, weights: Mapping[str, float]) -> None:
        for variant in self.variants:
            variant.weight = weights.get(variant.name, variant.weight)

    def may_retry(self, method: bytes) -> bool:
        """RFC 9110 section 9.2.2: idempotent methods may be sent again; others when the operator says they may."""
        if self.settings.retry == "safe":
            return method in {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"}
        return self.settings.retry == "always"

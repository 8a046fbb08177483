"""The shadows of one endpoint: answers joined by request id, compared, and added up to a verdict on each."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.analyst.bodies import Bodies
from watchtower.analyst.decoding import NOTHING
from watchtower.analyst.documents import SHADOW, ShadowView, key
from watchtower.analyst.shadow_view import shadow_view
from watchtower.compare.aggregate import ShadowTotals
from watchtower.compare.answer import Answer
from watchtower.compare.comparer import Comparer
from watchtower.compare.difference import Difference, Failure
from watchtower.compare.evidence import NO_EVIDENCE, evidence
from watchtower.compare.pairing import Pair, Pairer, Reason
from watchtower.compare.settings import CompareSettings
from watchtower.compare.verdict import ShadowVerdict, meaning_of_agreement
from watchtower.compare.worst import Worst
from watchtower.payload.fault import BEYOND_US, Fault
from watchtower.payload.message import Decoded
from watchtower.record import BodyNote, Exchange
from watchtower.table import EMPTY, Table

logger = logging.getLogger(__name__)

_HEADER: Final = "header:"
_UNKNOWN: Final = "unknown"
_LONGEST: Final = 64  # characters of a segment's value: the client's to choose, and kept for each segment and each pair
_WHOLE: Final = frozenset({BodyNote.WHOLE, BodyNote.REDACTED, BodyNote.NONE})
_MOMENT: Final = 8  # bytes
_DECODED: Final = 5  # times the body: Python's objects for a table and a document of numbers


class Side(NamedTuple):
    """What either side of a pair brings."""

    answer: Answer
    request: bytes  # the primary's, as it was kept
    segment: str | None


class Shadow:
    """One shadow's totals and verdict."""

    def __init__(
        self, name: str, settings: CompareSettings, reading: str, address: str, *, is_twin: bool, has_twin: bool
    ) -> None:
        self.name = name
        self.is_twin = is_twin
        self.totals = ShadowTotals(settings.max_segments, settings.max_columns)
        self.verdict = ShadowVerdict(settings, reading, has_twin=has_twin)
        self.worst = Worst(settings.worst, settings.max_worst)
        self.latest_ns = 0
        self.batch: list[tuple[Pair[Side], Difference]] = []
        self._meaning = meaning_of_agreement(settings, reading)
        self._segments = list(settings.segments)
        self._address = address

    def state(self) -> bytes:
        states = (self.totals.state(), self.verdict.state(), self.worst.state())
        return msgspec.msgpack.encode((self._meaning, self._segments, *states, self.latest_ns, self._address))

    def restore(self, state: bytes) -> None:
        """Where another answer counts as the same than before, totals and worst pairs begin with no pair.

        Where pairs are told apart by something else, the segments do: the old ones would keep the places of the new.
        At another address stands another model, of which the old one's pairs say nothing, whatever it is called.
        """
        meaning, segments, totals, verdict, worst, latest_ns, *address = msgspec.msgpack.decode(state)
        if address and address != [self._address]:
            logger.info("a shadow stands at another address: its verdict begins anew", extra={"shadow": self.name})
            return
        self.latest_ns = latest_ns
        self.verdict.restore(verdict)
        if meaning == self._meaning:
            self.totals.restore(totals)
            self.worst.restore(worst)
        if segments != self._segments:
            self.totals.segments.clear()


class Comparison:
    def __init__(
        self,
        endpoint: str,
        settings: CompareSettings,
        shadows: Mapping[str, bool],
        addresses: Mapping[str, str],
        keep: Callable[[Mapping[str, Any]], None],
        longest_s: float,
        reading: str,
    ) -> None:
        """`shadows`: by name, whether it is a twin. `addresses`: where each of them is asked.

        `keep` takes the columns of a batch's pairs. `reading`: by what bodies become answers, as far as that is configured.
        `longest_s`: how long a shadow may take. A primary that did not wait as long would never meet a call that timed out.
        """
        self._endpoint = endpoint
        self._settings = settings
        self._names = tuple(shadows)
        self._keep = keep
        self._comparer = Comparer(settings)
        self._pairer: Pairer[Side] = Pairer(settings.wait + longest_s, settings.max_pending)
        twin = next((name for name, is_twin in shadows.items() if is_twin), None)
        self._twin = twin
        self.shadows = {
            name: Shadow(
                name, settings, reading, addresses[name], is_twin=is_twin, has_twin=twin is not None and not is_twin
            )
            for name, is_twin in shadows.items()
        }

    def primary(self, exchange: Exchange, bodies: Bodies) -> None:
        if not self._names:
            return
        segment = self._segment(exchange, _table_of(bodies.asked))
        side = Side(_answer(exchange, bodies.answered), exchange.request_body, segment)
        started_ns, took_ns, size = exchange.started_ns, exchange.total_ns, _size(exchange, bodies)
        expected = [name for name in self._names if name not in exchange.unsampled]
        for pair in self._pairer.primary(_own_id(exchange), expected, side, started_ns, size, took_ns):
            self._compare(pair)

    def shadow(self, exchange: Exchange, bodies: Bodies) -> None:
        if exchange.variant not in self.shadows:
            return
        side = Side(_answer(exchange, bodies.answered), b"", None)
        started_ns, took_ns, size = exchange.started_ns, exchange.total_ns, _size(exchange, bodies)
        pair = self._pairer.shadow(_own_id(exchange), exchange.variant, side, started_ns, size, took_ns)
        if pair is not None:
            self._compare(pair)

    def end_batch(self, now_ns: int) -> None:
        """Adds up what was compared since the last call. The twin comes first: the others are measured against it."""
        self._pairer.expire(now_ns)
        noise = NO_EVIDENCE
        ordered = sorted(self.shadows.values(), key=lambda shadow: not shadow.is_twin)
        for shadow in ordered:
            batch, shadow.batch = shadow.batch, []
            if not batch:
                if noise is not NO_EVIDENCE:
                    shadow.verdict.update(NO_EVIDENCE, shadow.latest_ns, noise)
                continue
            own = evidence([difference for _, difference in batch])
            shadow.latest_ns = max(shadow.latest_ns, *(pair.at_ns for pair, _ in batch))
            shadow.verdict.update(own, shadow.latest_ns, NO_EVIDENCE if shadow.is_twin else noise)
            noise = own if shadow.is_twin else noise
            self._keep(_pair_columns(shadow.name, batch))

    def idle(self, now_ns: int) -> int:
        """Everything is read, so time has come as far as the clock says: how many were given up."""
        return len(self._pairer.idle(now_ns))

    def forget(self, until_ns: int) -> bool:
        """The bodies of before then; whether there was any."""
        return sum(shadow.worst.forget(until_ns) for shadow in self.shadows.values()) > 0

    def finish(self) -> None:
        """The end of a recording: nobody comes any more."""
        self._pairer.flush()

    @property
    def unpaired(self) -> Mapping[tuple[str, Reason], int]:
        """By shadow and reason."""
        return self._pairer.unpaired

    def views(self, now_ns: int) -> Iterable[ShadowView]:
        twin = self.shadows[self._twin] if self._twin else None
        for shadow in self.shadows.values():
            yield shadow_view(
                self._endpoint,
                shadow.name,
                shadow.totals,
                shadow.verdict.verdicts(now_ns),
                shadow.worst.pairs(),
                {reason.value: count for (name, reason), count in self._pairer.unpaired.items() if name == shadow.name},
                None if twin is None or shadow.is_twin else (twin.name, twin.totals),
                self._settings.alpha,
                now_ns,
                shadow.latest_ns,
                is_twin=shadow.is_twin,
            )

    def state(self) -> Mapping[str, bytes]:
        states = {f"{SHADOW}/{name}": shadow.state() for name, shadow in self.shadows.items()}
        return {**states, "pairs": self._pairer.state(_encoded)}

    def restorers(self) -> Mapping[str, Callable[[bytes], None]]:
        """By the names of `state`; a shadow that is new has none of its own."""
        shadows = {f"{SHADOW}/{name}": shadow.restore for name, shadow in self.shadows.items()}
        return {**shadows, "pairs": lambda state: self._pairer.restore(state, _decoded)}

    def _compare(self, pair: Pair[Side]) -> None:
        shadow = self.shadows.get(pair.shadow)
        if shadow is None:  # it waited over a restart that took it out of the configuration
            return
        request_id, primary, answer = _request_id(pair), pair.primary.answer, pair.answer.answer
        difference = self._comparer.compare(primary, answer)
        shadow.totals.add(difference, pair.primary.segment)
        shadow.batch.append((pair, difference))
        if not difference.agrees and shadow.worst.wants(request_id, difference):
            paths = difference.paths or self._comparer.paths(primary, answer)
            shadow.worst.add(request_id, pair.at_ns, difference, pair.primary.request, primary.body, answer.body, paths)

    def _segment(self, exchange: Exchange, asked: Table) -> str | None:
        """By the first row: the rows of a request are somebody's together."""
        if not self._settings.segments:
            return None
        return ", ".join(f"{name}={_cut(_value(exchange, asked, name))}" for name in self._settings.segments)


def document_key(endpoint: str, shadow: str) -> str:
    return key(SHADOW, endpoint, shadow)


def _own_id(exchange: Exchange) -> bytes:
    """Clients may give several requests one id, each request was read at a moment of its own."""
    return exchange.request_id + exchange.read_ns.to_bytes(_MOMENT, "big", signed=True)


def _request_id(pair: Pair[Side]) -> bytes:
    return pair.request_id[:-_MOMENT]


def _value(exchange: Exchange, asked: Table, name: str) -> str:
    if name.startswith(_HEADER):
        wanted = name.removeprefix(_HEADER).lower().encode()
        return dict(exchange.request_headers).get(wanted, _UNKNOWN.encode()).decode("utf-8", "replace")
    if name in asked.names and asked.rows:
        return str(asked.rows[0][asked.names.index(name)])
    return _UNKNOWN


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _answer(exchange: Exchange, decoded: Decoded | Fault) -> Answer:
    told = decoded if isinstance(decoded, Decoded) else NOTHING
    return Answer(
        exchange.outcome,
        exchange.status,
        exchange.service_ns,
        told.table,
        told.document,
        exchange.response_body,
        isinstance(decoded, Decoded),
        exchange.response_note in _WHOLE,
        isinstance(decoded, Fault) and decoded in BEYOND_US,
        exchange.response_note == BodyNote.REDACTED,
    )


def _size(exchange: Exchange, bodies: Bodies) -> int:
    """What a side holds in memory, about: its bodies, and the answer decoded."""
    return len(exchange.request_body) + len(exchange.response_body) + _DECODED * bodies.answered_size


def _table_of(decoded: Decoded | Fault) -> Table:
    return decoded.table if isinstance(decoded, Decoded) else EMPTY


def _pair_columns(shadow: str, batch: Sequence[tuple[Pair[Side], Difference]]) -> Mapping[str, Any]:
    differences = [difference for _, difference in batch]
    return {
        "request_id": [_request_id(pair) for pair, _ in batch],
        "shadow": shadow,
        "started": [pair.at_ns for pair, _ in batch],
        "agrees": [one.agrees for one in differences],
        "failure": [None if one.failure is Failure.NONE else one.failure.value for one in differences],
        "latency_difference_ns": [one.latency_ns for one in differences],
        "score_difference": [one.score if one.score == one.score else None for one in differences],
        "rows": [one.rows for one in differences],
        "rows_disagreeing": [one.rows_disagreeing for one in differences],
        "segment": [pair.primary.segment for pair, _ in batch],
        "details": [None if one.agrees else _details(one) for one in differences],
    }


def _details(difference: Difference) -> str | None:
    """Of pairs that disagree: they are few, or their verdict says so."""
    told: dict[str, Any] = {
        name: {"measure": column.measure, **column.values()}
        for name, column in difference.columns.items()
        if column.disagreeing
    }
    told |= {path: {"change": change.value, "times": times} for path, change, times in difference.paths}
    return msgspec.json.encode(told).decode() if told else None


def _encoded(side: Side) -> bytes:
    return msgspec.msgpack.encode(side)


def _decoded(state: bytes) -> Side:
    (outcome, status, service_ns, (names, rows), *rest), request, segment = msgspec.msgpack.decode(state)
    return Side(Answer(outcome, status, service_ns, Table(tuple(names), rows), *rest), request, segment)

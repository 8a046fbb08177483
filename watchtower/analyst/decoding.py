"""An exchange's kept bodies as rows, by the protocol that its endpoint speaks; what cannot be read is a counted fault."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from watchtower.payload.adapter import Adapter
from watchtower.payload.coding import decoded
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.recognise import Recognised, recognise
from watchtower.payload.registry import adapter
from watchtower.payload.settings import MappingSettings
from watchtower.record import BodyNote, Exchange, Role
from watchtower.table import EMPTY, Side

MAX_DECOMPRESSED: Final = 16 * 1024 * 1024  # 16 times what a shadow's answer may be by default
# An endpoint has a few paths; a client that invents more gets each of them recognised anew.
MAX_KNOWN_PATHS: Final = 256
SHOWN_OF_A_BODY: Final = 160
_AUTO: Final = "auto"
NOTHING: Final = Decoded(EMPTY)  # no body: no rows, and no fault


class FaultNote(msgspec.Struct, frozen=True):
    """The last body that could not be read for one reason, as the journal keeps it: redacted."""

    request_id: str
    detail: str
    beginning: str


class Bodies(NamedTuple):
    asked: Decoded | Fault
    answered: Decoded | Fault


@dataclass(slots=True)
class Decoding:
    """One endpoint's adapters, and what they could not read."""

    protocol: str
    mapping: MappingSettings | None = None
    classes: tuple[str, ...] = ()  # names of the positions of probabilities
    faults: Counter[tuple[Side, Fault]] = field(default_factory=Counter)
    notes: dict[tuple[Side, Fault], FaultNote] = field(default_factory=dict)
    recognised: dict[str, Recognised] = field(default_factory=dict)  # by path
    _adapters: dict[tuple[bytes, bytes], Adapter] = field(default_factory=dict)
    _made: dict[str, Adapter] = field(default_factory=dict)  # by name: a mapping's paths take 0.1 ms to compile

    def read(self, exchange: Exchange) -> Bodies:
        """The rows that were asked about and answered, or why they cannot be known, which is counted.

        A shadow's record holds no request: it stands with the primary's. An answer with an error's status has no rows.
        """
        is_primary = exchange.role == Role.PRIMARY
        request: bytes | Fault | None = None
        if is_primary and exchange.request_note != BodyNote.NONE:
            request = self._plain(Side.INPUT, exchange, exchange.request_note, exchange.request_body)
        answer: bytes | Fault | None = None
        if exchange.response_note != BodyNote.NONE and 200 <= exchange.status < 300:
            answer = self._plain(Side.OUTPUT, exchange, exchange.response_note, exchange.response_body)
        spoken, found = self._adapters.get((exchange.target.partition(b"?")[0], exchange.request_type)), None
        if spoken is None:
            found = self._recognised(exchange, request, answer)
            spoken = adapter(found.name, self.mapping, self.classes)
        asked = self._decoded(Side.INPUT, spoken, exchange, request)
        answered = self._decoded(Side.OUTPUT, spoken, exchange, answer)
        if found is not None and is_primary:
            self._remember(exchange, spoken, found, asked, answered)
        return Bodies(asked, answered)

    def state(self) -> bytes:
        spoken = [(path, kind, found.name) for (path, kind), found in self._adapters.items()]
        faults = [(side, fault, count, self.notes[side, fault]) for (side, fault), count in self.faults.items()]
        return msgspec.msgpack.encode((self.protocol, spoken, list(self.recognised.items()), faults))

    def restore(self, state: bytes) -> None:
        """What was recognised stays recognised: a column must not change its name because we were started again."""
        protocol, spoken, recognised, faults = msgspec.msgpack.decode(state, type=_State)
        if protocol == self.protocol:
            self._adapters = {(path, kind): self._named(name) for path, kind, name in spoken}
            self.recognised = {path: Recognised(*found) for path, found in recognised}
        for side, fault, count, note in faults:
            self.faults[side, Fault(fault)] = count
            self.notes[side, Fault(fault)] = note

    def _plain(self, side: Side, exchange: Exchange, note: BodyNote | str, body: bytes) -> bytes | Fault:
        encoding = exchange.request_encoding if side is Side.INPUT else exchange.response_encoding
        if note == BodyNote.CUT:
            return self._blame(side, PayloadError(Fault.CUT, "longer than capture.max_body"), exchange, body)
        if note not in _READABLE:
            return self._blame(side, PayloadError(Fault.NOT_KEPT, str(note)), exchange, body)
        try:
            return decoded(body, encoding, MAX_DECOMPRESSED) if encoding else body
        except PayloadError as error:
            return self._blame(side, error, exchange, body)

    def _recognised(
        self, exchange: Exchange, request: bytes | Fault | None, answer: bytes | Fault | None
    ) -> Recognised:
        if self.protocol != _AUTO:
            return Recognised(self.protocol, "configured")
        bodies = [body if isinstance(body, bytes) else b"" for body in (request, answer)]
        return recognise(exchange.target, exchange.request_type, *bodies)

    def _named(self, name: str) -> Adapter:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = adapter(name, self.mapping, self.classes)
        return made

    def _decoded(self, side: Side, spoken: Adapter, exchange: Exchange, body: bytes | Fault | None) -> Decoded | Fault:
        if body is None:
            return NOTHING
        if not isinstance(body, bytes):
            return body
        try:
            if side is Side.INPUT:
                return spoken.request(body, Message(exchange.target, exchange.request_type))
            message = Message(
                exchange.target,
                exchange.response_type,
                exchange.status,
                exchange.first_part_ns,
                exchange.last_part_ns,
                exchange.parts,
            )
            return spoken.answer(body, message)
        except PayloadError as error:
            return self._blame(side, error, exchange, body)

    def _remember(
        self,
        exchange: Exchange,
        spoken: Adapter,
        found: Recognised,
        asked: Decoded | Fault,
        answered: Decoded | Fault,
    ) -> None:
        """Only what a good answer has shown: one odd request must not decide what all others mean."""
        if not (isinstance(asked, Decoded) and isinstance(answered, Decoded) and 200 <= exchange.status < 300):
            return
        if not (asked.table.rows or answered.table.rows) or len(self._adapters) >= MAX_KNOWN_PATHS:
            return
        path = exchange.target.partition(b"?")[0]
        self._adapters[path, exchange.request_type] = spoken
        self.recognised[path.decode("utf-8", "replace")] = found

    def _blame(self, side: Side, error: PayloadError, exchange: Exchange, body: bytes) -> Fault:
        key = (side, error.fault)
        self.faults[key] += 1
        self.notes[key] = FaultNote(
            exchange.request_id.decode("ascii", "replace"),
            error.detail,
            body[:SHOWN_OF_A_BODY].decode("utf-8", "replace"),
        )
        return error.fault


_READABLE: Final = frozenset({BodyNote.WHOLE, BodyNote.REDACTED})
_State = tuple[
    str,
    Sequence[tuple[bytes, bytes, str]],
    Sequence[tuple[str, tuple[str, str]]],
    Sequence[tuple[Side, str, int, FaultNote]],
]

"""An exchange's kept bodies as rows, by the protocol that its endpoint speaks; what cannot be read is a counted fault."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec

from watchtower.payload.adapter import Adapter
from watchtower.payload.coding import decoded
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message
from watchtower.payload.recognise import Recognised, recognise
from watchtower.payload.registry import adapter
from watchtower.payload.settings import MappingSettings
from watchtower.record import BodyNote, Exchange
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


@dataclass(slots=True)
class Decoding:
    """One endpoint's adapters, and what they could not read."""

    protocol: str
    mapping: MappingSettings | None = None
    faults: Counter[tuple[Side, Fault]] = field(default_factory=Counter)
    notes: dict[tuple[Side, Fault], FaultNote] = field(default_factory=dict)
    recognised: dict[str, Recognised] = field(default_factory=dict)  # by path
    _adapters: dict[tuple[bytes, bytes], Adapter] = field(default_factory=dict)

    def request(self, exchange: Exchange) -> Decoded | Fault:
        """The rows that were asked about, or why they cannot be known, which is counted."""
        note, body = exchange.request_note, exchange.request_body
        if note == BodyNote.NONE:
            return NOTHING
        try:
            body = _plain(note, body, exchange.request_encoding)
            spoken = self._adapter(exchange, body)
            return spoken.request(body, Message(exchange.target, exchange.request_type))
        except PayloadError as error:
            return self._blame(Side.INPUT, error, exchange, body)

    def answer(self, exchange: Exchange) -> Decoded | Fault:
        """As `request`; an answer with an error's status has no rows, whatever it says."""
        note, body = exchange.response_note, exchange.response_body
        if note == BodyNote.NONE or not 200 <= exchange.status < 300:
            return NOTHING
        try:
            body = _plain(note, body, exchange.response_encoding)
            message = Message(
                exchange.target,
                exchange.response_type,
                exchange.status,
                exchange.first_part_ns,
                exchange.last_part_ns,
                exchange.parts,
            )
            return self._adapter(exchange, exchange.request_body).answer(body, message)
        except PayloadError as error:
            return self._blame(Side.OUTPUT, error, exchange, body)

    def _adapter(self, exchange: Exchange, request: bytes) -> Adapter:
        path = exchange.target.partition(b"?")[0]
        key = (path, exchange.request_type)
        known = self._adapters.get(key)
        if known is not None:
            return known
        if self.protocol != _AUTO:
            found = Recognised(self.protocol, "configured")
        else:
            found = recognise(exchange.target, exchange.request_type, request, exchange.response_body)
        known = adapter(found.name, self.mapping)
        # A shadow's record has no request to tell by: what it shows is not worth remembering.
        if len(self._adapters) < MAX_KNOWN_PATHS and (request or self.protocol != _AUTO):
            self._adapters[key] = known
            self.recognised[path.decode("utf-8", "replace")] = found
        return known

    def _blame(self, side: Side, error: PayloadError, exchange: Exchange, body: bytes) -> Fault:
        key = (side, error.fault)
        self.faults[key] += 1
        self.notes[key] = FaultNote(
            exchange.request_id.decode("ascii", "replace"),
            error.detail,
            body[:SHOWN_OF_A_BODY].decode("utf-8", "replace"),
        )
        return error.fault

    def state(self) -> bytes:
        """The faults; what is spoken is recognised again."""
        kept = [(side, fault, count, self.notes[side, fault]) for (side, fault), count in self.faults.items()]
        return msgspec.msgpack.encode(kept)

    def restore(self, state: bytes) -> None:
        for side, fault, count, note in msgspec.msgpack.decode(state, type=list[tuple[Side, str, int, FaultNote]]):
            self.faults[side, Fault(fault)] = count
            self.notes[side, Fault(fault)] = note


def _plain(note: BodyNote | str, body: bytes, encoding: bytes) -> bytes:
    if note == BodyNote.CUT:
        raise PayloadError(Fault.CUT, "longer than capture.max_body")
    if note not in (BodyNote.WHOLE, BodyNote.REDACTED):
        raise PayloadError(Fault.NOT_KEPT, str(note))
    return decoded(body, encoding, MAX_DECOMPRESSED) if encoding else body

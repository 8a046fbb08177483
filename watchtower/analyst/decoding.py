"""An exchange's kept bodies as rows, by the protocol that its endpoint speaks; what cannot be read is a counted fault."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from watchtower.analyst.bodies import Bodies, FaultNote
from watchtower.payload.adapter import Adapter
from watchtower.payload.coding import decoded
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Decoded, Message, media_type
from watchtower.payload.recognise import Recognised, by_path, recognise
from watchtower.payload.registry import adapter
from watchtower.payload.rows import check_beside
from watchtower.payload.settings import MappingSettings
from watchtower.record import NEVER, BodyNote, Exchange, Outcome, Role
from watchtower.table import EMPTY, Side

# An endpoint has a few paths; of those that clients invent, the ones used last are known.
MAX_KNOWN_PATHS: Final = 256
SHOWN_OF_A_BODY: Final = 160
_CELL: Final = 4  # bytes of a body, as `0.5,`
_AUTO: Final = "auto"
_ANY_PATH: Final = b""  # in the place of a path: what was told last by a body of this media type
NOTHING: Final = Decoded(EMPTY)  # no body: no rows, and no fault

# Path and media type. The whole content type would not do: every multipart body has a boundary of its own.
_Key = tuple[bytes, bytes]


@dataclass
class Decoding:
    """One endpoint's adapters, and what they could not read."""

    protocol: str
    mapping: MappingSettings | None = None
    classes: tuple[str, ...] = ()  # names of the positions of probabilities
    faults: Counter[tuple[Side, Fault]] = field(default_factory=Counter)
    notes: dict[tuple[Side, Fault], FaultNote] = field(default_factory=dict)
    _known: dict[_Key, Recognised] = field(default_factory=dict)  # the least recently used first
    _made: dict[str, Adapter] = field(default_factory=dict)  # by name: a mapping's paths take 0.1 ms to compile

    def read(self, exchange: Exchange) -> Bodies:
        """The rows that were asked about and answered, or why they cannot be known, which is counted.

        A shadow's record holds no request: it stands with the primary's. An answer with an error's status has no rows.
        What came of a body whose exchange ended before it did is kept as if it were all, and would be read as such.
        """
        is_primary = exchange.role == Role.PRIMARY
        request: bytes | Fault | None = None
        if is_primary and exchange.request_note != BodyNote.NONE:
            is_whole = exchange.service_ns != NEVER or exchange.outcome not in _LEFT_OFF
            request = self._plain(Side.INPUT, exchange, exchange.request_note, exchange.request_body, is_whole=is_whole)
        answer: bytes | Fault | None = None
        if exchange.response_note != BodyNote.NONE and 200 <= exchange.status < 300:
            is_whole = exchange.outcome == Outcome.ANSWERED
            answer = self._plain(
                Side.OUTPUT, exchange, exchange.response_note, exchange.response_body, is_whole=is_whole
            )
        key = exchange.target.partition(b"?")[0], media_type(exchange.request_type)
        is_told = is_primary and not isinstance(request, Fault)
        known = self._recalled(key)
        found = known or self._recognised(exchange, key, request, answer, is_told=is_told)
        if found is None:
            return Bodies(NOTHING, self._unread(exchange, answer), _size(request, NOTHING), _size(answer, NOTHING))
        spoken = self._named(found.name)
        asked = self._decoded(Side.INPUT, spoken, exchange, request)
        answered = self._decoded(Side.OUTPUT, spoken, exchange, answer)
        if isinstance(request, bytes) and isinstance(asked, Decoded) and isinstance(answered, Decoded):
            try:
                check_beside(asked.table, answered.table)
            except PayloadError as error:  # the answer stays: it is what is compared
                asked = self._blame(Side.INPUT, error, exchange, request)
        if known is None and is_primary and _is_good(exchange, asked if is_told else NOTHING, answered):
            self._remember(key, found, is_told=is_told)
        return Bodies(asked, answered, _size(request, asked), _size(answer, answered))

    @property
    def recognised(self) -> Mapping[str, Recognised]:
        """By path."""
        return {path.decode("utf-8", "replace"): found for (path, _), found in self._known.items() if path != _ANY_PATH}

    def forget(self, until_ns: int) -> bool:
        """What bodies of before then began with; whether there was any."""
        old = {key: note for key, note in self.notes.items() if note.at_ns < until_ns and note.beginning}
        self.notes |= {key: msgspec.structs.replace(note, beginning="") for key, note in old.items()}
        return bool(old)

    def state(self) -> bytes:
        known = [(path, kind, *found) for (path, kind), found in self._known.items()]
        faults = [(side, fault, count, self.notes[side, fault]) for (side, fault), count in self.faults.items()]
        return msgspec.msgpack.encode((self.protocol, known, faults))

    def restore(self, state: bytes) -> None:
        """What was recognised stays recognised: a column must not change its name because we were started again."""
        protocol, known, faults = msgspec.msgpack.decode(state, type=_State)
        if protocol == self.protocol:
            self._known = {(path, kind): Recognised(self._named(name).name, why) for path, kind, name, why in known}
        for side, fault, count, note in faults:
            self.faults[side, Fault(fault)] = count
            self.notes[side, Fault(fault)] = note

    def _plain(
        self, side: Side, exchange: Exchange, note: BodyNote | str, body: bytes, *, is_whole: bool
    ) -> bytes | Fault:
        encoding = exchange.request_encoding if side is Side.INPUT else exchange.response_encoding
        if note == BodyNote.CUT:
            return self._blame(side, PayloadError(Fault.CUT, "longer than capture.max_body"), exchange, body)
        if note not in _READABLE:
            return self._blame(side, PayloadError(Fault.NOT_KEPT, str(note)), exchange, body)
        if not is_whole:
            return self._blame(side, PayloadError(Fault.CUT, "the exchange ended before it"), exchange, body)
        try:
            return decoded(body, encoding) if encoding else body
        except PayloadError as error:
            return self._blame(side, error, exchange, body)

    def _recalled(self, key: _Key) -> Recognised | None:
        found = self._known.pop(key, None)
        if found is not None:
            self._known[key] = found
        return found

    def _recognised(
        self,
        exchange: Exchange,
        key: _Key,
        request: bytes | Fault | None,
        answer: bytes | Fault | None,
        *,
        is_told: bool,
    ) -> Recognised | None:
        """Without the request to tell by, as the path says, or as others of the media type were told.

        A shadow's answer is read as its primary's or not at all: a guess would be a difference that is none.
        """
        if self.protocol != _AUTO:
            return Recognised(self.protocol, "configured")
        if not is_told:
            found = by_path(key[0]) or self._recalled((_ANY_PATH, key[1]))
            if found is not None or exchange.role == Role.SHADOW:
                return found
        bodies = [body if isinstance(body, bytes) else b"" for body in (request, answer)]
        return recognise(exchange.target, exchange.request_type, *bodies)

    def _unread(self, exchange: Exchange, answer: bytes | Fault | None) -> Decoded | Fault:
        if not isinstance(answer, bytes):
            return NOTHING if answer is None else answer
        error = PayloadError(Fault.UNKNOWN_PROTOCOL, "no primary's exchange has told it yet")
        return self._blame(Side.OUTPUT, error, exchange, answer)

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

    def _remember(self, key: _Key, found: Recognised, *, is_told: bool) -> None:
        """A guess without the request must not decide what a path means, and yet a shadow's answer is read by it."""
        path, kind = key
        keys = [key] if is_told else []
        if by_path(path) is None:
            keys.append((_ANY_PATH, kind))
        for each in keys:
            self._known.pop(each, None)
            self._known[each] = found
        while len(self._known) > MAX_KNOWN_PATHS:
            del self._known[next(iter(self._known))]

    def _blame(self, side: Side, error: PayloadError, exchange: Exchange, body: bytes) -> Fault:
        key = (side, error.fault)
        self.faults[key] += 1
        self.notes[key] = FaultNote(
            exchange.request_id.decode("ascii", "replace"),
            error.detail,
            body[:SHOWN_OF_A_BODY].decode("utf-8", "replace"),
            exchange.started_ns,
        )
        return error.fault


# A request that was not sent on, neither, may have ended in the middle.
_LEFT_OFF: Final = frozenset({Outcome.CANCELLED, Outcome.REFUSED})
_READABLE: Final = frozenset({BodyNote.WHOLE, BodyNote.REDACTED})
_State = tuple[str, Sequence[tuple[bytes, bytes, str, str]], Sequence[tuple[Side, str, int, FaultNote]]]


def _size(body: bytes | Fault | None, read: Decoded | Fault) -> int:
    if not isinstance(body, bytes):
        return 0
    cells = len(read.table.rows) * (1 + len(read.table.names)) if isinstance(read, Decoded) else 0
    return max(len(body), _CELL * cells)


def _is_good(exchange: Exchange, asked: Decoded | Fault, answered: Decoded | Fault) -> bool:
    """Only what a good answer has shown is remembered: one odd request must not decide what all others mean."""
    if not (isinstance(asked, Decoded) and isinstance(answered, Decoded) and 200 <= exchange.status < 300):
        return False
    return bool(asked.table.rows or answered.table.rows)

"""A recorded journal: pairs of exchanges as the data plane writes them, with JSON bodies of so many features."""

import random
import time
from pathlib import Path
from typing import Final

import msgspec

from watchtower.clock import Clock
from watchtower.journal.appender import Appender
from watchtower.journal.format import encode_parts
from watchtower.journal.settings import CaptureSettings
from watchtower.record import BodyNote, Exchange, Outcome, Role, ShadowOutcome

ENDPOINT: Final = "default"
SHADOW: Final = "v2"
_BATCH: Final = 1000
_SPACING_NS: Final = 100_000  # 10,000 pairs a second of event time
_MS: Final = 1_000_000
_encode = msgspec.json.encode


def record(folder: Path, pairs: int, features: int, seed: int = 1) -> None:
    """The shadow answers a little otherwise each time, as another version of a model does."""
    chance = random.Random(seed)
    appender = Appender(CaptureSettings(), folder, "w1-1", Clock(time.monotonic_ns, time.time_ns))
    began_ns = time.time_ns() - pairs * _SPACING_NS
    frames: list[bytes] = []
    for number in range(pairs):
        values = [round(chance.gauss(0, 1), 6) for _ in range(features)]
        score = round(chance.random(), 6)
        request_id = b"%08x-0000-7000-8000-%012x" % (number, chance.getrandbits(48))
        at_ns = began_ns + number * _SPACING_NS
        request = _encode({"instances": [values]})
        for role, answered in ((Role.PRIMARY, score), (Role.SHADOW, round(score + chance.gauss(0, 1e-3), 6))):
            frames += encode_parts(_exchange(request_id, role, at_ns, chance, request, answered))
        if len(frames) >= _BATCH:
            appender.append(frames, len(frames))
            frames = []
    appender.append(frames, len(frames))
    appender.close()


def _exchange(
    request_id: bytes, role: Role, at_ns: int, chance: random.Random, request: bytes, answered: float
) -> Exchange:
    is_primary = role is Role.PRIMARY
    answer = _encode({"predictions": [answered]})
    total_ns = chance.randrange(_MS, 3 * _MS)
    return Exchange(
        request_id=request_id,
        role=role,
        endpoint=ENDPOINT,
        variant="default" if is_primary else SHADOW,
        outcome=Outcome.ANSWERED if is_primary else ShadowOutcome.ANSWERED,
        started_ns=at_ns,
        queue_ns=0,
        connect_ns=0,
        first_byte_ns=total_ns,
        total_ns=total_ns,
        parts=1,
        first_part_ns=total_ns,
        last_part_ns=total_ns,
        method=b"POST",
        target=b"/v1/models/m:predict",
        status=200,
        request_type=b"application/json",
        request_encoding=b"",
        response_type=b"application/json",
        response_encoding=b"",
        request_size=len(request),
        response_size=len(answer),
        request_note=BodyNote.WHOLE if is_primary else BodyNote.NOT_KEPT,
        response_note=BodyNote.WHOLE,
        request_headers=(),
        response_headers=(),
        request_body=request if is_primary else b"",
        response_body=answer,
        service_ns=total_ns,
    )

"""What was read, as the store's columns."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from watchtower.analyst.frames import Frame
from watchtower.journal.offsets import Position
from watchtower.payload.fault import Fault
from watchtower.record import Exchange
from watchtower.store.schemas import INPUT, OUTPUT


class Read(NamedTuple):
    """An exchange, and what its bodies told."""

    exchange: Exchange
    stream: str
    position: Position
    rows: int
    request_fault: Fault | None
    response_fault: Fault | None


def exchange_columns(read: Sequence[Read]) -> Mapping[str, Any]:
    found = [one.exchange for one in read]
    return {
        "request_id": [_text(one.request_id) for one in found],
        "variant": [one.variant for one in found],
        "role": [one.role for one in found],
        "outcome": [one.outcome for one in found],
        "started": [one.started_ns for one in found],
        "queue_ns": [one.queue_ns for one in found],
        "connect_ns": [one.connect_ns for one in found],
        "first_byte_ns": [one.first_byte_ns for one in found],
        "total_ns": [one.total_ns for one in found],
        "parts": [one.parts for one in found],
        "first_part_ns": [one.first_part_ns for one in found],
        "last_part_ns": [one.last_part_ns for one in found],
        "method": [_text(one.method) for one in found],
        "path": [_text(one.target.partition(b"?")[0]) for one in found],
        "status": [one.status for one in found],
        "request_type": [_text(one.request_type) for one in found],
        "response_type": [_text(one.response_type) for one in found],
        "request_size": [one.request_size for one in found],
        "response_size": [one.response_size for one in found],
        "request_note": [one.request_note for one in found],
        "response_note": [one.response_note for one in found],
        "test_run": [_text(one.test_run) if one.test_run else None for one in found],
        "reason": [one.reason or None for one in found],
        "rows": [one.rows for one in read],
        "request_fault": [one.request_fault for one in read],
        "response_fault": [one.response_fault for one in read],
        "stream": [one.stream for one in read],
        "sequence": [one.position.sequence for one in read],
        "offset": [one.position.offset for one in read],
    }


def row_columns(frame: Frame, test_run: str | None = None) -> Mapping[str, Any]:
    key = frame.key
    columns: dict[str, Any] = {
        "request_id": [_text(request_id) for request_id in frame.request_ids],
        "row": frame.row_numbers,
        "variant": key.variant,
        "role": key.role,
        "started": frame.started_ns,
        "test_run": test_run,
    }
    columns |= zip((INPUT + name for name in key.inputs), frame.inputs(), strict=True)
    columns |= zip((OUTPUT + name for name in key.outputs), frame.outputs(), strict=True)
    return columns


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")

"""What was read, as the store's columns."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from watchtower.analyst.frames import Frame
from watchtower.analyst.read import Read
from watchtower.store.schemas import INPUT, OUTPUT

FIELDS: Final = (
    "request_id", "variant", "role", "outcome", "queue_ns", "connect_ns", "first_byte_ns", "total_ns", "parts",
    "first_part_ns", "last_part_ns", "method", "status", "request_type", "response_type", "request_size",
    "response_size", "request_note", "response_note", "service_ns",
)  # fmt: skip
_WORDS: Final = (
    "variant", "role", "outcome", "method", "request_type", "response_type", "request_note", "response_note",
)  # fmt: skip
_fields: Final = attrgetter(*FIELDS)


def exchange_columns(read: Sequence[Read]) -> Mapping[str, Any]:
    """Texts stay bytes: Arrow reads them as UTF-8 many times as fast, and the store knows what to do with others."""
    found = [one.exchange for one in read]
    fields = zip(*map(_fields, found), strict=True)
    columns: dict[str, Any] = dict(zip(FIELDS, fields, strict=True))
    columns |= {name: _one_for_all(columns[name]) for name in _WORDS}
    return columns | {
        "path": _one_for_all([one.target.partition(b"?")[0] for one in found]),
        "test_run": _one_for_all([one.test_run or None for one in found]),
        "reason": _one_for_all([one.reason or None for one in found]),
        "started": [one.started_ns for one in found],
        "rows": [one.rows for one in read],
        "request_fault": _one_for_all([one.request_fault for one in read]),
        "response_fault": _one_for_all([one.response_fault for one in read]),
        "stream": _one_for_all([one.stream for one in read]),
        "sequence": [one.position.sequence for one in read],
        "offset": [one.position.offset for one in read],
    }


def row_columns(frame: Frame) -> Mapping[str, Any]:
    key = frame.key
    columns: dict[str, Any] = {
        "request_id": frame.request_ids,
        "row": frame.row_numbers,
        "variant": key.variant,
        "role": key.role,
        "started": frame.started_ns,
    }
    columns |= zip((INPUT + name for name in key.inputs), frame.inputs(), strict=True)
    columns |= zip((OUTPUT + name for name in key.outputs), frame.outputs(), strict=True)
    return columns


def _one_for_all(values: Sequence[Any]) -> Any:
    """The one value that a batch's column mostly has; the store repeats it without looking at each."""
    return values[0] if len(set(values)) == 1 else values

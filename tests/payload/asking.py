"""Short ways to ask an adapter for what the tests compare."""

import json
from typing import Any

import pytest

from watchtower.payload.adapter import Adapter
from watchtower.payload.fault import Fault, PayloadError
from watchtower.payload.message import Message
from watchtower.table import Table

JSON = b"application/json"


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def requested(adapter: Adapter, body: Any, kind: bytes = JSON) -> Table:
    return adapter.request(encoded(body), Message(b"/x", kind)).table


def answered(adapter: Adapter, body: Any, kind: bytes = JSON) -> Table:
    return adapter.answer(encoded(body), Message(b"/x", kind, 200)).table


def request_fault(adapter: Adapter, body: Any, kind: bytes = JSON) -> Fault:
    with pytest.raises(PayloadError) as caught:
        adapter.request(encoded(body), Message(b"/x", kind))
    return caught.value.fault


def answer_fault(adapter: Adapter, body: Any, kind: bytes = JSON) -> Fault:
    with pytest.raises(PayloadError) as caught:
        adapter.answer(encoded(body), Message(b"/x", kind, 200))
    return caught.value.fault


def cells(table: Table) -> tuple[tuple[str, ...], list[list[object]]]:
    """Names and rows, whatever sequences they are."""
    return table.names, [list(row) for row in table.rows]

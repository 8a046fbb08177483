"""Joined labels as the store's columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from watchtower.analyst.label_join import Joined
from watchtower.performance.numbers import number


def label_columns(rows: Sequence[Joined], now_ns: int) -> Mapping[str, Any]:
    return {
        "request_id": [row.label.request_id.decode("utf-8", "backslashreplace") for row in rows],
        "row": [row.label.row for row in rows],
        "variant": [row.who for row in rows],
        "value": [_text(row.label.value) for row in rows],
        "value_number": [_number(row.label.value) for row in rows],
        "prediction": [_text(row.predicted) for row in rows],
        "prediction_number": [_number(row.predicted) for row in rows],
        "score": [_number(max(row.vector) if row.vector else row.score) for row in rows],
        "started": [row.started_ns for row in rows],
        "labelled": [row.label.at_ns for row in rows],
        "joined": np.full(len(rows), now_ns, np.int64),
    }


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _number(value: object) -> float | None:
    found = number(value)
    return found if np.isfinite(found) else None

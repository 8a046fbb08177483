"""Labels on their way to the analyst: written by whoever receives them, read by number, kept until their period ends.

The same label sent again changes nothing. Another value for the same row is an update, unless it is older than what is
there: it gets a new number, so that the analyst meets it as it meets every new one.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

import msgspec

from watchtower.performance.labels import Label
from watchtower.store.database import Database

Value = str | int | float | bool
_value = msgspec.json.Decoder(Value)


class InboxLabel(NamedTuple):
    request_id: str
    row: int
    value: Value
    at_ns: int
    number: int = 0  # given when it is put; larger ones came later
    endpoint: str = ""  # that the label names; empty where it names none

    @classmethod
    def of(cls, label: Label) -> Self:
        """With the request id as the tables have it."""
        request_id = label.request_id.decode("utf-8", "backslashreplace")
        return cls(request_id, label.row, label.value, label.at_ns, endpoint=label.endpoint)


class Received(NamedTuple):
    """What became of labels that were put, each counted once."""

    new: int = 0
    updated: int = 0
    repeated: int = 0  # the same value: nothing changed
    outdated: int = 0  # another value that is older than the one we have


class LabelInbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, labels: Iterable[InboxLabel]) -> Received:
        """All of them, or with a `StoreError` none. Sending them again is safe."""
        new = updated = repeated = outdated = 0
        with self._database.writing() as connection:
            for label in labels:
                key, value = (label.endpoint, label.request_id, label.row), msgspec.json.encode(label.value)
                there = connection.execute(
                    "SELECT value, at_ns FROM labels_inbox WHERE endpoint = ? AND request_id = ? AND row = ?", key
                ).fetchone()
                if there is not None and there[0] == value:
                    repeated += 1  # and true for longer, which a value of some time between does not change
                    connection.execute(
                        "UPDATE labels_inbox SET at_ns = max(at_ns, ?)"
                        " WHERE endpoint = ? AND request_id = ? AND row = ?",
                        (label.at_ns, *key),
                    )
                    continue
                if there is not None and there[1] > label.at_ns:
                    outdated += 1
                    continue
                new, updated = (new + 1, updated) if there is None else (new, updated + 1)
                connection.execute(
                    "INSERT OR REPLACE INTO labels_inbox (endpoint, request_id, row, value, at_ns)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (*key, value, label.at_ns),
                )
        return Received(new, updated, repeated, outdated)

    def after(self, number: int, limit: int) -> list[InboxLabel]:
        """Those that came behind a number, in their order."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT request_id, row, value, at_ns, number, endpoint FROM labels_inbox"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (number, limit),
            )
            return [InboxLabel(request_id, row, _value.decode(value), *rest) for request_id, row, value, *rest in rows]

    def forget(self, before_ns: int, up_to_number: int) -> int:
        """Removes those whose period has ended and that were read; gives how many."""
        with self._database.writing() as connection:
            gone = connection.execute(
                "DELETE FROM labels_inbox WHERE at_ns < ? AND number <= ?", (before_ns, up_to_number)
            )
            return gone.rowcount

    @property
    def size(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM labels_inbox").fetchone()[0])

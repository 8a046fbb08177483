"""A batch's rows, gathered by what they have in common, so that everything behind works on columns.

What shares a frame: window, role, variant, and the names of the columns. An endpoint's traffic makes a few frames a
batch, however many exchanges there are.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from watchtower.record import Exchange
from watchtower.table import Cell, Table


class FrameKey(NamedTuple):
    window_ns: int
    role: str
    variant: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Frame:
    """Rows of one key. A request's rows and its answer's stand side by side; where one has more, the other is missing."""

    def __init__(self, key: FrameKey) -> None:
        self.key = key
        self.request_ids: list[bytes] = []
        self.row_numbers: list[int] = []
        self.started_ns: list[int] = []
        self._inputs: list[Sequence[Cell]] = []
        self._outputs: list[Sequence[Cell]] = []

    def __len__(self) -> int:
        return len(self.row_numbers)

    def takes(self, window_ns: int, role: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bool:
        """Whether such rows of the same variant belong here."""
        key = self.key
        return key.window_ns == window_ns and key.role == role and key.inputs == inputs and key.outputs == outputs

    def add(self, exchange: Exchange, asked: Table, answered: Table) -> int:
        """The exchange's rows; how many it had."""
        count = max(len(asked.rows), len(answered.rows))
        if count == 1:
            self.request_ids.append(exchange.request_id)
            self.row_numbers.append(0)
            self.started_ns.append(exchange.started_ns)
        else:
            self.request_ids.extend(repeat(exchange.request_id, count))
            self.row_numbers.extend(range(count))
            self.started_ns.extend(repeat(exchange.started_ns, count))
        _extend(self._inputs, asked, count)
        _extend(self._outputs, answered, count)
        return count

    def inputs(self) -> list[tuple[Cell, ...]]:
        """A tuple for each name of the key's inputs."""
        return list(zip(*self._inputs, strict=True)) if self.key.inputs else []

    def outputs(self) -> list[tuple[Cell, ...]]:
        return list(zip(*self._outputs, strict=True)) if self.key.outputs else []


class Frames:
    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._frames: dict[FrameKey, Frame] = {}
        self._latest: dict[str, Frame] = {}  # by variant

    def add(self, exchange: Exchange, asked: Table, answered: Table) -> int:
        """How many rows there were."""
        if not asked.rows and not answered.rows:
            return 0
        window_ns = exchange.started_ns - exchange.started_ns % self._window_ns
        # Nearly always the frame of the variant's rows before: a key of all names takes 1 µs to be made and hashed.
        frame = self._latest.get(exchange.variant)
        if frame is None or not frame.takes(window_ns, exchange.role, asked.names, answered.names):
            key = FrameKey(window_ns, exchange.role, exchange.variant, asked.names, answered.names)
            frame = self._latest[exchange.variant] = self._frames.setdefault(key, Frame(key))
        return frame.add(exchange, asked, answered)

    def take(self) -> Iterator[Frame]:
        """All of them, oldest window first; none is left."""
        frames, self._frames, self._latest = self._frames, {}, {}
        yield from sorted(frames.values(), key=lambda frame: frame.key)


def _extend(rows: list[Sequence[Cell]], table: Table, count: int) -> None:
    if not table.names:
        return
    rows.extend(table.rows)
    if missing := count - len(table.rows):
        rows.extend(repeat((None,) * len(table.names), missing))

"""One endpoint's analysis: its bodies decoded, its shadows compared, its columns watched."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.analyst.baselining import Baselining
from watchtower.analyst.comparing import Comparison, document_key
from watchtower.analyst.decoding import Decoding
from watchtower.analyst.documents import (
    BASELINE,
    DRIFT,
    PERFORMANCE,
    SCHEMA,
    STATUS,
    AnalysisView,
    FaultView,
    PerformanceView,
    ProtocolView,
    ShadowView,
    key,
)
from watchtower.analyst.drift_view import Pages, baseline_view, drift_view, no_pages, schema_view
from watchtower.analyst.frames import Frame, Frames
from watchtower.analyst.keeping import row_columns
from watchtower.analyst.labelling import Labelling
from watchtower.analyst.measuring import Measuring
from watchtower.analyst.performance_view import performance_view
from watchtower.analyst.read import Read
from watchtower.analyst.watching import Watch
from watchtower.clock import SECOND
from watchtower.drift.schema import infer_kind
from watchtower.journal.reader import Entry
from watchtower.payload.message import Decoded
from watchtower.record import Role
from watchtower.store.schemas import INPUT, OUTPUT, TableName
from watchtower.table import EMPTY, Kind, Side

logger = logging.getLogger(__name__)

VERSION: Final = 1
# Names that clients send are theirs to choose; what is shown of them is bounded.
MAX_SEEN: Final = 1000
# Of rows that share no columns, and of a side that has fewer rows than the other, most cells are missing: no bytes of
# the body, and a place in its row and its column.
_CELL_BYTES: Final = 16

Keep = Callable[[TableName, Mapping[str, Any]], None]
_Columns = tuple[Frame, list[str], list[Sequence[Any]]]  # of a frame, with their names


class EndpointParts(NamedTuple):
    decoding: Decoding
    comparison: Comparison
    watch: Watch
    baselining: Baselining
    measuring: Measuring


class EndpointAnalysis:
    def __init__(
        self,
        name: str,
        parts: EndpointParts,
        labels: Labelling,
        window_s: float,
        promise: str,
        keep: Keep,
        bodies_ns: int,
        pages: Pages = no_pages,
    ) -> None:
        """`bodies_ns`: how old what was sent may be where it is kept beside what was counted of it."""
        self.name = name
        self.parts = parts
        self.labels = labels
        self._promise = promise
        self._keep = keep
        self._bodies_ns = bodies_ns
        self._pages = pages
        self._frames = Frames(round(window_s * SECOND))
        self._seen: dict[str, Kind] = {}
        self.totals: Counter[tuple[str, str]] = Counter()  # what was counted, by label, since the analysis began
        self.shadow_views: list[ShadowView] = []  # as they were last shown
        self.performance_view: PerformanceView | None = None
        self._left_out = 0
        self._latest_ns = 0

    def take(self, entry: Entry) -> Read:
        exchange, parts = entry.exchange, self.parts
        bodies = parts.decoding.read(exchange)
        if exchange.role == Role.PRIMARY:
            parts.comparison.primary(exchange, bodies)
        else:
            parts.comparison.shadow(exchange, bodies)
        asked = parts.measuring.told(exchange, bodies.asked.table) if isinstance(bodies.asked, Decoded) else EMPTY
        answered = bodies.answered.table if isinstance(bodies.answered, Decoded) else EMPTY
        rows = self._frames.add(exchange, asked, answered)
        self.totals["exchanges", exchange.role] += 1
        self._latest_ns = max(self._latest_ns, exchange.started_ns)
        return Read(
            exchange,
            entry.stream,
            entry.position,
            rows,
            None if isinstance(bodies.asked, Decoded) else bodies.asked,
            None if isinstance(bodies.answered, Decoded) else bodies.answered,
            max(
                bodies.asked_size + bodies.answered_size,
                _CELL_BYTES * rows * (1 + len(asked.names) + len(answered.names)),
            ),
        )

    def end_batch(self, now_ns: int) -> None:
        parts = self.parts
        parts.watch.set_back(now_ns)
        watched: list[tuple[Frame, Mapping[str, Any]]] = []
        for frame in self._frames.take():
            columns = self._known(row_columns(frame))
            self._keep(TableName.ROWS, columns)
            if frame.key.inputs:
                self.totals["rows", Side.INPUT] += len(frame)
            if frame.key.outputs:
                self.totals["rows", Side.OUTPUT] += len(frame)
            parts.measuring.answered(frame, columns, self.labels.careful_ns())
            self.labels.offer(frame)
            if frame.key.role == Role.PRIMARY:
                watched.append((frame, columns))
        self._watch(watched, now_ns)
        parts.comparison.end_batch(now_ns)
        parts.watch.judge()

    def idle(self, now_ns: int) -> bool:
        """Whether time alone has closed something, or somebody has set another baseline."""
        is_set = self.parts.baselining.look(now_ns)
        given_up = self.parts.comparison.idle(now_ns)
        is_forgotten = self._forget()
        return self.parts.watch.idle(now_ns) + given_up > 0 or is_set or is_forgotten

    def before_commit(self, now_ns: int) -> Mapping[str, bytes | None]:
        parts = self.parts
        parts.baselining.look(now_ns)
        self._forget()
        seasons: dict[str, bytes | None] = {}
        if parts.watch.seasons_changed:
            seasons[f"{self.name}/seasons"] = parts.watch.seasons_state()
            if (seasonal := parts.watch.seasonal()) is not None:
                parts.baselining.propose(seasonal, now_ns)
        states = {
            "watch": parts.watch.state(),
            "baseline": parts.baselining.state(),
            "decoding": parts.decoding.state(),
            "performance": parts.measuring.state(),
            "counts": msgspec.msgpack.encode(
                (VERSION, list(self.totals.items()), self._latest_ns, self._seen, self._left_out)
            ),
            **parts.comparison.state(),
        }
        return {f"{self.name}/{part}": state for part, state in states.items()} | seasons

    def restore(self, blobs: Mapping[str, bytes], now_ns: int) -> None:
        """Go on where the last commit stood."""
        states = {name.removeprefix(f"{self.name}/"): state for name, state in blobs.items()}
        parts = self.parts
        self._resume("counts", states, self._restore_counts)
        self._resume("decoding", states, parts.decoding.restore)
        self._resume("baseline", states, parts.baselining.restore)
        if parts.baselining.in_force is None:
            parts.baselining.look(now_ns)
        self._resume("watch", states, parts.watch.restore)
        self._resume("seasons", states, parts.watch.restore_seasons)
        parts.baselining.look(now_ns)  # what was set since then ends the windows that are open
        self._resume("performance", states, parts.measuring.restore)
        for name, restore in parts.comparison.restorers().items():
            self._resume(name, states, restore)

    def _restore_counts(self, kept: bytes) -> None:
        version, totals, latest_ns, seen, left_out = msgspec.msgpack.decode(kept)
        if version != VERSION:
            raise ValueError(f"counts of version {version}, and {VERSION} is read")
        self.totals = Counter({(what, label): count for (what, label), count in totals})
        self._seen = {name: Kind(kind) for name, kind in seen.items()}
        self._latest_ns, self._left_out = latest_ns, left_out

    def _resume(self, name: str, states: Mapping[str, bytes], restore: Callable[[bytes], None]) -> None:
        """What another version wrote, or other settings, must not keep the analyst from starting, again and again."""
        if (kept := states.get(name)) is None:
            return
        try:
            restore(kept)
        except (ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
            logger.error(  # noqa: TRY400  what it was is in the message
                "what was kept cannot be gone on with: it begins anew",
                extra={"endpoint": self.name, "part": name, "error": str(error)},
            )

    def committed(self) -> bool:
        return self.parts.baselining.committed()

    def finish(self, now_ns: int) -> None:
        """The end of a recording: what is open is judged."""
        self.end_batch(now_ns)
        self.parts.comparison.finish()
        self.parts.watch.finish()

    def documents(self, now_ns: int) -> Mapping[str, bytes]:
        name, parts = self.name, self.parts
        found: dict[str, msgspec.Struct] = {
            key(STATUS, name): self._analysis(now_ns),
            key(DRIFT, name): drift_view(name, parts.watch, parts.baselining, self._promise, self._pages, now_ns),
            key(BASELINE, name): baseline_view(name, parts.watch, parts.baselining, now_ns),
            key(SCHEMA, name): schema_view(name, parts.watch, self._seen, now_ns),
        }
        labels = self.labels
        self.performance_view = performance_view(
            name, parts.measuring, labels.unknown, labels.waiting, now_ns, self._latest_ns
        )
        found[key(PERFORMANCE, name)] = self.performance_view
        self.shadow_views = list(parts.comparison.views(now_ns))
        found |= {document_key(name, view.shadow): view for view in self.shadow_views}
        return {name: msgspec.json.encode(view) for name, view in found.items()}

    def skipped(self, reason: str, exchanges: int) -> None:
        self.totals["skipped", reason] += exchanges

    def _forget(self) -> bool:
        """The last bodies of each fault, and those of the worst pairs, leave with the journal's; whether there were any."""
        until_ns = self.labels.careful_ns() - self._bodies_ns  # they are nowhere read again
        are_forgotten = self.parts.decoding.forget(until_ns), self.parts.comparison.forget(until_ns)
        return any(are_forgotten)

    def _known(self, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without the columns beyond the most that an endpoint may have: their names are the clients' to invent."""
        unknown = [name for name in columns if name.startswith((INPUT, OUTPUT)) and name not in self._seen]
        room = MAX_SEEN - len(self._seen)
        self._seen |= {name: infer_kind(columns[name]) for name in unknown[:room]}
        if len(unknown) <= room:
            return columns
        self._left_out += len(unknown) - room
        left_out = frozenset(unknown[room:])
        return {name: cells for name, cells in columns.items() if name not in left_out}

    def _watch(self, frames: Sequence[tuple[Frame, Mapping[str, Any]]], now_ns: int) -> None:
        """The first rows become the baseline, and those behind them are watched."""
        headers = self.parts.measuring.headers
        watched: list[_Columns] = []
        for frame, columns in frames:
            names = [name for name in columns if name.startswith((INPUT, OUTPUT)) and name not in headers]
            watched.append((frame, names, [columns[name] for name in names]))
        if (needed := self.parts.baselining.needed) is not None:
            watched = self._without_first(needed, watched, now_ns)
        for frame, names, cells in watched:
            # A clock that was ahead for a moment must not make everything behind it late.
            self.parts.watch.take(min(frame.key.window_ns, now_ns), names, cells)

    def _without_first(self, needed: int, frames: Sequence[_Columns], now_ns: int) -> list[_Columns]:
        """By the rows' times: a frame has one variant's, and the first frames alone would be no fair baseline."""
        starts = sorted(chain.from_iterable(frame.started_ns for frame, _, _ in frames))
        end_ns = max(starts[:needed], default=0)
        rest: list[_Columns] = []
        for frame, names, cells in frames:
            first = sum(started_ns <= end_ns for started_ns in frame.started_ns)
            taken = self.parts.baselining.add(names, [column[:first] for column in cells], now_ns)
            if taken < len(frame):
                rest.append((frame, names, [column[taken:] for column in cells]))
        return rest

    def _analysis(self, now_ns: int) -> AnalysisView:
        decoding, totals = self.parts.decoding, self.totals
        return AnalysisView(
            endpoint=self.name,
            updated=now_ns / SECOND,
            last_event=self._latest_ns / SECOND if self._latest_ns else None,
            exchanges=sum(count for (what, _), count in totals.items() if what == "exchanges"),
            rows=totals["rows", Side.OUTPUT],
            skipped={label: count for (what, label), count in totals.items() if what == "skipped"},
            late_rows=self.parts.watch.late_rows,
            left_out_columns=self._left_out,
            protocols=[
                ProtocolView(path=path, protocol=found.name, why=found.why)
                for path, found in decoding.recognised.items()
            ],
            faults=[
                FaultView(
                    side=side.value,
                    reason=fault.value,
                    count=decoding.faults[side, fault],
                    detail=note.detail,
                    request_id=note.request_id,
                    beginning=note.beginning,
                )
                for (side, fault), note in decoding.notes.items()
            ],
        )

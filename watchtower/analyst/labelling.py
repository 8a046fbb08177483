"""Labels on their way from the inbox to the metrics, each joined once.

Behind a commit, every row that was read lies in the store. There the rows of new labels are looked for, the primary's and
the shadows' together, and what is found is counted. The sums, the number of the last label that was taken and the table
of labels become true with the next commit, together; a crash before it repeats the look-up from the same place.

A label without a row waits, and is looked up again behind the commit of a row that has its id; one whose row is so young
that a shadow's answer may still come, settles first. A label for a row that had one before is a correction: it is kept in
the table and counted, but does not enter the metrics, from which the first one cannot be taken back.

An id that is used again means its last request. Of several requests that had it within ten minutes, as of one caller who
passes its own id on, and of several endpoints where a label names none, nobody knows which one is meant: such a label is
counted as ambiguous and measures nothing.

Looking takes a bounded share of the time, a slice at each step: the journal comes first.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from watchtower.analyst.frames import Frame
from watchtower.analyst.label_join import Joined, Row
from watchtower.analyst.label_rows import label_columns
from watchtower.analyst.measuring import Measuring
from watchtower.clock import SECOND, Clock, patient
from watchtower.performance.labels import Label
from watchtower.performance.pending import PendingLabels
from watchtower.record import Role
from watchtower.store.files import FileEntry
from watchtower.store.inbox import InboxLabel
from watchtower.store.lookup import Found, RowKey, Wanted, find
from watchtower.store.schemas import INPUT, OUTPUT, TableName
from watchtower.store.store import Store

STATE: Final = "labels"  # the name of the blob; an endpoint's have a slash
logger = logging.getLogger(__name__)

VERSION: Final = 1
MOST_AT_ONCE: Final = 10_000  # labels of one look-up
SLICE_NS: Final = 50_000_000
REST: Final = 9  # times a slice's length before the next one: a tenth of the time at most
_FORGET_EVERY_NS: Final = 600 * SECOND
SHARED_NS: Final = 600 * SECOND

_LabelKey = tuple[str, str, int]  # the endpoint that is named, request id, and row


class Said:
    """What was answered to the requests of one endpoint that have a label's id: what each said last."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}  # by who answered
        self._answers_ns: list[int] = []  # of the primary's answers, when the last two began

    def add(self, row: Row) -> None:
        before = self.rows.get(row.who)
        if before is None or before.started_ns < row.started_ns:
            self.rows[row.who] = row
        if row.role == Role.PRIMARY and row.is_answered:
            self._answers_ns = sorted((*self._answers_ns, row.started_ns))[-2:]

    @property
    def newest_ns(self) -> int:
        return max(row.started_ns for row in self.rows.values())

    @property
    def is_ambiguous(self) -> bool:
        """A try that failed, and the next one, are one question."""
        return len(self._answers_ns) == 2 and self._answers_ns[1] - self._answers_ns[0] <= SHARED_NS

    def of_last(self) -> list[Row]:
        """Without those who were asked at an earlier use of the id only."""
        since_ns = self.newest_ns - SHARED_NS
        return [row for row in self.rows.values() if row.started_ns >= since_ns]


class Search:
    """A look-up that may take many steps."""

    def __init__(self, taken: int, labels: Mapping[_LabelKey, Label], seen_ns: int) -> None:
        self.taken = taken  # the number of the last label, once this is over
        self.labels = labels
        self.wanted = Wanted(map(_key, labels.values()))
        self.seen_ns = seen_ns
        self.rows: dict[RowKey, dict[str, Said]] = {}  # by endpoint
        self.labelled: set[tuple[str, RowKey]] = set()  # by endpoint: those that had a label before
        self.came: dict[bytes, int] = {}  # ids whose rows were read meanwhile, with when they began
        self.ids = {label.request_id for label in labels.values()}
        self.oldest_ns = seen_ns
        self.steps: Iterator[None] = iter(())


class Labelling:
    def __init__(self, store: Store, measurings: Mapping[str, Measuring], clock: Clock, settle_s: float) -> None:
        """`settle_s`: how long after a row's beginning a shadow's answer to the same request may come."""
        self._store = store
        self.measurings = measurings
        self._clock = clock
        self.careful_ns = patient(clock)  # one mistaken step ahead would end every period
        self._settle_ns = round(settle_s * SECOND)
        self._period_ns = max(map(_period_ns, measurings.values()), default=SECOND)
        limit = max((one.settings.max_waiting for one in measurings.values()), default=1)
        self._pending = PendingLabels(period_ns=self._period_ns, limit=limit)
        self._settling: dict[_LabelKey, tuple[int, Label]] = {}  # with when they are looked up
        self._search: Search | None = None
        self._resume_ns = 0
        self._forgot_ns = clock.monotonic_ns()
        self.taken = store.state.labels_taken
        if (kept := store.state.blob(STATE)) is not None:
            self._restore(kept)

    @property
    def waiting(self) -> int:
        """Labels whose row has not come, or has come just now."""
        return len(self._pending) + len(self._settling)

    @property
    def unknown(self) -> int:
        """Labels whose period has ended without a row, or that were too many to wait."""
        return self._pending.expired + self._pending.dropped

    def offer(self, frame: Frame) -> None:
        """Rows that were read: some may be waited for."""
        began_ns = max(frame.started_ns)
        for label in self._pending.found(frame.request_ids):
            self._settle(label, began_ns)
        if self._search is not None and not self._search.ids.isdisjoint(frame.request_ids):
            for request_id in self._search.ids.intersection(frame.request_ids):
                self._search.came[request_id] = began_ns

    def look(self, seen_ns: int, *, is_committed: bool, is_last: bool = False) -> bool:
        """Go on with what is looked for, or begin; gives whether there is something for a commit to keep.

        `seen_ns`: up to when rows have been read. Only behind a commit is everything that was read in the store. With
        `is_last`, nobody is kept waiting.
        """
        began_ns = self._clock.monotonic_ns()
        if began_ns < self._resume_ns and not is_last:
            return False
        before = self.unknown, self.taken
        if self._search is None and is_committed:
            self._pending.expire(self.careful_ns())
            self._search = self._begun(seen_ns)
            self._forget(began_ns)
        if self._search is not None:
            is_over = self._work(self._search, began_ns + SLICE_NS, is_last=is_last)
            now_ns = self._clock.monotonic_ns()
            self._resume_ns = now_ns + REST * (now_ns - began_ns)
            if is_over:
                self._end(self._search)
                self._search = None
                return True
        return before != (self.unknown, self.taken)

    def state(self) -> dict[str, bytes]:
        settling = [(ready_ns, label) for ready_ns, label in self._settling.values()]
        return {STATE: msgspec.msgpack.encode((VERSION, self._pending.state(), settling))}

    def _restore(self, state: bytes) -> None:
        """Labels that cannot be read wait in the inbox no more; without them the analyst still has to start."""
        try:
            version, pending, settling = msgspec.msgpack.decode(state)
            if version != VERSION:
                return
            self._pending.restore(pending)
            for ready_ns, kept in settling:
                label = msgspec.convert(kept, Label)
                self._settling[_label_key(label)] = ready_ns, label
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            logger.error("labels that waited cannot be gone on with", extra={"error": str(error)})  # noqa: TRY400  as told

    def _begun(self, seen_ns: int) -> Search | None:
        new = self._store.state.labels.after(self.taken, MOST_AT_ONCE)
        due = [label for ready_ns, label in self._settling.values() if ready_ns <= seen_ns][:MOST_AT_ONCE]
        if not new and not due:
            return None
        labels = {_label_key(label): label for label in (*due, *map(_label, new))}
        search = Search(new[-1].number if new else self.taken, labels, seen_ns)
        search.steps = self._looked_up(search)
        return search

    def _work(self, search: Search, until_ns: int, *, is_last: bool) -> bool:
        """Whether it is over."""
        try:
            return all(is_last or self._clock.monotonic_ns() < until_ns for _ in search.steps)
        except BaseException:
            self._search = None  # what it had found is looked for again
            raise

    def _looked_up(self, search: Search) -> Iterator[None]:
        """Rows first; then whether these had a label before, which lies beside them in time."""
        files = self._store.state.files()
        now_ns = self.careful_ns()
        since_ns = {name: now_ns - _period_ns(one) for name, one in self.measurings.items()}
        rows = [entry for entry in files if entry.table is TableName.ROWS and entry.endpoint in self.measurings]
        missing = set(search.labels)

        def is_needed(entry: FileEntry) -> bool:
            # When all primary's rows are found, only what lies nearby can be missing: what their shadows said, and
            # other requests of the same id.
            near_ns = search.oldest_ns - max(self._settle_ns, SHARED_NS)
            return entry.max_ns >= max(since_ns[entry.endpoint], 0 if missing else near_ns)

        for found in find(self._store.directory, rows, search.wanted, self._columns, is_needed):
            if found is not None:
                missing -= _take_rows(search, found, since_ns[found.entry.endpoint])
            yield
        if not search.rows:
            return
        # Asked anew: what was merged when this began may be gone by now.
        files = self._store.state.files()
        labels = [entry for entry in files if entry.table is TableName.LABELS and entry.max_ns >= search.oldest_ns]
        for found in find(self._store.directory, labels, Wanted(search.rows), lambda _: ()):
            if found is not None:
                search.labelled |= {(found.entry.endpoint, key) for key in found.rows()}
            yield

    def _columns(self, entry: FileEntry) -> Sequence[str]:
        measuring = self.measurings[entry.endpoint]
        return ["variant", "role", "started", *measuring.columns(list(entry.columns))]

    def _end(self, search: Search) -> None:
        now_ns = self.careful_ns()
        joined: dict[str, list[tuple[Label, list[Row]]]] = {}
        for key, label in search.labels.items():
            self._settling.pop(key, None)
            said = {
                endpoint: one
                for endpoint, one in search.rows.get(_key(label), {}).items()
                if label.endpoint in {"", endpoint}
            }
            if not said:
                came_ns = search.came.get(label.request_id)
                if came_ns is None:
                    self._pending.wait(label, now_ns)
                else:
                    self._settle(label, came_ns)
                continue
            newest_ns = max(one.newest_ns for one in said.values())
            last = {endpoint: one for endpoint, one in said.items() if one.newest_ns >= newest_ns - SHARED_NS}
            # First, for of an id that every request has the newest row is always young.
            if len(last) > 1 or any(one.is_ambiguous for one in last.values()):
                for endpoint in last:
                    self.measurings[endpoint].ambiguous += 1
            elif newest_ns + self._settle_ns > search.seen_ns:
                self._settle(label, newest_ns)
            else:
                for endpoint, one in last.items():
                    joined.setdefault(endpoint, []).append((label, one.of_last()))
        self.taken = search.taken
        for endpoint, labels in joined.items():
            try:
                self._join(endpoint, labels, search.labelled, now_ns)
            except Exception:  # ours: every start would meet these labels again, and end at them
                logger.exception("labels could not be joined", extra={"endpoint": endpoint, "labels": len(labels)})

    def _join(
        self, endpoint: str, labels: Sequence[tuple[Label, list[Row]]], labelled: set[tuple[str, RowKey]], now_ns: int
    ) -> None:
        measuring = self.measurings[endpoint]
        measuring.choose(rows for _, rows in labels)
        kept: list[Joined] = []
        counted: list[Joined] = []
        count = 0
        for label, rows in labels:
            joined = measuring.join(label, rows)
            kept += joined
            if (endpoint, _key(label)) in labelled:
                measuring.changed += 1
            else:
                labelled.add((endpoint, _key(label)))  # another label may have come beside it, that names no endpoint
                # Of a request that failed there is nothing to measure, and the coverage has not counted its rows.
                counted += [one for one, row in zip(joined, rows, strict=True) if row.is_answered]
                count += 1
        if count:
            measuring.count(counted, count, now_ns)
        self._store.tables.add(TableName.LABELS, endpoint, label_columns(kept, now_ns), self._clock.monotonic_ns())

    def _settle(self, label: Label, began_ns: int) -> None:
        key = _label_key(label)
        before = self._settling.get(key)
        if before is None or label.at_ns >= before[1].at_ns:
            self._settling[key] = began_ns + self._settle_ns, label

    def _forget(self, now_ns: int) -> None:
        if now_ns - self._forgot_ns >= _FORGET_EVERY_NS:
            self._forgot_ns = now_ns
            self._store.state.labels.forget(self.careful_ns() - self._period_ns, self._store.state.labels_taken)


def _take_rows(search: Search, found: Found, since_ns: int) -> set[_LabelKey]:
    """Gives the labels of which the primary's row was found."""
    columns, endpoint, primaries = found.columns, found.entry.endpoint, set()
    names = [name for name in columns if name.startswith((INPUT, OUTPUT))]
    cells = zip(*(columns[name] for name in names), strict=True) if names else iter([()] * len(columns["row"]))
    for key, who, role, started_us, values in zip(
        found.rows(), columns["variant"], columns["role"], columns["started"], cells, strict=True
    ):
        started_ns = started_us * 1000
        if started_ns < since_ns or key not in search.wanted.keys:
            continue
        said = search.rows.setdefault(key, {}).setdefault(endpoint, Said())
        said.add(Row(who, role, started_ns, dict(zip(names, values, strict=True))))
        search.oldest_ns = min(search.oldest_ns, started_ns)
        if role == Role.PRIMARY:
            primaries |= {("", *key), (endpoint, *key)}
    return primaries


def _period_ns(measuring: Measuring) -> int:
    return round(measuring.settings.label_period * SECOND)


def _key(label: Label) -> RowKey:
    return label.request_id.decode("utf-8", "backslashreplace"), label.row


def _label_key(label: Label) -> _LabelKey:
    return label.endpoint, *_key(label)


def _label(one: InboxLabel) -> Label:
    return Label(one.request_id.encode("utf-8", "surrogatepass"), one.row, one.value, one.at_ns, one.endpoint)

"""One endpoint's traffic held against its baseline, window by window: profiles, effect sizes, evidence, alarms."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from watchtower.analyst.together import Together
from watchtower.analyst.window_rows import WindowRows
from watchtower.clock import SECOND
from watchtower.drift.baseline import Baseline
from watchtower.drift.effects_of_profiles import Effects, effects_of_table
from watchtower.drift.panel import Alarm, AllClear, Panel
from watchtower.drift.profile import Profile
from watchtower.drift.quality import Finding, findings
from watchtower.drift.reference import DetectionSettings, Reference, column
from watchtower.drift.seasonal import Choice, Seasons, hour_of_week
from watchtower.drift.settings import DriftSettings
from watchtower.drift.windows import DAY_NS, HOUR_NS, MOST_OPEN, Window, Windows
from watchtower.units import parse_frequency

VERSION: Final = 1
# Of the promise on false alarms: what the columns' own detectors have, and what is left for those of several together.
_SHARE_OF_COLUMNS: Final = 0.8
_REMEMBERED: Final = 50
# Of the hours' references, compiled: one of 30 columns has some 2 MB, and windows come by the hour.
_REFERENCES_KEPT: Final = 4

Keep = Callable[[Mapping[str, Any]], None]

logger = logging.getLogger(__name__)


class Watch:
    def __init__(self, endpoint: str, settings: DriftSettings, keep: Keep, *, is_seasonal: bool = True) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._is_seasonal = is_seasonal
        self._keep = keep
        self.baseline: Baseline | None = None
        self._whole: Baseline | None = None  # with the columns that are ignored at present
        self.label = ""
        self.windows_seen = 0  # since the baseline was set
        self.windows_judged = 0
        self.last: Window[WindowRows] | None = None
        self.effects: dict[str, Effects] = {}
        self.found: list[Finding] = []
        self.violations: dict[str, int] = {}
        self.events: deque[Alarm | AllClear] = deque(maxlen=_REMEMBERED)  # for whoever tells people
        self.cleared: deque[tuple[Alarm, AllClear]] = deque(maxlen=_REMEMBERED)
        self._seasons: Seasons | None = None
        self.seasons_changed = False
        self._windows = self._fresh_windows(self._base_ns)

    def adopt(self, baseline: Baseline, label: str) -> None:
        """Hold everything from here on against it. What was summed against another says nothing of this one.

        What is open is judged against the old one first: its rows were read, and are in no other window.
        """
        self.finish()
        whole, baseline = baseline, baseline.without(self._settings.ignore)
        detection = self._detection_settings()
        # Made before anything is put in place: where one fails, everything stays as it was.
        reference = _compiled(baseline, 0, detection)
        panel = Panel(reference, detection)
        together = Together(baseline, msgspec.structs.replace(detection, share=1 - _SHARE_OF_COLUMNS))
        self.baseline, self._whole, self.label = baseline, whole, label
        self._detection, self.panel, self.together = detection, panel, together
        self._references: dict[int, Reference] = {_hour(baseline, 0): reference}
        self._kept_columns = together.columns
        self.windows_seen = 0
        self.last, self.effects, self.found = None, {}, []
        self._seasons = Seasons() if self._is_seasonal and baseline.seasons is None else None
        late = self._windows.late
        self._windows = self._fresh_windows(self._base_ns)
        self._windows.late = late

    def take(self, at_ns: int, names: Sequence[str], columns: Sequence[Sequence[object]]) -> None:
        """Rows of one window. Without a baseline there is nothing to hold them against."""
        if self.baseline is None or not columns:
            return
        window = self._windows.take(at_ns, len(columns[0]))
        if window is not None:
            ignored = self._settings.ignore
            seen = [pair for pair in zip(names, columns, strict=True) if pair[0] not in ignored]
            window.update([name for name, _ in seen], [cells for _, cells in seen], self._kept_columns)

    def judge(self) -> int:
        """Judge the windows that are complete; gives how many."""
        return self._judge_all(self._windows.closed()) if self.baseline else 0

    def set_back(self, now_ns: int) -> int:
        """As `judge`, of windows that lie ahead of a clock which is right again."""
        return self._judge_all(self._windows.set_back(now_ns)) if self.baseline else 0

    def idle(self, now_ns: int) -> int:
        """As `judge`, when everything is read: then the clock says how far time has come, and no row."""
        if self.baseline is None or self._windows.is_empty:
            return 0
        # A request that takes long is recorded at its end: for an hour that has no open minute the next one may begin yet.
        self._windows.advance(now_ns if self._windows.open else now_ns - HOUR_NS)
        return self.set_back(now_ns) + self.judge()

    def finish(self) -> int:
        """The end of a recording: every window that is open is judged."""
        return self._judge_all(self._windows.rest()) if self.baseline else 0

    def seasonal(self) -> Baseline | None:
        """The baseline with a reference for each hour of the week, once the history carries them."""
        if self._whole is None or self._seasons is None:
            return None
        found, choice = self._whole.with_seasons(self._seasons)
        return found if choice is Choice.SEASONAL else None

    def seasons_state(self) -> bytes | None:
        """Apart from `state`, for it is large and changes once an hour; with the baseline whose bins it counts in."""
        self.seasons_changed = False
        if self._whole is None or self._seasons is None:
            return None
        return msgspec.msgpack.encode((self._whole.version, self._seasons.state()))

    def restore_seasons(self, state: bytes) -> None:
        """Weeks of history outlive that a column is ignored; one that is watched again has none, and all begin anew."""
        version, kept = msgspec.msgpack.decode(state)
        if self._whole is None or self._seasons is None or version != self._whole.version:
            return
        restored = Seasons.restore(kept)
        baseline = self._held_against()
        if baseline.bins.keys() <= restored.counts.keys():
            flat = baseline.flat_bins()
            restored.counts = {name: table for name, table in restored.counts.items() if name in flat}
            self._seasons = restored

    @property
    def late_rows(self) -> int:
        return self._windows.late

    @property
    def alarms(self) -> list[Alarm]:
        if self.baseline is None:
            return []
        return [*self.panel.alarms, *self.together.alarms]

    def evidence(self) -> dict[str, float]:
        if self.baseline is None:
            return {}
        return self.panel.evidence() | self.together.evidence()

    def state(self) -> bytes:
        if self.baseline is None or self._whole is None:
            return b""
        counts = (self.windows_seen, self.windows_judged, self.violations)
        cleared = [(alarm, clear) for alarm, clear in self.cleared]
        last = (self.last.start_ns, self.last.length_ns, self.last.held.state()) if self.last else None
        return msgspec.msgpack.encode(
            (
                VERSION,
                (self._whole.version, self.baseline.version),
                counts,
                self.panel.state(),
                self.together.state(),
                (self._base_ns, self._windows.state()),
                last,
                cleared,
            )
        )

    def restore(self, state: bytes) -> None:
        """Of the same baseline; what was summed against another is left behind."""
        if self.baseline is None or self._whole is None or not state:
            return
        version, (whole, watched), counts, panel, together, windows, last, cleared = msgspec.msgpack.decode(state)
        if version != VERSION or whole != self._whole.version:
            return
        base_ns, open_windows = windows
        if watched != self.baseline.version or base_ns != self._base_ns:
            self._let_go(base_ns, open_windows, self._whole)
        else:
            self._windows.restore(open_windows, lambda held: self._restored_rows(held, self._held_against()))
        self.windows_seen, self.windows_judged, self.violations = counts
        self.cleared = deque((msgspec.convert(pair, tuple[Alarm, AllClear]) for pair in cleared), maxlen=_REMEMBERED)
        if watched != self.baseline.version:  # what is asked of several columns together is another question now
            self.panel.restore_common(panel)
            return
        if last is not None:
            start_ns, length_ns, held = last
            self._look_at(Window(start_ns, length_ns, self._restored_rows(held, self.baseline)))
        self.panel.restore(panel)
        self.together.restore(together)  # last, for another version may see rows another way, and refuse

    def _let_go(self, base_ns: int, state: bytes, whole: Baseline) -> None:
        """Windows that were open under other settings end here: their rows were read, and are in no others."""
        windows = self._fresh_windows(base_ns)
        windows.restore(state, lambda held: self._restored_rows(held, whole))
        self._windows.late = windows.late
        for window in windows.rest():
            self._keep(self._columns(window, effects_of_table(whole.profiles, window.held.profiles), base_ns))

    def _restored_rows(self, state: bytes, baseline: Baseline) -> WindowRows:
        return WindowRows.restore(state, baseline, self._settings.max_columns)

    def _judge_all(self, windows: Sequence[Window[WindowRows]]) -> int:
        for window in windows:
            self._judge(window)
        return len(windows)

    def _judge(self, window: Window[WindowRows]) -> None:
        if window.length_ns == self._base_ns:
            self._look_at(window)
            self.windows_seen += 1
            self.windows_judged += 1
            before = {alarm.column: alarm for alarm in self.alarms}
            events = self._bet(window)
            window.held.forget()
            for finding in self.found:
                if finding.is_violation:
                    self.violations[finding.fault] = self.violations.get(finding.fault, 0) + 1
            self.cleared.extend(
                (before[event.column], event)
                for event in events
                if isinstance(event, AllClear) and event.column in before
            )
            self.events.extend(events)
            for event in events:
                self._log(event)
            effects = self.effects
        else:
            effects = effects_of_table(self._held_against().profiles, window.held.profiles)
        if window.length_ns == HOUR_NS and self._seasons is not None:
            profiles = window.held.profiles
            self._seasons.update(window.start_ns, profiles.rows, profiles.counts())
            self.seasons_changed = True
        self._keep(self._columns(window, effects, self._base_ns))

    def _log(self, event: Alarm | AllClear) -> None:
        since = datetime.fromtimestamp(event.since_ns // SECOND, UTC).isoformat().replace("+00:00", "Z")
        told = {"endpoint": self._endpoint, "column": event.column, "since": since, "effect": event.effect}
        if isinstance(event, Alarm):
            logger.warning("the traffic has changed", extra=told | {"way": event.way})
        else:
            logger.info("the traffic is as it was before", extra=told)

    def _look_at(self, window: Window[WindowRows]) -> None:
        baseline, profiles = self._held_against(), window.held.profiles
        self.last, self.effects = window, effects_of_table(baseline.profiles, profiles)
        self.found = findings(baseline, profiles)

    def _bet(self, window: Window[WindowRows]) -> list[Alarm | AllClear]:
        events = self.panel.observe(window.start_ns, window.held.profiles.counts(), self._reference(window.start_ns))
        return [*events, *self.together.observe(window.start_ns, window.held.kept, window.held.count)]

    def _reference(self, start_ns: int) -> Reference:
        """One for all hours, or each its own."""
        baseline = self._held_against()
        hour = _hour(baseline, start_ns)
        if hour not in self._references:
            while len(self._references) >= _REFERENCES_KEPT:
                del self._references[next(iter(self._references))]
            self._references[hour] = _compiled(baseline, start_ns, self._detection)
        return self._references[hour]

    def _detection_settings(self) -> DetectionSettings:
        between = parse_frequency(self._settings.false_alarms) / self._settings.window
        return DetectionSettings(
            windows_between_false_alarms=max(between, 1.0),
            share=_SHARE_OF_COLUMNS,
            tolerance=self._settings.tolerance,
            rows_per_observation=self._settings.rows_per_observation,
        )

    def _held_against(self) -> Baseline:
        if self.baseline is None:
            raise RuntimeError("nothing is watched without a baseline")
        return self.baseline

    @property
    def _base_ns(self) -> int:
        return round(self._settings.window * SECOND)

    def _fresh_windows(self, base_ns: int) -> Windows[WindowRows]:
        lengths = tuple(length for length in (HOUR_NS, DAY_NS) if length > base_ns and length % base_ns == 0)
        lateness_ns = round(self._settings.lateness * SECOND)
        most_open = max(MOST_OPEN, lateness_ns // base_ns + 2)
        return Windows(self._made, lateness_ns, (base_ns, *lengths), most_open)

    def _made(self) -> WindowRows:
        return WindowRows(self._held_against().fresh(self._settings.max_columns))

    def _columns(self, window: Window[WindowRows], effects: Mapping[str, Effects], base_ns: int) -> Mapping[str, Any]:
        """The window as rows of the store."""
        flat: list[tuple[str, Profile]] = list(window.held.profiles.flat())
        evidence = self.evidence()
        alarmed = {alarm.column for alarm in self.alarms}
        # Of an hour or a day, the whole summary: it can be a baseline, and be joined with others. Minutes would fill the disk.
        is_long = window.length_ns > base_ns
        measured = [effects.get(name) for name, _ in flat]
        moments = [profile.moments for _, profile in flat]
        return {
            "side": ["input" if name.startswith("in.") else "output" for name, _ in flat],
            "column": [name for name, _ in flat],
            "kind": [profile.kind.value for _, profile in flat],
            "started": [window.start_ns] * len(flat),
            "length_s": window.length_ns / SECOND,
            "rows": [profile.count for _, profile in flat],
            "missing": [profile.absent for _, profile in flat],
            "mean": [one.mean if one.count else None for one in moments],
            "deviation": [one.deviation if one.count else None for one in moments],
            "minimum": [one.low if one.count else None for one in moments],
            "maximum": [one.high if one.count else None for one in moments],
            "distinct": [profile.distinct.estimate for _, profile in flat],
            **{name: [_of(one, field) for one in measured] for name, field in _MEASURES.items()},
            "evidence": [evidence.get(name) for name, _ in flat],
            "is_alarm": [name in alarmed for name, _ in flat],
            "baseline": self.label,
            "profile": [msgspec.msgpack.encode(profile.kept()) if is_long else None for _, profile in flat],
        }


_MEASURES: Final = {
    "psi": "psi",
    "jensen_shannon": "jensen_shannon",
    "hellinger": "hellinger",
    "total_variation": "total_variation",
    "wasserstein": "wasserstein",
    "ks": "ks",
    "chi_square": "chi_square",
    "cramers_v": "cramers_v",
    "missing_share": "missing",
    "new_category_share": "new_words",
    "out_of_range_share": "out_of_range",
}


def _hour(baseline: Baseline, start_ns: int) -> int:
    return hour_of_week(start_ns) if baseline.seasons else 0


def _compiled(baseline: Baseline, start_ns: int, settings: DetectionSettings) -> Reference:
    counts, bins = baseline.reference(start_ns), baseline.flat_bins()
    columns = [column(name, bins[name], found) for name, found in counts.items() if name in bins]
    return Reference(columns, settings)


def _of(effects: Effects | None, field: str) -> float | None:
    found: float | None = getattr(effects, field) if effects else None
    return found

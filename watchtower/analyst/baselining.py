"""Which baseline an endpoint's traffic is held against: the one that an operator set, a file's, or the first live rows.

A baseline is registered under a name and a version in the state database, and one of each endpoint's is in force. One
that is frozen from live rows becomes true with the commit that says that those rows were read, and is registered behind it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from watchtower.baselines import BaselineError, load_table
from watchtower.drift.baseline import Baseline, build
from watchtower.drift.freezer import Freezer
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.store.baselines import Baselines, StoredBaseline

VERSION: Final = 1

logger = logging.getLogger(__name__)

Adopt = Callable[[Baseline, str], None]  # with its name and version, for people
_FIRST: Final = 1


class Baselining:
    def __init__(
        self, endpoint: str, baseline: BaselineSettings, drift: DriftSettings, registered: Baselines, adopt: Adopt
    ) -> None:
        self._endpoint = endpoint
        self._settings = baseline
        self._drift = drift
        self._registered = registered
        self._adopt = adopt
        self._freezer = None if baseline.source else Freezer(baseline.live.rows)
        self._fresh: Baseline | None = None  # frozen, and not yet registered
        self._tried: str | None = None
        self.in_force: StoredBaseline | None = None
        self.waiting_for = ""

    def look(self, now_ns: int) -> None:
        """Whether another baseline was set, or the first one can be made."""
        active = self._registered.active(self._endpoint)
        if active is not None and (self.in_force is None or _label(active) != _label(self.in_force)):
            try:
                self._take(active, Baseline.from_bytes(active.profile))
            except (ValueError, msgspec.DecodeError) as error:
                self.waiting_for = f"the baseline {_label(active)} cannot be read: {error}"
        elif active is None and self._settings.source and self._tried != self._settings.source:
            self._build(self._settings.source, now_ns)

    def add(self, names: Sequence[str], columns: Sequence[Sequence[Any]], now_ns: int) -> int:
        """How many of these rows became part of the reference."""
        if self._freezer is None or self.in_force is not None or self._fresh is not None:
            return 0
        taken = self._freezer.add(names, columns)
        self.waiting_for = f"{self._freezer.progress:.0%} of the first {self._freezer.rows} rows have come"
        if self._freezer.is_full:
            self._fresh = self._freezer.frozen(
                name=self._settings.name,
                made_at_ns=now_ns,
                kinds=self._drift.kinds,
                ignore=self._drift.ignore,
                sample=self._settings.sample,
                max_columns=self._drift.max_columns,
                max_categories=self._drift.max_categories,
            )
            self._freezer = None
            self._adopt(self._fresh, self._next_label(self._settings.name))
            self.waiting_for = ""
        return taken

    def propose(self, baseline: Baseline) -> None:
        """A better form of the one in force, such as its seasons; registered behind the next commit."""
        if self._fresh is None:
            self._fresh = baseline
            self._adopt(baseline, self._next_label(baseline.name))

    def committed(self, now_ns: int) -> bool:
        """Whether that made a baseline of ours true, which ought to be shown."""
        if self._fresh is None:
            return False
        self._register(self._fresh, now_ns)
        self.in_force = self._registered.active(self._endpoint)
        self._fresh = None
        return True

    def state(self) -> bytes:
        freezer = self._freezer.state() if self._freezer else None
        fresh = self._fresh.to_bytes() if self._fresh else None
        return msgspec.msgpack.encode((VERSION, freezer, fresh))

    def restore(self, state: bytes, now_ns: int) -> None:
        _, freezer, fresh = msgspec.msgpack.decode(state)
        if self._freezer is not None and freezer is not None:
            restored = Freezer.restore(freezer)
            if restored.rows == self._settings.live.rows:
                self._freezer = restored
        if fresh is not None:
            baseline = Baseline.from_bytes(fresh)
            active = self._registered.active(self._endpoint)
            if active is None or Baseline.from_bytes(active.profile).version != baseline.version:
                self._register(baseline, now_ns)

    def _next_label(self, name: str) -> str:
        latest = self._registered.get(self._endpoint, name)
        return f"{name} {latest.version + 1 if latest else _FIRST}"

    def _build(self, source: str, now_ns: int) -> None:
        self._tried = source
        try:
            baseline = build(
                load_table(source, self._settings.outputs),
                name=self._settings.name,
                source=source,
                made_at_ns=now_ns,
                kinds=self._drift.kinds,
                ignore=self._drift.ignore,
                sample=self._settings.sample,
                max_columns=self._drift.max_columns,
                max_categories=self._drift.max_categories,
            )
        except BaselineError as error:
            self.waiting_for = str(error)
            logger.error("the baseline cannot be built", extra={"endpoint": self._endpoint, "error": str(error)})  # noqa: TRY400  the operator's
            return
        self._register(baseline, now_ns)
        self.look(now_ns)

    def _register(self, baseline: Baseline, now_ns: int) -> None:
        self._registered.add(self._endpoint, baseline.name, baseline.source, baseline.to_bytes(), now_ns)
        logger.info(
            "a baseline is in force",
            extra={"endpoint": self._endpoint, "rows": baseline.rows, "source": baseline.source},
        )

    def _take(self, active: StoredBaseline, baseline: Baseline) -> None:
        self.in_force, self.waiting_for, self._freezer = active, "", None
        self._adopt(baseline, _label(active))


def _label(stored: StoredBaseline) -> str:
    return f"{stored.name} {stored.version}"


def baseline_facts(stored: StoredBaseline | None) -> Mapping[str, Any]:
    """As documents show it."""
    if stored is None:
        return {"name": None, "version": None, "source": "", "made": None}
    return {
        "name": stored.name,
        "version": stored.version,
        "source": stored.source,
        "made": stored.made_at_ns / 1e9,
    }

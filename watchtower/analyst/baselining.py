"""Which baseline an endpoint's traffic is held against: the one that an operator set, a file's, or the first live rows.

A baseline is registered under a name and a version in the state database, and one of each endpoint's is in force. One
that is frozen from live rows becomes true with the commit that says that those rows were read, and is registered behind it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from watchtower.baselines import BaselineError, load_table
from watchtower.clock import SECOND
from watchtower.drift.baseline import Baseline, build
from watchtower.drift.freezer import Freezer
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.store.baselines import Baselines, StoredBaseline

VERSION: Final = 2
RETRY_NS: Final = 60 * SECOND  # a file or a bucket that is not there yet

logger = logging.getLogger(__name__)

Adopt = Callable[[Baseline, str], None]  # with its name and version, for people
_FIRST: Final = 1


class _Fresh(NamedTuple):
    """Frozen or proposed, and not yet registered."""

    baseline: Baseline
    instead_of: str  # what was in force then: where somebody has set another since, that one stays


class Baselining:
    def __init__(
        self,
        endpoint: str,
        baseline: BaselineSettings,
        drift: DriftSettings,
        registered: Baselines,
        adopt: Adopt,
        beat: Callable[[], object],
    ) -> None:
        """`beat` tells who may wait that a large file is still being read."""
        self._endpoint = endpoint
        self._settings = baseline
        self._drift = drift
        self._registered = registered
        self._adopt = adopt
        self._beat = beat
        self._freezer = None if baseline.source else Freezer(baseline.live.rows)
        self._fresh: _Fresh | None = None
        self._followed: tuple[str, str] | None = None  # the configuration's name and source that were put in force
        self._retry_ns = 0
        self.in_force: StoredBaseline | None = None
        self.waiting_for = ""

    def look(self, now_ns: int) -> None:
        """Whether another baseline was set, or configured, or the first one can be made."""
        self._follow_configuration(now_ns)
        if self._label_in_force() in {"", _label(self.in_force)}:
            return
        active = self._registered.active(self._endpoint)
        if active is None:
            return
        try:
            self._take(active, Baseline.from_bytes(active.profile))
        except (ValueError, msgspec.DecodeError) as error:
            self.waiting_for = f"the baseline {_label(active)} cannot be read: {error}"

    def add(self, names: Sequence[str], columns: Sequence[Sequence[Any]], now_ns: int) -> int:
        """How many of these rows became part of the reference."""
        if self._freezer is None or self.in_force is not None or self._fresh is not None:
            return 0
        taken = self._freezer.add(names, columns)
        self.waiting_for = f"{self._freezer.progress:.0%} of the first {self._freezer.rows} rows have come"
        if self._freezer.is_full:
            frozen = self._freezer.frozen(
                name=self._settings.name,
                made_at_ns=now_ns,
                kinds=self._drift.kinds,
                ignore=self._drift.ignore,
                sample=self._settings.sample,
                max_columns=self._drift.max_columns,
                max_categories=self._drift.max_categories,
            )
            self._freezer = None
            self._fresh = _Fresh(frozen, "")
            self._adopt(frozen, self._next_label(self._settings.name))
            self.waiting_for = ""
        return taken

    def propose(self, baseline: Baseline, now_ns: int) -> None:
        """A better form of the one in force, such as its seasons; registered behind the next commit."""
        if self._fresh is None:
            better = replace(baseline, made_at_ns=now_ns)
            self._fresh = _Fresh(better, _label(self.in_force))
            self._adopt(better, self._next_label(baseline.name))

    def committed(self) -> bool:
        """Whether that made a baseline of ours true, which ought to be shown."""
        if self._fresh is None:
            return False
        fresh, self._fresh = self._fresh, None
        if self._register(fresh):
            self.in_force = self._registered.in_force(self._endpoint)
        return True

    def state(self) -> bytes:
        freezer = self._freezer.state() if self._freezer else None
        fresh = (self._fresh.baseline.to_bytes(), self._fresh.instead_of) if self._fresh else None
        return msgspec.msgpack.encode((VERSION, freezer, fresh, self._followed))

    def restore(self, state: bytes) -> None:
        version, freezer, fresh, followed = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a baseline's progress of version {version}, where {VERSION} is known")
        self._followed = tuple(followed) if followed else None
        if self._freezer is not None and freezer is not None:
            restored = Freezer.restore(freezer)
            if restored.rows == self._settings.live.rows:
                self._freezer = restored
        if fresh is not None:
            profile, instead_of = fresh
            baseline = Baseline.from_bytes(profile)
            # The commit that kept it came before its registration, which may have come to pass as well.
            if (baseline.name, baseline.made_at_ns) not in {(one.name, one.made_at_ns) for one in self._kept()}:
                self._register(_Fresh(baseline, instead_of))

    def _follow_configuration(self, now_ns: int) -> None:
        """Puts what it names in force when that is new to us; what an operator sets afterwards stays."""
        source = self._settings.source
        is_too_early = 0 < self._retry_ns - now_ns <= RETRY_NS
        if source is None or self._followed == (self._settings.name, source) or is_too_early:
            return
        kept = [one for one in self._kept() if (one.name, one.source) == (self._settings.name, source)]
        if not kept:
            if not self._build(source, now_ns):
                self._retry_ns = now_ns + RETRY_NS
                return
        elif self._followed is not None:
            self._registered.activate(self._endpoint, kept[0].name, kept[0].version)
        self._followed = self._settings.name, source

    def _kept(self) -> list[StoredBaseline]:
        return self._registered.list(self._endpoint)

    def _label_in_force(self) -> str:
        return _label(self._registered.in_force(self._endpoint))

    def _next_label(self, name: str) -> str:
        latest = self._registered.get(self._endpoint, name)
        return f"{name} {latest.version + 1 if latest else _FIRST}"

    def _build(self, source: str, now_ns: int) -> bool:
        try:
            baseline = build(
                load_table(source, self._settings.outputs, self._beat),
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
            if self.waiting_for != str(error):
                logger.error("the baseline cannot be built", extra={"endpoint": self._endpoint, "error": str(error)})  # noqa: TRY400  the operator's
            self.waiting_for = str(error)
            return False
        return self._register(_Fresh(baseline, self._label_in_force()))

    def _register(self, fresh: _Fresh) -> bool:
        """Whether it is in force now."""
        baseline = fresh.baseline
        is_wanted = self._label_in_force() == fresh.instead_of
        self._registered.add(
            self._endpoint,
            baseline.name,
            baseline.source,
            baseline.to_bytes(),
            baseline.made_at_ns,
            activate=is_wanted,
        )
        if is_wanted:
            logger.info(
                "a baseline is in force",
                extra={"endpoint": self._endpoint, "rows": baseline.rows, "source": baseline.source},
            )
        return is_wanted

    def _take(self, active: StoredBaseline, baseline: Baseline) -> None:
        self.in_force, self.waiting_for, self._freezer, self._fresh = active._replace(profile=b""), "", None, None
        self._adopt(baseline, _label(active))


def _label(stored: StoredBaseline | None) -> str:
    return f"{stored.name} {stored.version}" if stored else ""


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

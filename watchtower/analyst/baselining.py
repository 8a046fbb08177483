"""Which baseline an endpoint's traffic is held against: the one that an operator set, a file's, or the first live rows.

A baseline is registered under a name and a version in the state database, and one of each endpoint's is in force. One
that is frozen from live rows becomes true with the commit that says that those rows were read, and is registered behind it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypedDict

import msgspec

from watchtower.baselines import BaselineError, load_table
from watchtower.clock import SECOND
from watchtower.drift.baseline import Baseline, build
from watchtower.drift.freezer import Freezer
from watchtower.drift.settings import BaselineSettings, DriftSettings
from watchtower.store.baselines import Baselines, StoredBaseline
from watchtower.store.fault import StoreError
from watchtower.table import Kind

VERSION: Final = 2
RETRY_NS: Final = 60 * SECOND  # a file or a bucket that is not there yet

logger = logging.getLogger(__name__)

Adopt = Callable[[Baseline, str], None]  # with its name and version, for people
_FIRST: Final = 1
_FROZEN: Final = "the baseline made of live rows"


class _How(TypedDict):
    """What making a baseline asks for beside the rows and where they are from."""

    name: str
    made_at_ns: int
    kinds: Mapping[str, Kind]
    ignore: Sequence[str]
    sample: int
    max_columns: int
    max_categories: int


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
        defect: Callable[[], object],
    ) -> None:
        """`beat` tells who may wait that a large file is still being read; `defect` counts one of ours."""
        self._endpoint = endpoint
        self._settings = baseline
        self._drift = drift
        self._registered = registered
        self._adopt = adopt
        self._beat = beat
        self._defect = defect
        self._freezer = None if baseline.source else Freezer(baseline.live.rows)
        self._fresh: _Fresh | None = None
        self._followed: tuple[str, str] | None = None  # the configuration's name and source that were put in force
        self._retry_ns = 0
        self._refused = ""  # what is in force and cannot be taken: tried once in a process
        self.in_force: StoredBaseline | None = None
        self.waiting_for = ""

    def look(self, now_ns: int) -> bool:
        """Whether another baseline was set, or configured, or the first one can be made: which is taken, or refused."""
        self._follow_configuration(now_ns)
        if self._label_in_force() in {"", _label(self.in_force), self._refused}:
            return False
        active = self._registered.active(self._endpoint)
        if active is None:
            return False
        self._refused = "" if self._take_tried(active) else _label(active)
        return True

    @property
    def needed(self) -> int | None:
        """Live rows that the baseline still has to be made of; None where it is made of none, or there is one."""
        if self._freezer is None or self.in_force is not None or self._fresh is not None or self._refused:
            return None
        return self._freezer.needed

    def add(self, names: Sequence[str], columns: Sequence[Sequence[Any]], now_ns: int) -> int:
        """How many of these rows became part of the reference."""
        if self._freezer is None or self.needed is None:
            return 0
        taken = self._freezer.add(names, columns)
        self._tell_progress(self._freezer)
        if self._freezer.is_full:
            full, self._freezer = self._freezer, None
            if not self._tried(_FROZEN, lambda: self._freeze(full, now_ns)):
                self._freezer = Freezer(self._settings.live.rows)  # others may do
        return taken

    def propose(self, baseline: Baseline, now_ns: int) -> None:
        """A better form of the one in force, such as its seasons; registered behind the next commit."""
        if self._fresh is None:
            better = replace(baseline, made_at_ns=now_ns)
            instead_of = _label(self.in_force)
            self._tried(f"a better form of the baseline {instead_of}", lambda: self._take_fresh(better, instead_of))

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
        held_against = (self.in_force.name, self.in_force.version) if self.in_force else None
        return msgspec.msgpack.encode((VERSION, freezer, fresh, self._followed, held_against))

    def restore(self, state: bytes) -> None:
        version, freezer, fresh, followed, *held_against = msgspec.msgpack.decode(state)
        if version != VERSION:
            raise ValueError(f"a baseline's progress of version {version}, where {VERSION} is known")
        self._followed = tuple(followed) if followed else None
        if self._freezer is not None and freezer is not None:
            self._freezer = Freezer.restore(freezer, self._settings.live.rows)
            self._tell_progress(self._freezer)
        if fresh is not None:
            self._tried(_FROZEN, lambda: self._register_late(*fresh))
        elif held_against and held_against[0]:
            self._take_again(*held_against[0])

    def _tell_progress(self, freezer: Freezer) -> None:
        self.waiting_for = f"{freezer.progress:.0%} of the first {freezer.rows} rows have come"

    def _take_again(self, name: str, version: int) -> None:
        """What was in force at the last commit, if another is by now: the windows that are open are held against it."""
        stored = self._registered.get(self._endpoint, name, version)
        if stored is not None:
            self._take_tried(stored)

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

    def _register_late(self, profile: bytes, instead_of: str) -> None:
        """The commit that kept it came before its registration, which may have come to pass as well."""
        baseline = _decoded(_FROZEN, profile)
        if (baseline.name, baseline.made_at_ns) not in {(one.name, one.made_at_ns) for one in self._kept()}:
            self._register(_Fresh(baseline, instead_of))

    def _kept(self) -> list[StoredBaseline]:
        return self._registered.list(self._endpoint)

    def _label_in_force(self) -> str:
        return _label(self._registered.in_force(self._endpoint))

    def _next_label(self, name: str) -> str:
        latest = self._registered.get(self._endpoint, name)
        return f"{name} {latest.version + 1 if latest else _FIRST}"

    def _build(self, source: str, now_ns: int) -> bool:
        return self._tried(source, lambda: self._read(source, now_ns))

    def _read(self, source: str, now_ns: int) -> None:
        baseline = build(
            load_table(source, self._settings.outputs, self._beat),
            source=source,
            **self._how(now_ns),
        )
        if not baseline.rows:  # in force, it would say of anything that there is no alarm
            raise BaselineError(f"{source}: no rows")
        self._register(_Fresh(baseline, self._label_in_force()))

    def _freeze(self, full: Freezer, now_ns: int) -> None:
        self._take_fresh(full.frozen(**self._how(now_ns)), "")
        self.waiting_for = ""

    def _how(self, now_ns: int) -> _How:
        """As it is configured, of whatever rows."""
        return {
            "name": self._settings.name,
            "made_at_ns": now_ns,
            "kinds": self._drift.kinds,
            "ignore": self._drift.ignore,
            "sample": self._settings.sample,
            "max_columns": self._drift.max_columns,
            "max_categories": self._drift.max_categories,
        }

    def _take_fresh(self, baseline: Baseline, instead_of: str) -> None:
        self._adopt(baseline, self._next_label(baseline.name))
        self._fresh = _Fresh(baseline, instead_of)

    def _tried(self, what: str, work: Callable[[], object]) -> bool:
        """Whether it could be done; without that baseline the endpoint goes on, and says why."""
        try:
            work()
        except StoreError:
            raise
        except BaselineError as error:
            self._tell("the baseline cannot be used", str(error))
        except Exception as error:  # noqa: BLE001  ours: every start would meet it again, and end at it
            self._defect()
            told = f"{what} cannot be used, by a defect of ours: {type(error).__name__}: {error}"
            self._tell("the baseline met a defect", told, error)
        else:
            return True
        return False

    def _tell(self, what: str, waiting_for: str, defect: Exception | None = None) -> None:
        """For whoever looks, and in the log, but not again with every try."""
        if self.waiting_for != waiting_for:
            logger.error(what, exc_info=defect, extra={"endpoint": self._endpoint, "error": waiting_for})
        self.waiting_for = waiting_for

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

    def _take_tried(self, stored: StoredBaseline) -> bool:
        what = f"the baseline {_label(stored)}"
        return self._tried(what, lambda: self._take(stored, _decoded(what, stored.profile)))

    def _take(self, active: StoredBaseline, baseline: Baseline) -> None:
        self._adopt(baseline, _label(active))
        self.in_force, self.waiting_for, self._freezer, self._fresh = active._replace(profile=b""), "", None, None


def _decoded(what: str, profile: bytes) -> Baseline:
    try:
        return Baseline.from_bytes(profile)
    except (ValueError, msgspec.DecodeError) as error:
        raise BaselineError(f"{what} cannot be read: {error}") from error


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

"""`routes.json`: the weights that were changed while running, so that they reach every worker and outlive a restart.

The file: `{"version": 1, "endpoints": {NAME: {"weights": {VARIANT: number}, "over": {VARIANT: number}}}}`. `over` holds the
weights that the configuration had when they were changed. When the configuration says something else by now, someone has
decided anew: the configuration wins, and the change is forgotten with the next one.

It is replaced as a whole, so a reader sees the old file or the new one. Workers look at it every 0.25 s.
"""

import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

VERSION: Final = 1
POLL_INTERVAL: Final = 0.25

logger = logging.getLogger(__name__)

Weights = dict[str, Annotated[float, msgspec.Meta(ge=0)]]


class Override(msgspec.Struct, frozen=True, kw_only=True):
    weights: Weights
    over: Weights


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    endpoints: dict[str, Override] = {}


class WeightsError(ValueError):
    """The asked weights cannot be, and why."""


def effective_weights(configured: Mapping[str, float], override: Override | None) -> dict[str, float]:
    """What an endpoint's variants weigh now."""
    if override is not None and override.over == configured:
        return dict(override.weights)
    return dict(configured)


def changed_weights(current: Mapping[str, float], asked: Mapping[str, float]) -> dict[str, float]:
    """All weights after a change that may name some variants only."""
    if unknown := sorted(asked.keys() - current.keys()):
        raise WeightsError(f"no variant {', '.join(unknown)}; there are {', '.join(current)}")
    if not all(math.isfinite(weight) and weight >= 0 for weight in asked.values()):
        raise WeightsError("a weight is a finite number, 0 or more")
    weights = {name: float(asked.get(name, weight)) for name, weight in current.items()}
    if not 0 < math.fsum(weights.values()) < math.inf:
        raise WeightsError("the weights of all variants together must be more than 0")
    return weights


def with_weights(
    overrides: Overrides, endpoint: str, configured: Mapping[str, float], weights: Mapping[str, float]
) -> Overrides:
    override = Override(weights=dict(weights), over=dict(configured))
    return Overrides(endpoints={**overrides.endpoints, endpoint: override})


def write_overrides(path: Path, overrides: Overrides) -> None:
    """Durable when it returns: the file's content first, then its name."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(overrides))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class OverridesReader:
    """What the file says. Missing or broken, it says what it said before."""

    def __init__(self, path: Path) -> None:
        self.current = Overrides()
        self._path = path
        self._seen: bytes | None = None

    def look(self) -> bool:
        """Whether something else is in force than at the last look.

        The file is read each time: it is small, and its times and inode may be the same again after two changes.
        """
        before = self.current
        try:
            data = self._path.read_bytes()
            if data != self._seen:
                self._seen = data
                self.current = _parsed(data)
        except FileNotFoundError:
            if self._seen is not None:
                self._report("gone")
            self._seen = None
        except (OSError, ValueError) as error:
            self._report(str(error))
        return self.current != before

    def _report(self, error: str) -> None:
        extra = {"file": str(self._path), "error": error}
        logger.warning("the changed weights cannot be read, they stay as they were", extra=extra)


def _parsed(data: bytes) -> Overrides:
    try:
        overrides = msgspec.json.decode(data, type=Overrides)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if overrides.version != VERSION:
        raise ValueError(f"version {overrides.version} is not {VERSION}")
    return overrides

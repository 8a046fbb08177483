"""Quantities with units, as people write them: `250ms`, `16MiB`, `25%`; and text that must not be shown."""

import re
from contextlib import suppress
from typing import Annotated, Final

import msgspec

UNIT: Final = "unit"

# What a bound forbids is refused when the configuration is read, so that no code behind it has to ask again.
Seconds = Annotated[float, msgspec.Meta(gt=0, extra={UNIT: "duration"})]
SecondsOrZero = Annotated[float, msgspec.Meta(ge=0, extra={UNIT: "duration"})]
Bytes = Annotated[int, msgspec.Meta(gt=0, extra={UNIT: "size"})]
BytesOrZero = Annotated[int, msgspec.Meta(ge=0, extra={UNIT: "size"})]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, extra={UNIT: "share"})]
Ratio = Annotated[float, msgspec.Meta(ge=0, extra={UNIT: "ratio"})]  # may be more than the whole
Count = Annotated[int, msgspec.Meta(gt=0)]
CountOrZero = Annotated[int, msgspec.Meta(ge=0)]
Weight = Annotated[float, msgspec.Meta(ge=0)]

_DURATIONS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
# Fifteen digits are exact in a float, and keep every product far from infinity.
_FREQUENCY: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s+per\s+(\S.*)", re.ASCII)
_PROPORTION: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?)\s*(%?)\s*", re.ASCII)
_QUANTITY: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z%]*)\s*", re.ASCII)


class Secret(str):
    """A text that prints as `<secret>`; only `reveal` gives it away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("<secret>", spec)

    def reveal(self) -> str:
        return str.__str__(self)


def parse_duration(text: str) -> float:
    """Seconds of `250ms`, `2s`, `1h30m`; a bare number is refused, for nobody remembers its unit."""
    total, at = 0.0, 0
    while (match := _QUANTITY.match(text, at)) and match[2] in _DURATIONS:
        total, at = total + float(match[1]) * _DURATIONS[match[2]], match.end()
        if at == len(text):
            return total
    raise ValueError("a duration with its unit, like 250ms, 2s, 1h30m or 7d")


def parse_size(text: str) -> int:
    """Bytes of `64KiB`, `1MB`, or a bare number of bytes."""
    match = _QUANTITY.fullmatch(text)
    if match and (match[2] or "B") in _SIZES:
        return round(float(match[1]) * _SIZES[match[2] or "B"])
    raise ValueError("a size, like 64KiB, 16MiB, 5GiB or a number of bytes")


def parse_share(text: str) -> float:
    """A share between 0 and 1, of `0.25` or `25%`."""
    value = _proportion(text)
    if value is not None and value <= 1:
        return value
    raise ValueError("a share between 0 and 1, like 0.25 or 25%")


def parse_ratio(text: str) -> float:
    """As a share, but of any size: `0.1`, `10%`, `150%`."""
    value = _proportion(text)
    if value is not None:
        return value
    raise ValueError("a ratio, like 0.1 or 10%")


def _proportion(text: str) -> float | None:
    match = _PROPORTION.fullmatch(text)
    return float(match[1]) / (100 if match[2] else 1) if match else None


def parse_frequency(text: str) -> float:
    """Seconds between two, of `1 per 90d`, `2 per 1d`."""
    match = _FREQUENCY.fullmatch(text)
    if match and float(match[1]):
        with suppress(ValueError):
            if seconds := parse_duration(match[2]):
                return seconds / float(match[1])
    raise ValueError("so many per duration, like 1 per 90d")


def format_duration(seconds: float) -> str:
    """The largest unit that leaves a short number: 0.25 → `250ms`."""
    if seconds == 0:
        return "0s"
    for unit, factor in (("d", 86400.0), ("h", 3600.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.6g}{unit}"
    return f"{seconds * 1e6:.6g}us"


def format_size(size: float) -> str:
    """The largest binary unit that leaves a short number: 65536 → `64KiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size >= _SIZES[unit]:
            return f"{size / _SIZES[unit]:.4g}{unit}"
    return f"{size:.0f}B"

"""Counts as bytes: which are not nothing, and how many. Most bins of most grids are empty."""

from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Packed = tuple[tuple[int, ...], bytes, bytes]  # shape, places as int32, counts as int64, little-endian

Kept = TypeVar("Kept")


def packed(counts: NDArray[np.int64]) -> Packed:
    flat = counts.ravel()
    places = np.flatnonzero(flat)
    return counts.shape, places.astype("<i4").tobytes(), flat[places].astype("<i8").tobytes()


def unpacked(kept: Packed) -> NDArray[np.int64]:
    shape, places, values = kept
    counts = np.zeros(shape, np.int64)
    counts.ravel()[np.frombuffer(places, "<i4")] = np.frombuffer(values, "<i8")
    return counts


def versioned(version: int, kept: object) -> bytes:
    return msgspec.msgpack.encode((version, kept))


def read_version(data: bytes, version: int, kind: type[Kept]) -> Kept:
    """Raises ValueError (msgspec's are) when the bytes are of another version, or no state at all."""
    found, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
    if found != version:
        raise ValueError(f"a state of version {found}, where {version} is read")
    return msgspec.msgpack.decode(rest, type=kind)

"""Doubles in a mapped file that other processes read while we count: what prometheus_client calls its multiprocess mode.

The file: a 4-byte count of the bytes in use, 4 bytes of padding, then one entry for each series: a 4-byte length, a key
of that many bytes (JSON, see `series_key`), spaces up to a multiple of 8, the value, and a time that only `mostrecent`
gauges use. Numbers are in the machine's own order. An entry is written before the count that includes it, so a reader
sees whole entries at every moment, and a killed process loses nothing that it had counted.

This is not prometheus_client's own MmapedDict, for three reasons: its import costs a worker 40 ms; it leaves a hole in the
file, so the first count on a full disk would kill the process by SIGBUS, where we reserve the space and fail early; and
here a series is resolved once, to an index, because 0.4 µs a count is too much for a request of 20 µs.
"""

import json
import logging
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, cast

logger = logging.getLogger(__name__)

_COUNT: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("d")
_HEADER: Final = 8
_TAIL: Final = bytes(16)
_FIRST_SIZE: Final = 64 * 1024


class Doubles(Protocol):
    """What we use of a memoryview of doubles."""

    def __getitem__(self, index: int, /) -> float: ...

    def __setitem__(self, index: int, value: float, /) -> None: ...


Place = tuple[Doubles, int]  # where a series has its value


def series_key(family: str, sample: str, labels: dict[str, str], description: str) -> str:
    return json.dumps([family, sample, labels, description], sort_keys=True)


class SeriesFile:
    """The series of one process and one kind. Made and grown by one thread; each series has one thread that counts."""

    __slots__ = ("_file", "_map", "_path", "_used", "_view")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._used = _HEADER
        try:
            self._map = self._created()
        except OSError as error:
            self._map = self._unseen(_FIRST_SIZE, error)
        self._begin()

    def add(self, key: str) -> Place:
        """A new series at zero."""
        entry = _encoded(key)
        if self._used + len(entry) > len(self._map):
            self._grow(self._used + len(entry))
        self._map[self._used : self._used + len(entry)] = entry
        self._used += len(entry)
        self._map[:4] = _COUNT.pack(self._used)
        return self._view, self._used // 8 - 2

    def close(self) -> None:
        """Gives the file back; series already handed out keep their memory until they go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _created(self) -> mmap.mmap:
        # Under another name until its size stands: prometheus_client fails on an empty file.
        draft = self._path.with_suffix(".draft")
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.posix_fallocate(self._file, 0, _FIRST_SIZE)
        draft.rename(self._path)
        return mmap.mmap(self._file, _FIRST_SIZE)

    def _grow(self, needed: int) -> None:
        size = len(self._map)
        while size < needed:
            size *= 2
        try:
            os.posix_fallocate(self._file, 0, size)
            # The map before this one stays for the series that it holds: both are the same pages.
            self._map = mmap.mmap(self._file, size)
        except OSError as error:
            self._map = self._unseen(size, error)
            self._used = _HEADER
        self._begin()

    def _begin(self) -> None:
        self._map[:4] = _COUNT.pack(self._used)
        self._view = cast("Doubles", memoryview(self._map).cast("d"))

    def _unseen(self, size: int, error: OSError) -> mmap.mmap:
        logger.error("metrics are counted but cannot be shown", extra={"file": str(self._path), "error": str(error)})
        self.close()
        return mmap.mmap(-1, size)


def read_series(data: bytes) -> Iterator[tuple[str, float]]:
    """Key and value of every series in a file's bytes; what is torn at the end is left out."""
    used = min(_COUNT.unpack_from(data)[0], len(data)) if len(data) >= _HEADER else 0
    at = _HEADER
    while at + _COUNT.size < used:
        length = _COUNT.unpack_from(data, at)[0]
        value_at = at + _padded(length)
        if length <= 0 or value_at + len(_TAIL) > used:
            return
        yield data[at + 4 : at + 4 + length].decode(errors="replace"), _VALUE.unpack_from(data, value_at)[0]
        at = value_at + len(_TAIL)


def write_series(path: Path, series: dict[str, float]) -> None:
    """A whole file at once, for the totals of processes that are gone."""
    parts = [_encoded(key, value) for key, value in series.items()]
    used = _HEADER + sum(map(len, parts))
    path.write_bytes(b"".join([_COUNT.pack(used), bytes(4), *parts]))


def _encoded(key: str, value: float = 0.0) -> bytes:
    encoded = key.encode()
    padded = encoded.ljust(_padded(len(encoded)) - 4)
    return _COUNT.pack(len(encoded)) + padded + _VALUE.pack(value) + bytes(8)


def _padded(length: int) -> int:
    """Bytes of a key with its length before it: at least one space, up to a multiple of 8, as prometheus_client pads."""
    return 4 + length + 8 - (length + 4) % 8

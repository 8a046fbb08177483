import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

KEPT: Final = 192

_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))
_HALF: Final = np.uint64(32)
_UNIT: Final = np.float64(2.0**-64)


class Distinct:
    """How many different values a column has had: the k smallest of their hashes, seen as shares of the hashes' range.

    Fewer than k are counted exactly. Beyond, (k - 1) ÷ the k-th smallest is unbiased, with a relative standard error of
    1/√(k - 2), 7.3 % for k = 192 (Bar-Yossef et al. 2002; Beyer et al. 2007). A merge in any order gives the same
    sketch as the whole, to the bit. Hashes are kept in single precision: 768 bytes.

    HyperLogLog says it to 3.2 % in 512 bytes, but its library takes one value a call: 44 ns each against 7 ns here.
    """

    __slots__ = ("_smallest",)

    def __init__(self, smallest: bytes = b"") -> None:
        self._smallest: NDArray[np.float32] = np.frombuffer(smallest, np.float32)

    def update_numbers(self, ordered: NDArray[np.float64]) -> None:
        """Of finite numbers in ascending order, so that equal ones stand together and are hashed once."""
        if not len(ordered):
            return
        first_ones = np.concatenate((ordered[:1], ordered[1:][ordered[1:] != ordered[:-1]]))
        bits = (first_ones + 0.0).view(np.uint64) * _MIX[0]  # minus zero is zero
        bits ^= bits >> _HALF
        bits *= _MIX[1]
        bits ^= bits >> _HALF
        self._add(bits)

    def update_words(self, words: Iterable[str]) -> None:
        digests = b"".join(
            hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest() for word in words
        )
        self._add(np.frombuffer(digests, np.uint64))

    def merge(self, other: "Distinct") -> None:
        self._keep(other._smallest)  # noqa: SLF001  its own kind

    def state(self) -> bytes:
        return self._smallest.tobytes()

    @property
    def estimate(self) -> float:
        if len(self._smallest) < KEPT:
            return float(len(self._smallest))
        return (KEPT - 1) / float(self._smallest[-1])

    def _add(self, hashes: NDArray[np.uint64]) -> None:
        if len(self._smallest) == KEPT:
            hashes = hashes[hashes < np.uint64(min(float(self._smallest[-1]) * 2.0**64, 2.0**64 - 2048))]
        if len(hashes):
            self._keep((hashes * _UNIT).astype(np.float32))

    def _keep(self, shares: NDArray[np.float32]) -> None:
        self._smallest = np.unique(np.concatenate((self._smallest, shares)))[:KEPT]

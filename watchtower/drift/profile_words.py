import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

CAPACITY: Final = 32
LONGEST: Final = 100  # characters of a word that are kept; categories are shorter, and a summary has no room for more


class Words(msgspec.Struct, array_like=True):
    """The most frequent words in bounded space: Misra and Gries (1982), joined as Agarwal et al. (2012) do.

    Up to `capacity` different words every count is exact, in any order of merging. Beyond, each count is too small by
    at most `short`, which is at most the rows ÷ (capacity + 1); so no word more frequent than that is lost. What
    is not told by word is `other`. Not for how many words there are: take `Distinct`.
    """

    capacity: int = CAPACITY
    counts: dict[str, int] = {}
    total: int = 0
    short: int = 0

    def update(self, words: Mapping[str, int]) -> None:
        counts = self.counts
        for word, rows in words.items():
            shown = shortened(word)
            counts[shown] = counts.get(shown, 0) + rows
            self.total += rows
        self._trim()

    def merge(self, other: "Words") -> None:
        counts = self.counts
        for word, rows in other.counts.items():
            counts[word] = counts.get(word, 0) + rows
        self.total += other.total
        self.short += other.short
        self._trim()

    @property
    def other(self) -> int:
        """Rows that no word is known for."""
        return self.total - sum(self.counts.values())

    def top(self, number: int) -> list[tuple[str, int]]:
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def _trim(self) -> None:
        """Take what the first word too many has from all, and leave out whom nothing remains."""
        if len(self.counts) <= self.capacity:
            return
        taken = sorted(self.counts.values(), reverse=True)[self.capacity]
        self.counts = {word: rows - taken for word, rows in self.counts.items() if rows > taken}
        self.short += taken


def shortened(word: str) -> str:
    """As it is kept: a long one still told from others with the same beginning."""
    if len(word) <= LONGEST:
        return cleaned(word)
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return cleaned(word, LONGEST - len(digest)) + digest


def cleaned(word: str, longest: int = LONGEST) -> str:
    """Short enough to be kept, and without the lone surrogates that JSON can bring and UTF-8 cannot."""
    short = word if len(word) <= longest else f"{word[: longest - 1]}…"
    return short if short.isascii() else short.encode("utf-8", "replace").decode()

"""Texts as numbers that need no language: how long, how many words, how much of it is outside of ASCII.

They are what changes first when a caller sends another language, another template, an empty field or a whole document.
What the words mean is for embeddings, which are vectors and have their own summary.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LENGTH: Final = "length"  # characters
WORDS: Final = "words"  # runs between white space
NON_ASCII: Final = "non_ascii"  # share of the bytes in UTF-8 beyond one for each character: 0 for ASCII, 1/2 for Greek
PARTS: Final = (LENGTH, WORDS, NON_ASCII)


def described(texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Each descriptor of each text, in ascending order, as `Values` keeps numbers."""
    number = len(texts)
    lengths = np.fromiter(map(len, texts), np.float64, number)
    words = np.fromiter((len(text.split()) for text in texts), np.float64, number)
    return {LENGTH: np.sort(lengths), WORDS: np.sort(words), NON_ASCII: np.sort(_shares_outside_ascii(texts))}


def _shares_outside_ascii(texts: Sequence[str]) -> NDArray[np.float64]:
    """1 − characters ÷ bytes. Lone surrogates, which JSON can bring, have no UTF-8 and are passed as three bytes."""
    if all(map(str.isascii, texts)):
        return np.zeros(len(texts))
    return np.fromiter((_share_outside_ascii(text) for text in texts), np.float64, len(texts))


def _share_outside_ascii(text: str) -> float:
    return 0.0 if text.isascii() else 1.0 - len(text) / len(text.encode("utf-8", "surrogatepass"))

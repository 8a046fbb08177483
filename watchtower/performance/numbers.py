"""Labels and predictions as floats, NaN where there is no number: what a CSV file says as text is a number, too."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A float's longest exact text is shorter; longer ones are no number that anybody meant, and take time to parse.
_LONGEST = 400


def number(value: object) -> float:
    if isinstance(value, str):
        return _parsed(value) if len(value) <= _LONGEST else float("nan")
    if isinstance(value, bool | int | float | np.number | np.bool_):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    return float("nan")


def _parsed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def numbers(values: Sequence[object] | NDArray[np.generic]) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values.astype(np.float64)
    return np.array([number(value) for value in values], np.float64)

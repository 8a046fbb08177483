"""What a class is called, so that a label and a prediction meet whatever way each of them was written.

A label comes from a CSV file as `1`, `1.0` or `True`, the prediction from JSON as 1, 1.0 or true: all of them are the class
`1`, as `0`, `0.0` and false are `0`. Any other text is its own name, apart from blanks around it.
"""

import math
import re
from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

OTHER: Final = "other classes"
MISSING: Final = -1
MOSTLY: Final = 0.95  # of the rows: one "NA" of a CSV file makes no further class, and no regression
_WHOLE: Final = re.compile(r"(-?\d{1,18})\.0+", re.ASCII)
_TRUTHS: Final = {"true": "1", "false": "0"}
# A name is kept for every class, and shown: longer ones are another text's beginning by mistake.
LONGEST_NAME: Final = 200


def class_name(value: object) -> str | None:
    """None of what names no class: nothing, NaN, a list, an integer of more than 64 bits."""
    if isinstance(value, str):
        text = value.strip()[:LONGEST_NAME]
        if whole := _WHOLE.fullmatch(text):
            return whole[1]
        return _TRUTHS.get(text.lower(), text) or None
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, int | np.integer):
        return str(value) if abs(int(value)) < 1 << 64 else None
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isfinite(number):
            return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return None


class ClassIndex:
    """Numbers the classes as they come, up to `limit`; those after that share the number `limit`."""

    def __init__(self, names: Sequence[str], limit: int) -> None:
        self.limit = limit
        self.names = list(dict.fromkeys(names))[:limit]
        self._codes = {name: code for code, name in enumerate(self.names)}
        self._seen: dict[Hashable, int] = {}

    def codes(self, values: Sequence[object] | NDArray[np.generic]) -> NDArray[np.int64]:
        """A code for each value, MISSING where there is no class.

        A value that was met before costs one look-up: naming is what takes time, and most data have few classes.
        """
        cells: Sequence[object] = values.tolist() if isinstance(values, np.ndarray) else values
        seen = self._seen
        try:
            return np.array([seen[value] for value in cells], np.int64)
        except (KeyError, TypeError):
            return np.array([self._code(value) for value in cells], np.int64)

    def _code(self, value: object) -> int:
        name = class_name(value)
        if name is None:
            return MISSING
        code = self.code(name)
        if code < self.limit and len(self._seen) < 8 * self.limit:
            self._seen[value] = code
        return code

    def code(self, name: str) -> int:
        code = self._codes.get(name)
        if code is None:
            if len(self.names) >= self.limit:
                return self.limit
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code

    def find(self, name: str) -> int:
        """The code of a class, that of the other classes when it has none of its own; nothing is learned by asking."""
        return self._codes.get(name, self.limit)

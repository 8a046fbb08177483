"""Columns as Evidently can draw them: numbers and words. What it cannot is left out by name, with the reason.

Evidently writes names and words into a page's script as they are, so a word of live traffic that holds `</script>` would run
in the reader's browser: every `<` becomes the full-width one, which no parser of HTML takes for the beginning of a tag.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from watchtower.table import Kind


class Drawn(StrEnum):
    NUMERICAL = "numerical"
    CATEGORICAL = "categorical"


class Prepared(NamedTuple):
    reference: pa.Table
    current: pa.Table
    drawn: dict[str, Drawn]  # by the name on the page
    left_out: dict[str, str]  # reason by name


DRAWN_AS: Final = {
    Kind.NUMBER: Drawn.NUMERICAL,
    Kind.INTEGER: Drawn.NUMERICAL,
    Kind.BOOLEAN: Drawn.CATEGORICAL,
    Kind.CATEGORY: Drawn.CATEGORICAL,
    Kind.TEXT: Drawn.NUMERICAL,  # its length: Evidently would train a classifier on the words
}
_LONGEST_WORD: Final = 80


def harmless(text: str) -> str:
    return text.replace("<", "＜")


def prepared(reference: pa.Table, current: pa.Table, kinds: Mapping[str, Kind]) -> Prepared:
    """Of tables that have all the columns that `kinds` names."""
    sides: tuple[dict[str, pa.Array], dict[str, pa.Array]] = ({}, {})
    found = Prepared(reference, current, {}, {})
    for name, kind in kinds.items():
        drawn = DRAWN_AS.get(kind)
        if drawn is None:
            found.left_out[name] = f"a {kind.value} is not drawn"
            continue
        shown = harmless(f"{name} (length)" if kind is Kind.TEXT else name)
        try:
            arrays = [_converted(table.column(name).combine_chunks(), kind) for table in (reference, current)]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            found.left_out[name] = f"its values are not of the kind {kind.value}"
            continue
        if shown in found.drawn:
            found.left_out[name] = "another column is shown by the same name"
        elif any(array.null_count == len(array) for array in arrays):
            found.left_out[name] = "one side has no values"
        elif drawn is Drawn.NUMERICAL and not _has_histograms(arrays):
            found.left_out[name] = "its numbers are too large, or too close together, for a histogram"
        else:
            found.drawn[shown] = drawn
            for side, array in zip(sides, arrays, strict=True):
                side[shown] = array
    return found._replace(reference=pa.table(sides[0]), current=pa.table(sides[1]))


def _has_histograms(arrays: Sequence[pa.Array]) -> bool:
    """Whether numpy finds edges for those that Evidently makes: ten bins of each side, and Doane's of both together."""
    sides = [array.drop_null().to_numpy() for array in arrays]
    try:
        with np.errstate(all="ignore"):
            for side in sides:
                np.histogram_bin_edges(side)
            np.histogram_bin_edges(np.concatenate(sides), "doane")
    except ValueError:
        return False
    return True


def _converted(array: pa.Array, kind: Kind) -> pa.Array:
    if kind is Kind.TEXT:
        return pc.cast(pc.utf8_length(pc.cast(array, pa.string())), pa.float64())
    if kind in {Kind.NUMBER, Kind.INTEGER}:
        numbers = pc.cast(array, pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    words = pc.utf8_slice_codeunits(pc.cast(array, pa.string()), 0, _LONGEST_WORD)
    return pc.replace_substring(words, "<", "＜")

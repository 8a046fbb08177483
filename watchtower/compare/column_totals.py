import math

import msgspec

from watchtower.compare.columns import ColumnDifference
from watchtower.compare.readings import DISTANCES, Measure


class ColumnTotals(msgspec.Struct, array_like=True):
    """The distances of one column under one measure, over all rows of all pairs."""

    rows: int = 0
    disagreeing: int = 0
    flips: int = 0
    not_finite: int = 0
    first: float = 0.0  # sums, of which mean and deviation are made
    first_squares: float = 0.0
    first_max: float = 0.0
    second: float = 0.0
    second_max: float = 0.0

    def add(self, difference: ColumnDifference) -> None:
        _, rows, disagreeing, flips, not_finite, first, squares, first_max, second, second_max = difference
        self.rows += rows
        self.disagreeing += disagreeing
        self.flips += flips
        self.not_finite += not_finite
        self.first += first
        self.first_squares += squares
        self.second += second
        self.first_max = max(self.first_max, first_max)
        self.second_max = max(self.second_max, second_max)

    def merge(self, other: "ColumnTotals") -> None:
        self.add(ColumnDifference(Measure.NUMBER, *msgspec.structs.astuple(other)))

    def values(self, measure: Measure, equal: int = 0) -> dict[str, float]:
        """Means and largest values by the measure's own names; `equal`: rows beside these in which nothing differed."""
        rows = self.rows + equal
        count = max(1, rows - self.not_finite)
        first, second = DISTANCES[measure]
        mean = self.first / count
        found = {
            "disagreement": self.disagreeing / rows if rows else 0.0,
            "flips": self.flips / rows if rows else 0.0,
            f"{first}_mean": mean,
            f"{first}_deviation": math.sqrt(max(0.0, self.first_squares / count - mean * mean)),
            f"{first}_max": self.first_max,
        }
        if second:
            found |= {f"{second}_mean": self.second / count, f"{second}_max": self.second_max}
        return found

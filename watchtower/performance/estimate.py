"""A number with its interval, and the intervals that the metrics share.

All intervals here are for one look at a fixed number of rows: at level 1 - alpha each. Who looks again and again, and acts
at the first interval that pleases, needs a confidence sequence instead (the verdict on a shadow has one).
"""

import math
from statistics import NormalDist
from typing import Final

import msgspec

ALPHA: Final = 0.05


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """A metric; what cannot be said of these rows is None: a value without rows, an interval without a variance."""

    value: float | None
    low: float | None
    high: float | None
    count: int  # of the rows that it speaks of
    alpha: float


def unknown(count: int, alpha: float) -> Estimate:
    return Estimate(None, None, None, count, alpha)


def normal_quantile(alpha: float) -> float:
    """Of a two-sided interval: 1.96 for 0.05."""
    return NormalDist().inv_cdf(1 - alpha / 2)


def student_quantile(alpha: float, freedom: int) -> float:
    """Student's t of a two-sided interval, exact for 1 and 2 degrees of freedom, else within 0.3 % at alpha ≥ 0.01.

    Hill (1970), Algorithm 396: Student's t-quantiles, Communications of the ACM 13(10).
    """
    if freedom == 1:
        return 1 / math.tan(alpha * math.pi / 2)
    if freedom == 2:
        return math.sqrt(2 / (alpha * (2 - alpha)) - 2)
    a = 1 / (freedom - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * freedom
    y = (d * alpha) ** (2 / freedom)
    if y > 0.05 + a:
        x = -normal_quantile(alpha)
        y = x * x
        if freedom < 5:
            c += 0.3 * (freedom - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        return math.sqrt(freedom * math.expm1(a * y * y))
    y = (
        (1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3) + 0.5 / (freedom + 4)) * y - 1
    ) * (freedom + 1) / (freedom + 2) + 1 / y
    return math.sqrt(freedom * y)


def wilson(share: float, size: float, alpha: float) -> tuple[float, float]:
    """Wilson's score interval of a share among `size` rows; `size` may be an effective one.

    Wilson (1927); Brown, Cai and DasGupta (2001) find its mean coverage near 1 - alpha from ten rows on, where the plain
    normal interval has no width at all at a share of 0 or 1.
    """
    if size <= 0:
        return 0.0, 1.0
    z = normal_quantile(alpha)
    spread = z * z / size
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(max(share * (1 - share), 0.0) / size + spread / (4 * size))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def share_of(hits: float, count: int, alpha: float) -> Estimate:
    if count == 0:
        return unknown(0, alpha)
    value = hits / count
    return Estimate(value, *wilson(value, count, alpha), count, alpha)


def bounded(value: float, variance: float, most: float, count: int, alpha: float) -> Estimate:
    """A value in [0, 1] whose variance is known by the delta method: Wilson's interval at the size that has this variance.

    `most` caps that size: a variance of nothing, when all answers were right, must not become an interval of nothing.
    """
    size = most
    if variance > 0:
        size = min(most, value * (1 - value) / variance)
    return Estimate(value, *wilson(value, max(size, 1.0), alpha), count, alpha)

"""Columns of every kind, for tests of what is counted over them."""

import numpy as np

from watchtower.drift.baseline import Baseline, build
from watchtower.table import Kind

KINDS = {
    "in.amount": Kind.NUMBER,
    "in.items": Kind.INTEGER,
    "in.country": Kind.CATEGORY,
    "in.member": Kind.BOOLEAN,
    "in.note": Kind.TEXT,
    "in.seen": Kind.TIMESTAMP,
    "in.embedding": Kind.VECTOR,
    "in.unused": Kind.NULL,
}
_COUNTRIES = ("de", "fr", "it", "jp")


def rows(number: int, seed: int = 0) -> tuple[tuple[str, ...], list[list[object]]]:
    """As a batch: one in ten amounts is missing, one in a hundred is a text."""
    random = np.random.default_rng(seed)
    amounts: list[object] = random.lognormal(size=number).tolist()
    for row, chance in enumerate(random.random(number).tolist()):
        if chance < 0.11:
            amounts[row] = None if chance < 0.1 else "n/a"
    columns: list[list[object]] = [
        amounts,
        random.poisson(3, number).tolist(),
        random.choice(_COUNTRIES, number, p=(0.5, 0.3, 0.15, 0.05)).tolist(),
        (random.random(number) < 0.5).tolist(),
        ["a" * length + " ü" for length in random.integers(1, 60, number).tolist()],
        (1.7e9 + 1e6 * random.random(number)).tolist(),
        random.normal(size=(number, 8)).tolist(),
        [None] * number,
    ]
    return tuple(KINDS), columns


def part(
    batch: tuple[tuple[str, ...], list[list[object]]], start: int, end: int
) -> tuple[tuple[str, ...], list[list[object]]]:
    return batch[0], [column[start:end] for column in batch[1]]


def baseline(number: int = 2000, seed: int = 1, sample: int = 100) -> Baseline:
    return build([rows(number, seed)], name="test", source="made up", made_at_ns=5, kinds=KINDS, sample=sample)

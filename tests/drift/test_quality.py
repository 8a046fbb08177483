from collections.abc import Sequence

import numpy as np
import pytest
from drift_columns import baseline, part, rows

from watchtower.drift.baseline import Baseline, build
from watchtower.drift.profiles import Profiles
from watchtower.drift.quality import Fault, Finding, findings, is_more_than_chance

REFERENCE = baseline(5000)


def window(**changed: Sequence[object]) -> Profiles:
    """Of 200 unchanged rows but for the columns named."""
    names, columns = rows(200, seed=9)
    cells = dict(zip(names, columns, strict=True)) | {f"in.{name}": given for name, given in changed.items()}
    profiles = REFERENCE.fresh()
    profiles.update(list(cells), list(cells.values()))
    return profiles


def violations(profiles: Profiles) -> dict[str, Fault]:
    return {found.column: found.fault for found in findings(REFERENCE, profiles) if found.is_violation}


def test_an_unchanged_window_has_no_violation() -> None:
    assert violations(window()) == {}


def test_what_is_only_chance_is_counted_and_not_called() -> None:
    found = findings(REFERENCE, window(amount=[1e9] + [1.0] * 199))

    assert Finding("in.amount", Fault.OUT_OF_RANGE, 1, 200, 0.0, is_violation=False, detail="0 below, 1 above") in found


@pytest.mark.parametrize(
    ("column", "cells", "fault"),
    [
        ("amount", [None] * 100 + [1.0] * 100, Fault.MISSING),
        ("amount", [float("nan")] * 100 + [1.0] * 100, Fault.MISSING),
        ("amount", [-5.0] * 100 + [1.0] * 100, Fault.OUT_OF_RANGE),
        ("items", ["3"] * 200, Fault.RETYPED_COLUMN),
        ("country", ["zz"] * 100 + ["de"] * 100, Fault.UNKNOWN_CATEGORY),
        ("embedding", [[1.0, 2.0]] * 200, Fault.RETYPED_COLUMN),
    ],
)
def test_what_is_more_than_chance_is_called(column: str, cells: list[object], fault: Fault) -> None:
    assert violations(window(**{column: cells})) == {f"in.{column}": fault}


def test_a_column_that_nobody_sent_is_missing() -> None:
    names, columns = rows(10)
    profiles = REFERENCE.fresh()
    profiles.update(names[1:], columns[1:])

    assert violations(profiles) == {"in.amount": Fault.MISSING_COLUMN}


def test_a_column_that_only_some_sent_is_missing_in_the_other_rows() -> None:
    names, columns = rows(200)
    profiles = REFERENCE.fresh()
    profiles.update(*part((names, columns), 0, 100))
    profiles.update(names[1:], [column[100:] for column in columns[1:]])

    assert violations(profiles) == {"in.amount": Fault.MISSING}


def test_a_column_that_the_baseline_does_not_have_is_new() -> None:
    found = [finding for finding in findings(REFERENCE, window(later=[1] * 200)) if finding.column == "in.later"]

    assert found == [Finding("in.later", Fault.NEW_COLUMN, 200, 200, 0.0, is_violation=True, detail="integer")]


def test_a_key_that_is_null_throughout_is_no_new_column() -> None:
    found = findings(REFERENCE, window(coupon=[None] * 199 + [float("nan")]))

    assert "in.coupon" not in {finding.column for finding in found}


def test_unknown_words_are_named() -> None:
    found = findings(REFERENCE, window(country=["zz"] * 3 + ["de"] * 197))

    assert [finding.detail for finding in found if finding.fault is Fault.UNKNOWN_CATEGORY] == ["'zz'"]


def test_a_window_without_rows_has_no_findings() -> None:
    assert findings(REFERENCE, REFERENCE.fresh()) == []


def test_a_column_that_goes_null_is_called_after_a_few_rows() -> None:
    first = next(rows for rows in range(1, 100) if is_more_than_chance(rows, rows, 0, 5000))

    assert first <= 4


@pytest.mark.parametrize("size", [50, 200, 1000])
def test_rows_out_of_an_unchanged_range_are_never_called(size: int) -> None:
    random = np.random.default_rng(size)
    reference = random.normal(size=(50, 1000))
    low, high = reference.min(axis=1), reference.max(axis=1)
    windows = random.normal(size=(400, size))
    called = sum(
        is_more_than_chance(int(((one < low[k % 50]) | (one > high[k % 50])).sum()), size, 0, 1000)
        for k, one in enumerate(windows)
    )

    assert called == 0


def sparse_reference() -> Baseline:
    """One row in five hundred has a column that the others have not."""
    names = ("in.a", "in.rare")
    batches = [(names[:1], (np.arange(2990.0),)), (names, (np.arange(10.0), np.arange(10.0)))]
    return build(batches, name="b", source="test", made_at_ns=0)


@pytest.mark.parametrize(("size", "is_called"), [(200, False), (1000, False), (100_000, True)])
def test_a_rare_column_is_missing_only_where_chance_cannot_have_left_it_out(size: int, is_called: bool) -> None:
    reference = sparse_reference()
    profiles = reference.fresh()
    profiles.update(("in.a",), (np.zeros(size),))
    called = {found.column: found.is_violation for found in findings(reference, profiles)}

    assert called["in.rare"] is is_called


def test_one_row_with_a_column_of_its_own_is_told_and_not_called() -> None:
    reference = sparse_reference()
    profiles = reference.fresh()
    profiles.update(("in.a",), (np.zeros(999),))
    profiles.update(("in.a", "in.new"), (np.zeros(1), ["x"]))
    told = {found.column: found.is_violation for found in findings(reference, profiles)}

    assert told["in.new"] is False

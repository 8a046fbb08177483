import random

from hypothesis import given
from hypothesis import strategies as st

from watchtower.compare.answer import Answer
from watchtower.compare.comparer import compare
from watchtower.compare.difference import Difference, Failure
from watchtower.compare.settings import CompareSettings
from watchtower.compare.structure import Change, PathDifference
from watchtower.compare.worst import Worst
from watchtower.table import Table

FAILED = Difference(False, Failure.SHADOW, 1, 9)


def bad(rows: int, disagreeing: int) -> Difference:
    return Difference(disagreeing == 0, Failure.NONE, 1, 9, rows, disagreeing)


def worst(*pairs: tuple[bytes, Difference], limit: int = 4, max_bytes: int = 10**6, body: bytes = b"b") -> Worst:
    found = Worst(limit, max_bytes)
    for request_id, difference in pairs:
        found.add(request_id, 5, difference, b"r", b"p", body)
    return found


def ids(found: Worst) -> list[bytes]:
    return [pair.request_id for pair in found.pairs()]


def test_the_most_severe_stay_and_come_first() -> None:
    assert ids(worst(*((b"%d" % n, bad(10, n)) for n in range(1, 9)))) == [b"8", b"7", b"6"]


def test_a_pair_that_agrees_is_not_kept() -> None:
    assert ids(worst((b"1", bad(3, 0)))) == []


def test_of_equals_the_smaller_id_stays() -> None:
    assert ids(worst(*((b"%d" % n, bad(2, 1)) for n in (5, 3, 9, 1, 7)))) == [b"1", b"3", b"5"]


def test_failures_have_a_quarter_of_the_places() -> None:
    found = worst(*((b"f%d" % n, FAILED) for n in range(9)), *((b"d%d" % n, bad(2, 1)) for n in range(9)))

    assert ids(found) == [b"f0", b"d0", b"d1", b"d2"]


def test_pairs_of_before_then_are_forgotten_and_make_room() -> None:
    found = worst((b"1", bad(2, 2)), (b"2", bad(2, 1)), (b"3", FAILED))
    found.add(b"4", 9, bad(2, 1), b"r", b"p", b"b")
    gone = found.forget(9)
    for number in (5, 6, 7):
        found.add(b"%d" % number, 9, bad(4, 1), b"r", b"p", b"b")

    assert (gone, ids(found)) == (3, [b"4", b"5", b"6"])


def test_nothing_is_kept_where_nothing_is_asked_for() -> None:
    assert ids(worst((b"1", bad(2, 2)), (b"2", FAILED), limit=1)) == [b"1"]


def test_a_long_body_is_cut_to_the_pairs_share_and_says_so() -> None:
    (pair,) = worst((b"1", bad(2, 1)), max_bytes=4 * 3512, body=b"x" * 5000).pairs()

    assert (len(pair.shadow), pair.primary, pair.is_cut) == (1000, b"p", True)


def test_what_a_pair_says_can_be_read() -> None:
    one, other = (Answer("answered", 200, 1, Table(("p",), [(v,)]), body=b"%f" % v) for v in (1.0, 1.5))
    (pair,) = worst((b"1", compare(one, other, CompareSettings()))).pairs()

    assert pair.details == {"p (number)": {"absolute_error": 0.5, "relative_error": 0.5 / 1.5}}


def test_paths_are_the_differences_own_or_those_it_is_handed() -> None:
    found = Worst(4, 10**6)
    found.add(b"1", 5, bad(2, 1), b"", b"", b"", [PathDifference("$.a", Change.ADDED, 1)])

    assert found.pairs()[0].paths == [("$.a", "added", 1)]


def test_who_would_not_stay_is_not_wanted() -> None:
    found = worst(*((b"%d" % n, bad(10, 5)) for n in range(3)))

    assert [found.wants(b"9", bad(10, n)) for n in (4, 5, 6)] == [False, False, True]


PAIRS = st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.integers(0, 4)), max_size=30, unique_by=lambda p: p[0])


@given(PAIRS, st.randoms(use_true_random=False), st.integers(0, 30))
def test_in_any_order_and_in_any_parts_the_same_pairs_stay(
    pairs: list[tuple[bytes, int]], shuffler: random.Random, cut: int
) -> None:
    made = [(request_id, bad(4, n) if n else FAILED) for request_id, n in pairs]
    expected = worst(*made).pairs()
    shuffler.shuffle(made)
    merged = worst(*made[:cut])
    merged.merge(worst(*made[cut:]))

    assert worst(*made).pairs() == expected
    assert merged.pairs() == expected


@given(PAIRS)
def test_after_a_restart_they_are_still_there(pairs: list[tuple[bytes, int]]) -> None:
    before, after = worst(*((request_id, bad(4, n)) for request_id, n in pairs)), worst()
    after.restore(before.state())

    assert after.pairs() == before.pairs()

"""Labels of unknown requests as a timetable: what waits, what is found, what was in vain."""

from time import process_time

from watchtower.performance.labels import Label
from watchtower.performance.pending import PendingLabels


def label(request_id: bytes, value: int = 1, row: int = 0, at_ns: int = 0) -> Label:
    return Label(request_id, row, value, at_ns)


def waiting(*labels: Label, limit: int = 10) -> PendingLabels:
    pending = PendingLabels(period_ns=100, limit=limit)
    for moment, each in enumerate(labels):
        pending.wait(each, moment)
    return pending


def test_a_label_waits_until_its_request_is_known() -> None:
    pending = waiting(label(b"a"), label(b"b"))

    assert pending.found([b"b", b"c"]) == [label(b"b")]
    assert (len(pending), pending.found([b"b"])) == (1, [])


def test_all_rows_of_a_request_are_found_at_once() -> None:
    pending = waiting(label(b"a", row=0), label(b"b"), label(b"a", row=1))

    assert pending.found([b"a"]) == [label(b"a", row=0), label(b"a", row=1)]


def test_a_label_that_comes_twice_waits_once() -> None:
    pending = waiting(label(b"a"), label(b"a"))

    assert len(pending) == 1


def test_of_two_labels_of_one_row_the_later_one_counts() -> None:
    pending = waiting(label(b"a", 7, at_ns=5), label(b"a", 8, at_ns=4))

    assert pending.found([b"a"]) == [label(b"a", 7, at_ns=5)]


def test_what_waited_for_its_whole_period_is_counted() -> None:
    pending = waiting(label(b"a"), label(b"b"))

    assert [pending.expire(99), pending.expire(100), pending.expire(101)] == [0, 1, 1]
    assert (len(pending), pending.expired) == (0, 2)


def test_beyond_the_limit_the_oldest_is_dropped_and_counted() -> None:
    pending = waiting(label(b"a"), label(b"b"), label(b"c"), limit=2)

    assert (pending.found([b"a", b"b", b"c"]), pending.dropped) == ([label(b"b"), label(b"c")], 1)


def test_what_is_restored_waits_as_long_as_it_would_have() -> None:
    restored = PendingLabels(period_ns=100, limit=10)

    restored.restore(waiting(label(b"a"), label(b"b")).state())

    assert [restored.expire(100), len(restored)] == [1, 1]


def test_what_a_lower_limit_drops_is_counted_too() -> None:
    restored = PendingLabels(period_ns=100, limit=1)

    restored.restore(waiting(label(b"a"), label(b"b")).state())

    assert (len(restored), restored.dropped) == (1, 1)


def test_many_that_end_at_once_are_quickly_gone() -> None:
    waiting = PendingLabels(period_ns=10, limit=100_000)
    for number in range(100_000):
        waiting.wait(Label(b"%d" % number, 0, 1, 0), 0)
    begun = process_time()

    assert waiting.expire(10) == 100_000
    assert process_time() - begun < 2  # a tenth of that; with a dict it was ten seconds

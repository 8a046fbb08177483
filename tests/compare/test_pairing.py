from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from watchtower.compare.pairing import Pair, Pairer, Reason, Unpaired

SECOND = 1_000_000_000
FAR = 10**18


def pairer(wait_s: float = 16.0, max_bytes: int = 10**6) -> Pairer[str]:
    return Pairer(wait_s, max_bytes)


def test_a_shadow_that_comes_second_is_paired() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", 5, 10)

    assert pairs.shadow(b"1", "v2", "s", 7, 10) == Pair(b"1", "v2", "p", "s", 5)


def test_a_shadow_that_comes_first_is_paired() -> None:
    pairs = pairer()
    pairs.shadow(b"1", "v2", "s", 7, 10)

    assert pairs.primary(b"1", ["v2"], "p", 5, 10) == [Pair(b"1", "v2", "p", "s", 5)]


def test_a_primary_waits_for_each_of_its_shadows() -> None:
    pairs = pairer()
    pairs.shadow(b"1", "v2", "s2", 7, 10)

    found = [*pairs.primary(b"1", ["v2", "v3"], "p", 5, 10), pairs.shadow(b"1", "v3", "s3", 8, 10)]

    assert found == [Pair(b"1", "v2", "p", "s2", 5), Pair(b"1", "v3", "p", "s3", 5)]


def test_nothing_is_held_once_all_have_come() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", 5, 10)
    pairs.shadow(b"1", "v2", "s", 7, 10)

    assert (len(pairs), pairs.size) == (0, 0)


def test_a_primary_that_expects_nobody_is_not_held() -> None:
    pairs = pairer()

    assert (pairs.primary(b"1", [], "p", 5, 10), len(pairs)) == ([], 0)


def test_a_primary_that_waited_in_vain_is_given_back() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", 0, 10)
    pairs.primary(b"2", ["v2"], "q", 20 * SECOND, 10)

    assert pairs.expire(FAR) == [Unpaired(b"1", "v2", "p", Reason.NO_SHADOW)]


def test_a_shadow_without_a_primary_is_given_back() -> None:
    pairs = pairer()
    pairs.shadow(b"1", "v2", "s", 0, 10)
    pairs.shadow(b"2", "v2", "t", 20 * SECOND, 10)

    assert pairs.expire(FAR) == [Unpaired(b"1", "v2", "s", Reason.NO_PRIMARY)]


def test_who_waits_no_longer_than_the_wait_stays() -> None:
    pairs = pairer(wait_s=16)
    pairs.primary(b"1", ["v2"], "p", SECOND // 2, 10)
    pairs.primary(b"2", ["v2"], "q", 16 * SECOND, 10)

    assert pairs.expire(FAR) == []


def test_who_took_long_waits_from_its_end_on() -> None:
    pairs = pairer(wait_s=16)
    pairs.primary(b"1", ["v2"], "p", 0, 10, took_ns=50 * SECOND)
    pairs.shadow(b"2", "v2", "s", 0, 10, took_ns=50 * SECOND)
    pairs.expire(FAR)
    pairs.primary(b"3", [], "q", 66 * SECOND, 10)

    assert (pairs.expire(FAR), len(pairs)) == ([], 2)


def test_what_comes_last_of_several_is_waited_from() -> None:
    pairs = pairer(wait_s=16)
    pairs.shadow(b"1", "v2", "s2", 0, 10)
    pairs.shadow(b"1", "v3", "s3", 0, 10, took_ns=10 * SECOND)
    pairs.primary(b"1", ["v2", "v3", "v4"], "p", 0, 10, took_ns=20 * SECOND)
    pairs.expire(FAR)
    pairs.primary(b"2", [], "q", 36 * SECOND, 10)
    kept = pairs.expire(FAR)
    pairs.primary(b"3", [], "q", 40 * SECOND, 10)

    assert (kept, pairs.expire(FAR)) == ([], [Unpaired(b"1", "v4", "p", Reason.NO_SHADOW)])


def test_time_is_the_items_own() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", 0, 10)

    assert pairs.expire(FAR) == []


def test_a_start_in_the_future_expires_nobody_before_the_clock_agrees() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", 0, 10)
    pairs.primary(b"2", ["v2"], "q", FAR, 10)

    assert pairs.expire(5 * SECOND) == []


def test_one_start_in_the_future_ends_nobodys_wait() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "p", FAR // 2, 10)
    for number in range(2, 5):
        pairs.primary(b"%d" % number, ["v2"], "p", number * SECOND, 10)
    kept = pairs.expire(FAR)
    pairs.primary(b"5", ["v2"], "p", 5 * SECOND, 10)

    assert (kept, pairs.expire(FAR), len(pairs)) == ([], [], 5)


def test_beyond_the_bytes_the_oldest_goes_first() -> None:
    pairs = pairer(max_bytes=2000)
    for number in range(3):
        pairs.primary(b"%d" % number, ["v2"], "p", number * SECOND, 500)

    found = [pairs.shadow(b"%d" % number, "v2", "s", 4 * SECOND, 1) is not None for number in (2, 1, 0)]

    assert (found, pairs.unpaired["v2", Reason.EVICTED]) == ([True, True, False], 1)


def test_an_item_larger_than_the_memory_is_given_up_itself() -> None:
    pairs = pairer(max_bytes=2000)
    pairs.primary(b"1", ["v2"], "p", 0, 5000)

    assert (len(pairs), pairs.size, pairs.unpaired["v2", Reason.EVICTED]) == (0, 0, 1)


def test_an_id_that_comes_twice_is_counted_and_the_first_stays() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2"], "first", 0, 10)
    pairs.primary(b"1", ["v2"], "second", 1, 10)
    pair = pairs.shadow(b"1", "v2", "s", 2, 10)

    assert (pair and pair.primary, pairs.unpaired["v2", Reason.DUPLICATE]) == ("first", 1)


def test_at_the_end_of_a_recording_all_that_waits_is_given_back() -> None:
    pairs = pairer()
    pairs.primary(b"1", ["v2", "v3"], "p", 0, 10)

    assert [leg.shadow for leg in pairs.flush()] == ["v2", "v3"]


Offer = tuple[int, str, int]  # id, "" for the primary or a shadow's name, when
OFFERS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["", "v2", "v3"]), st.integers(0, 60)), max_size=40)


def offered(pairs: Pairer[str], offers: Sequence[Offer]) -> list[Pair[str]]:
    found: list[Pair[str]] = []
    for number, (key, name, at) in enumerate(offers):
        request_id, item = b"%d" % key, f"{key}{name}#{number}"
        if name:
            pair = pairs.shadow(request_id, name, item, at * SECOND, 100, took_ns=key * SECOND)
            found += [pair] if pair else []
        else:
            found += pairs.primary(request_id, ["v2", "v3"], item, at * SECOND, 100, took_ns=number % 5 * SECOND)
        if number % 7 == 6:
            pairs.expire(FAR)
    return found


@given(OFFERS, st.integers(300, 3000))
def test_every_end_of_a_leg_is_accounted_for_exactly_once(offers: list[Offer], max_bytes: int) -> None:
    pairs = pairer(wait_s=5, max_bytes=max_bytes)
    found = offered(pairs, offers)
    pairs.flush()

    ends = sum(1 if name else 2 for _, name, _ in offers)
    assert ends == 2 * len(found) + sum(pairs.unpaired.values())
    assert (sum(pairs.paired.values()), len(pairs), pairs.size) == (len(found), 0, 0)


@given(OFFERS)
def test_only_ends_of_one_leg_are_paired_and_no_end_twice(offers: list[Offer]) -> None:
    found = offered(pairer(wait_s=5), offers)
    ends = Counter([pair.answer for pair in found] + [f"{pair.shadow}{pair.primary}" for pair in found])

    assert all(pair.primary.startswith(f"{int(pair.request_id)}#") for pair in found)
    assert all(pair.answer.startswith(f"{int(pair.request_id)}{pair.shadow}#") for pair in found)
    assert set(ends.values()) <= {1}


@given(OFFERS, OFFERS)
def test_after_a_restart_it_pairs_as_before(before: list[Offer], after: list[Offer]) -> None:
    first, second = pairer(wait_s=5), pairer(wait_s=5)
    offered(first, before)
    second.restore(first.state(str.encode), bytes.decode)

    assert (offered(second, after), second.flush()) == (offered(first, after), first.flush())
    assert (second.paired, second.unpaired) == (first.paired, first.unpaired)


def test_a_wait_that_was_changed_keeps_who_waits() -> None:
    before, after = pairer(wait_s=16), pairer(wait_s=160)
    before.primary(b"1", ["v2"], "p", 50 * SECOND, 10)
    after.restore(before.state(str.encode), bytes.decode)
    after.primary(b"2", ["v2"], "p", 200 * SECOND, 10)

    assert (after.expire(FAR), len(after)) == ([], 2)

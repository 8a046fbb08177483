import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.compare.structure import MAX_PATHS, OTHER_PATHS, Change, Structure

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=4),
    max_leaves=20,
)


def found(a: object, b: object, ignore: tuple[str, ...] = (), unordered: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    differences = Structure(ignore, unordered, 1e-6, 1e-6).differences(a, b)
    return [(difference.path, difference.change.value) for difference in differences]


def test_a_member_that_the_shadow_lacks_is_missing() -> None:
    assert found({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {}}) == [("$.b.c", "missing")]


def test_a_member_that_the_primary_lacks_is_added() -> None:
    assert found({"a": 1}, {"a": 1, "b": 2}) == [("$.b", "added")]


def test_a_value_of_another_type_is_retyped() -> None:
    assert found({"a": 1, "b": [1]}, {"a": "1", "b": {"0": 1}}) == [("$.a", "retyped"), ("$.b", "retyped")]


def test_a_value_beyond_the_tolerance_is_changed() -> None:
    assert found({"a": 1.0, "b": 1.0}, {"a": 1.1, "b": 1.0 + 1e-9}) == [("$.a", "changed")]


def test_one_and_one_point_zero_are_the_same() -> None:
    assert found([1, True], [1.0, True]) == []


def test_a_true_is_no_one() -> None:
    assert found(True, 1) == [("$", "retyped")]


def test_items_of_a_list_are_added_up_under_one_path() -> None:
    differences = Structure((), (), 0, 0).differences([{"x": i} for i in range(9)], [{"x": -1} for _ in range(9)])

    assert [(d.path, d.change, d.times) for d in differences] == [("$[*].x", Change.CHANGED, 9)]


@pytest.mark.parametrize("path", ["$.a.b", "$..b", "$['a'].b", "$.*.b", "$.a"])
def test_what_is_ignored_may_differ(path: str) -> None:
    assert found({"a": {"b": 1}}, {"a": {"b": 2}}, ignore=(path,)) == []


def test_an_item_is_ignored_by_its_place() -> None:
    assert found({"a": [1, 2]}, {"a": [3, 4]}, ignore=("$.a[0]",)) == [("$.a[*]", "changed")]


def test_an_unordered_list_may_stand_in_any_order() -> None:
    assert found({"a": [1, 2, {"b": 3}]}, {"a": [{"b": 3.0}, 2, 1]}, unordered=("$.a",)) == []


def test_items_count_as_often_as_they_come_in_an_unordered_list() -> None:
    assert found({"a": [1, 1, 2]}, {"a": [1, 2]}, unordered=("$.a",)) == [("$.a[*]", "missing")]


def test_an_unordered_list_is_sorted_without_what_is_ignored() -> None:
    a = {"items": [{"id": 1, "took": 5}, {"id": 2, "took": 1}]}
    b = {"items": [{"id": 2, "took": 9}, {"id": 1, "took": 7}]}

    assert found(a, b, ignore=("$.items[*].took",), unordered=("$.items",)) == []


def test_a_thousand_changed_paths_are_capped_and_counted() -> None:
    differences = Structure((), (), 0, 0).differences({str(i): 1 for i in range(999)}, {str(i): 2 for i in range(999)})

    assert len(differences) == MAX_PATHS + 1
    assert sum(difference.times for difference in differences) == 999
    assert OTHER_PATHS in {difference.path for difference in differences}


def test_the_depth_of_a_document_is_nobodys_stack() -> None:
    deep: list[list[Any]] = [[], []]
    for number, bottom in enumerate(deep):
        for _ in range(1000):
            bottom.append([])
            bottom = bottom[0]  # noqa: PLW2901  down it goes
        bottom.append(number)

    assert found({"a": deep[0]}, {"a": deep[1]}, unordered=("$.a",)) != []


@pytest.mark.parametrize("unordered", [(), ("$.a",)])
def test_a_long_key_with_many_members_takes_no_more_than_its_document_does(unordered: tuple[str, ...]) -> None:
    key = "k" * 100_000
    one, other = ({"a": [{key: {str(member): value for member in range(1000)}}]} for value in (1, 2))
    tracemalloc.start()

    [(path, _)] = found(one, other, unordered=unordered)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 10e6
    assert len(path) < 300


def test_items_with_the_same_members_in_another_order_are_equal() -> None:
    a, b = [{"x": 1, "y": {"p": 1, "q": [1, {}]}}, {"x": 2}], [{"x": 2}, {"y": {"q": [1, {}], "p": 1}, "x": 1}]

    assert found({"a": a}, {"a": b}, unordered=("$.a",)) == []


@pytest.mark.parametrize(
    ("a", "b"), [([[1], 2], [[1, 2]]), ([{"x": {}, "y": 1}], [{"x": {"y": 1}}]), ([[], []], [[[]]]), ([{}], [[]])]
)
def test_items_of_another_shape_are_not_equal(a: list[Any], b: list[Any]) -> None:
    assert found({"a": [a]}, {"a": [b]}, unordered=("$.a",)) != []


@given(JSON)
def test_a_document_does_not_differ_from_itself(document: object) -> None:
    assert found(document, document, unordered=("$..a",)) == []


@given(JSON, JSON)
def test_seen_from_the_other_side_missing_is_added(a: object, b: object) -> None:
    turned = {"missing": "added", "added": "missing"}

    assert sorted((path, turned.get(change, change)) for path, change in found(b, a)) == sorted(found(a, b))

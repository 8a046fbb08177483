from collections.abc import Iterator
from pathlib import Path

import pytest

from watchtower.store.inbox import InboxLabel, LabelInbox, Received
from watchtower.store.state import State


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[LabelInbox]:
    with State(tmp_path) as state:
        yield state.labels


def label(request_id: str, value: str | float | bool = "yes", at_ns: int = 10, row: int = 0) -> InboxLabel:
    return InboxLabel(request_id, row, value, at_ns)


def values(labels: list[InboxLabel]) -> list[tuple[str, object]]:
    return [(each.request_id, each.value) for each in labels]


def test_labels_are_read_in_the_order_in_which_they_came(inbox: LabelInbox) -> None:
    inbox.put([label("b"), label("a")])

    assert values(inbox.after(0, 10)) == [("b", "yes"), ("a", "yes")]


def test_who_reads_on_from_a_number_meets_only_what_is_behind_it(inbox: LabelInbox) -> None:
    inbox.put([label("a"), label("b"), label("c")])
    first = inbox.after(0, 2)

    assert values(inbox.after(first[-1].number, 10)) == [("c", "yes")]


def test_the_same_label_again_changes_nothing(inbox: LabelInbox) -> None:
    inbox.put([label("a")])

    assert inbox.put([label("a"), label("a", at_ns=99)]) == Received(repeated=2)
    assert inbox.size == 1


def test_another_value_is_an_update_and_is_met_again(inbox: LabelInbox) -> None:
    inbox.put([label("a"), label("b")])
    read = inbox.after(0, 10)[-1].number

    assert inbox.put([label("a", "no", at_ns=11)]) == Received(updated=1)
    assert values(inbox.after(read, 10)) == [("a", "no")]
    assert inbox.size == 2


def test_an_older_value_does_not_replace_a_newer_one(inbox: LabelInbox) -> None:
    inbox.put([label("a", "no", at_ns=11)])

    assert inbox.put([label("a", "yes", at_ns=10)]) == Received(outdated=1)
    assert values(inbox.after(0, 10)) == [("a", "no")]


@pytest.mark.parametrize("value", ["1", 1, 1.0, True, "", "ü"])
def test_a_value_keeps_its_type(value: str | float | bool, inbox: LabelInbox) -> None:
    inbox.put([label("a", value)])
    (found,) = inbox.after(0, 1)

    assert (found.value, type(found.value)) == (value, type(value))


def test_each_row_of_a_request_has_its_own(inbox: LabelInbox) -> None:
    inbox.put([label("a", "x", row=0), label("a", "y", row=1), label("b", "z")])

    assert values(inbox.after(0, 10)) == [("a", "x"), ("a", "y"), ("b", "z")]


def test_each_endpoint_that_is_named_has_its_own(inbox: LabelInbox) -> None:
    named = label("a", "x")._replace(endpoint="churn")
    inbox.put([named, named._replace(endpoint="fraud", value="y"), label("a", "z")])

    assert [(each.endpoint, each.value) for each in inbox.after(0, 10)] == [("churn", "x"), ("fraud", "y"), ("", "z")]
    assert inbox.put([named._replace(value="y", at_ns=11), label("a", "z")]) == Received(updated=1, repeated=1)


def test_labels_are_forgotten_when_their_period_has_ended_and_they_were_read(inbox: LabelInbox) -> None:
    inbox.put([label("old", at_ns=1), label("new", at_ns=50), label("unread", at_ns=1)])
    read = inbox.after(0, 2)[-1].number

    assert inbox.forget(before_ns=20, up_to_number=read) == 1
    assert values(inbox.after(0, 10)) == [("new", "yes"), ("unread", "yes")]


def test_a_number_is_not_given_again_when_its_label_was_forgotten(inbox: LabelInbox) -> None:
    inbox.put([label("a", at_ns=1)])
    (first,) = inbox.after(0, 1)
    inbox.forget(before_ns=20, up_to_number=first.number)
    inbox.put([label("b")])

    assert values(inbox.after(first.number, 10)) == [("b", "yes")]


def test_two_processes_put_labels_while_a_third_reads(tmp_path: Path) -> None:
    with State(tmp_path) as one, State(tmp_path) as other, State(tmp_path) as reader:
        one.labels.put([label("a")])
        other.labels.put([label("b"), label("a")])

        assert values(reader.labels.after(0, 10)) == [("a", "yes"), ("b", "yes")]


def test_a_value_that_was_sent_again_is_not_overruled_by_one_from_between(inbox: LabelInbox) -> None:
    inbox.put([label("a", "yes", at_ns=1), label("a", "yes", at_ns=10)])

    assert inbox.put([label("a", "no", at_ns=5)]) == Received(outdated=1)
    assert values(inbox.after(0, 10)) == [("a", "yes")]

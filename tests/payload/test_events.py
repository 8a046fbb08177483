import pytest

from watchtower.payload.events import events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_any_of_the_three_ways(end: bytes) -> None:
    assert events(end.join([b"data: a", b"", b"data: b", b"", b""])) == ([b"a", b"b"], True)


def test_comments_and_other_fields_are_passed_over() -> None:
    assert events(b": wait\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n").data == [b"a"]


def test_data_of_several_lines_are_one() -> None:
    assert events(b"data: {\ndata: }\n\n").data == [b"{\n}"]


def test_one_blank_behind_the_colon_is_taken_off_and_no_second() -> None:
    assert events(b"data:a\n\ndata: b\n\ndata:  c\n\ndata\n\n").data == [b"a", b"b", b" c", b""]


def test_an_event_without_an_end_is_given_and_marked() -> None:
    assert events(b"data: a\n\ndata: b") == ([b"a", b"b"], False)


def test_many_blank_lines_and_a_byte_order_mark_change_nothing() -> None:
    assert events(b"\xef\xbb\xbfdata: a\n\n\n\n\ndata: b\n\n\n").data == [b"a", b"b"]


def test_nothing_is_no_event() -> None:
    assert events(b"") == ([], True)

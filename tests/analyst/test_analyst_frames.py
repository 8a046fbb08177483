import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from recording import ORIGIN_NS, primary

from watchtower.analyst.frames import Frame, Frames
from watchtower.analyst.keeping import row_columns
from watchtower.clock import SECOND
from watchtower.table import EMPTY, Table

MINUTE_NS = 60 * SECOND
ROWS = st.lists(st.lists(st.integers(), min_size=2, max_size=2), max_size=4)


def framed(*added: tuple[float, Table, Table]) -> list[Frame]:
    frames = Frames(MINUTE_NS)
    for number, (at_s, asked, answered) in enumerate(added):
        frames.add(primary(number, b"", b"", at_s), asked, answered)
    return list(frames.take())


def ages(*values: int) -> Table:
    return Table(("age",), [[value] for value in values])


def test_an_exchange_without_rows_makes_no_frame() -> None:
    assert framed((0, EMPTY, EMPTY)) == []


def test_rows_of_one_window_and_shape_share_a_frame() -> None:
    [frame] = framed((0, ages(1), EMPTY), (59, ages(2, 3), EMPTY))

    assert (frame.inputs(), frame.row_numbers) == ([(1, 2, 3)], [0, 0, 1])


def test_windows_come_in_their_order() -> None:
    frames = framed((120, ages(3), EMPTY), (0, ages(1), EMPTY), (60, ages(2), EMPTY))

    assert [frame.key.window_ns - ORIGIN_NS for frame in frames] == [0, MINUTE_NS, 2 * MINUTE_NS]


def test_other_columns_make_another_frame() -> None:
    frames = framed((0, ages(1), EMPTY), (0, Table(("plan",), [["gold"]]), EMPTY))

    assert [frame.key.inputs for frame in frames] == [("age",), ("plan",)]


def test_what_is_taken_is_not_there_again() -> None:
    frames = Frames(MINUTE_NS)
    frames.add(primary(1, b"", b""), ages(1), EMPTY)
    list(frames.take())

    assert list(frames.take()) == []


@given(asked=ROWS, answered=ROWS)
def test_both_sides_have_as_many_rows_and_none_is_lost(asked: list[list[int]], answered: list[list[int]]) -> None:
    count = max(len(asked), len(answered))
    names = ("a", "b")
    frames = framed((0, Table(names, asked) if asked else EMPTY, Table(names, answered) if answered else EMPTY))
    columns = row_columns(frames[0]) if frames else {}
    for side, rows in (("in", asked), ("out", answered)):
        if rows:
            found = list(zip(columns[f"{side}.a"], columns[f"{side}.b"], strict=True))

            assert found == [*map(tuple, rows), *[(None, None)] * (count - len(rows))]


@given(st.lists(st.integers(0, 600), max_size=30))
def test_every_row_is_in_the_window_of_its_time(starts: list[int]) -> None:
    frames = framed(*((start, ages(start), EMPTY) for start in starts))
    found = {(frame.key.window_ns - ORIGIN_NS, cell) for frame in frames for cell in frame.inputs()[0]}

    assert found == {(start // 60 * MINUTE_NS, start) for start in starts}
    assert sum(map(len, frames)) == len(starts)
    assert all(np.diff([frame.key.window_ns for frame in frames]) >= 0)

from watchtower.clock import DOUBT_NS, SECOND, ManualClock, PatientClock, patient

START = 1_700_000_000 * SECOND
DAY = 86_400 * SECOND
HOUR = 3_600 * SECOND


def times(*moments: tuple[int, int]) -> list[int]:
    """What it says at each, as (wall, steady), in nanoseconds since the first."""
    clock = PatientClock()
    clock.now_ns(START, 0)
    return [clock.now_ns(START + wall, steady) - START for wall, steady in moments]


def test_without_a_step_it_is_the_wall_clock() -> None:
    assert times((HOUR, HOUR), (9 * DAY, 9 * DAY)) == [HOUR, 9 * DAY]


def test_a_step_forward_is_doubted_at_first() -> None:
    assert times((30 * DAY, HOUR), (30 * DAY + HOUR, 2 * HOUR)) == [HOUR, 2 * HOUR]


def test_a_step_forward_that_stands_is_believed() -> None:
    assert times((30 * DAY, HOUR), (30 * DAY + DOUBT_NS, HOUR + DOUBT_NS))[1] == 30 * DAY + DOUBT_NS


def test_a_step_forward_that_is_taken_back_leaves_no_doubt_behind() -> None:
    found = times((30 * DAY, HOUR), (2 * HOUR, 2 * HOUR), (30 * DAY, 3 * HOUR), (30 * DAY + DAY, 3 * HOUR + DAY - 1))

    assert found == [HOUR, 2 * HOUR, 3 * HOUR, 3 * HOUR + DAY - 1]


def test_a_step_back_is_believed_at_once() -> None:
    assert times((-DAY, HOUR)) == [-DAY]


def test_a_clock_that_is_slewed_is_followed() -> None:
    found = times(*((steady + steady // 1000, steady) for steady in range(HOUR, 100 * HOUR, HOUR)))

    assert found == [steady + steady // 1000 for steady in range(HOUR, 100 * HOUR, HOUR)]


def test_it_believes_the_clock_of_when_it_is_made_and_not_of_the_first_question() -> None:
    clock = ManualClock()
    careful_ns = patient(clock.clock())
    clock.epoch_ns += 8 * DAY

    assert careful_ns() == clock.wall_ns() - 8 * DAY

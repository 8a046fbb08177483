from watchtower.analyst.rolling import Rolling

SPAN = 10


class Days:
    """When something was added."""

    def __init__(self) -> None:
        self.days: list[int] = []

    def merge(self, other: "Days") -> None:
        self.days = [*self.days, *other.days]

    def state(self) -> bytes:
        return bytes(self.days)

    def restore(self, data: bytes) -> None:
        self.days = list(data)


def shown(*days: int) -> list[int]:
    rolling = Rolling(Days, SPAN)
    for day in days:
        rolling.at(day).days.append(day)
    return rolling.whole.days


def test_the_span_before_is_still_shown() -> None:
    assert shown(0, 9, 12) == [0, 9, 12]


def test_the_span_before_that_is_not() -> None:
    assert shown(0, 12, 24) == [12, 24]


def test_what_is_long_past_is_forgotten_over_a_gap() -> None:
    assert shown(0, 9, 30) == [30]


def test_a_clock_that_was_ahead_keeps_nothing_for_longer() -> None:
    rolling = Rolling(Days, SPAN)
    for day in (80, 95, 3, 14, 25):
        rolling.set_back(day)
        rolling.at(day).days.append(day)

    assert (rolling.whole.days, rolling.since_ns) == ([14, 25], 14)


def test_where_nothing_is_added_any_more_the_spans_end_all_the_same() -> None:
    rolling = Rolling(Days, SPAN)
    for day in (0, 12):
        rolling.at(day).days.append(day)

    assert [(rolling.forget(day), rolling.whole.days) for day in (21, 22, 31, 32)] == [
        (False, [0, 12]),
        (False, [12]),
        (False, [12]),
        (True, [12]),
    ]

import io
import json
import logging
from collections.abc import Iterator

import pytest

from watchtower.control.logs import JsonFormatter, TextFormatter, set_up
from watchtower.control.settings import LogSettings
from watchtower.units import Secret


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; the root logger is as it was, afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield io.StringIO()
    root.handlers, root.level = before


def record(event: str, **fields: object) -> logging.LogRecord:
    named = {"name": "watchtower.x", "levelname": "WARNING", "msg": event, "created": 1.5}
    return logging.makeLogRecord({**named, **fields})


def test_a_json_line_has_time_level_logger_event_and_fields() -> None:
    line = json.loads(JsonFormatter().format(record("a worker has ended", place=1)))

    assert line == {
        "ts": "1970-01-01T00:00:01.500Z",
        "level": "warning",
        "logger": "watchtower.x",
        "event": "a worker has ended",
        "place": 1,
    }


def test_a_text_line_reads_from_left_to_right() -> None:
    line = TextFormatter().format(record("a worker has ended", place=1))

    assert line == "1970-01-01T00:00:01.500Z warning a worker has ended  place=1"


def test_a_line_break_in_a_field_makes_no_second_json_line() -> None:
    line = JsonFormatter().format(record("refused", name_given="a\nb"))

    assert "\n" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_secret_is_not_shown(formatter: logging.Formatter) -> None:
    assert "hunter2" not in formatter.format(record("token", token=Secret("hunter2"), deep=[Secret("hunter2")]))


def test_an_exception_stays_within_its_json_line() -> None:
    error = ValueError("broken")

    line = JsonFormatter().format(record("a task failed", exc_info=(ValueError, error, None)))

    assert json.loads(line)["exception"].endswith("broken")


def test_lines_say_which_process_wrote_them(stream: io.StringIO) -> None:
    set_up(LogSettings(), "w1", stream)

    logging.getLogger("anything").info("started")

    assert json.loads(stream.getvalue())["process"] == "w1"


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    set_up(LogSettings(level="error"), "w1", stream)

    logging.getLogger("anything").warning("hidden")

    assert stream.getvalue() == ""


def test_text_is_written_where_it_is_asked_for(stream: io.StringIO) -> None:
    set_up(LogSettings(format="text"), "w1", stream)

    logging.getLogger("anything").info("started")

    assert stream.getvalue().endswith(" info    started  process=w1\n")

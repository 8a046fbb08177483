"""Log lines of the supervisor and the workers, to standard error: a JSON object each, or text for a person.

A line has a time, a level, the logger, the event as fixed text, and fields given by `extra`. What a client sent never
goes into a line, and a Secret formats itself away.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from watchtower.control.settings import LogSettings

_STANDARD: Final = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_plain(line), ensure_ascii=False)


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower():<8}{record.getMessage()}"
        line += "".join(f"  {name}={value}" for name, value in _fields(record).items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(settings: LogSettings, process: str, stream: TextIO | None = None) -> None:
    """Sends every logger's lines to one stream; each line says which process wrote it."""
    stream = stream or sys.stderr
    is_text = settings.format == "text" or (settings.format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    handler.addFilter(_Stamp(process))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())


class _Stamp(logging.Filter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def filter(self, record: logging.LogRecord) -> bool:
        record.process_name = self._process
        return True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD and name != "process_name"}
    process = getattr(record, "process_name", None)
    return {"process": process, **given} if process else given


def _plain(value: Any) -> Any:
    """Fit for JSON, whose encoder takes a Secret for the text that it is a kind of."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

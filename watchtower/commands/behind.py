"""Whether what the analyst has told is of now, or of a time before it ended, hung or fell behind.

The journal tells, for it is written whether anybody reads it or not: what lies there and is in no commit, nobody has
judged. An endpoint that nobody asks leaves nothing unread, however old its last verdict is, and neither does a
recording that was analysed to its end; both are as true as ever.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from watchtower.clock import SECOND
from watchtower.commands import found
from watchtower.commands.layout import moment
from watchtower.commands.quantities import duration
from watchtower.errors import ConfigError
from watchtower.journal.reader import JournalReader
from watchtower.units import format_duration

# By default: an analyst that keeps up commits every two seconds, and one that begins anew takes some more.
MAX_LAG_S: Final = 60.0
STALE_STATUS: Final = 3  # of a command: nobody knows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-lag",
        metavar="DURATION",
        type=duration,
        default=MAX_LAG_S,
        help=f"how long ago what the analyst has not read may have been recorded ({format_duration(MAX_LAG_S)})",
    )


def stale_since(args: argparse.Namespace, now: float) -> float | None:
    """When what was told began to be of the past; None while it is of now."""
    unread = unread_since(args.data_dir)
    return unread if unread is not None and now - unread > args.max_lag else None


def told(since: float, was: str, now: float) -> Iterator[str]:
    yield f"  STALE: it was {was}; the analyst has read nothing of what came since"
    yield f"  {moment(since, now)}: it is not running, or far behind, as /api/v1/status and the log say"


def unread_since(data_dir: Path) -> float | None:
    """When the oldest exchange was recorded that is in nothing the analyst has told; None where it has read them all."""
    with found.opened(data_dir) as state:
        reader = JournalReader(data_dir / "journal", None, state.offsets)
    try:
        oldest = next(reader.read(), None)
    except OSError as error:
        raise ConfigError([f"{error.filename}: {error.strerror}: nobody can tell how far the analyst is"]) from error
    finally:
        reader.close()
    return None if oldest is None else (oldest.exchange.started_ns + oldest.exchange.total_ns) / SECOND

"""Whether what the analyst has told is of now, or of a time before it ended, hung or fell behind.

The journal tells, for it is written whether anybody reads it or not: what lies there and is in no commit, nobody has
judged. An endpoint that nobody asks leaves nothing unread, however old its last verdict is, and neither does a
recording that was analysed to its end; both are as true as ever.
"""

from pathlib import Path
from typing import Final

from watchtower.clock import SECOND
from watchtower.commands import found
from watchtower.errors import ConfigError
from watchtower.journal.reader import JournalReader

# By default: an analyst that keeps up commits every two seconds, and one that begins anew takes some more.
MAX_LAG_S: Final = 60.0


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

"""What a worker that was killed took with it: records that waited for the disk in its memory."""

import json
from collections import Counter
from pathlib import Path

from watchtower.metrics.catalogue import JOURNAL_DROPPED, JOURNAL_RECORDS, JOURNAL_WRITTEN
from watchtower.metrics.files import read_series


def unwritten_records(directory: Path, process: str) -> int:
    """Offered, but by its own count neither written nor dropped: none for a worker that ended well.

    A batch that was written, but not counted yet when the kill came, is among them, though it can be read.
    """
    try:
        data = (directory / f"counter_{process}.db").read_bytes()
    except FileNotFoundError:  # it died before it could count
        return 0
    counted: Counter[str] = Counter()
    for key, value in read_series(data):
        family, *_ = json.loads(key)
        counted[family] += int(value)
    return counted[JOURNAL_RECORDS.family] - counted[JOURNAL_WRITTEN.family] - counted[JOURNAL_DROPPED.family]

"""How far each reader has come: `NAME.offsets.json` in the journal's folder, replaced whole and synced.

Every segment before a stream's position has been read. A reader that has such a file is one that retention waits for.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from watchtower.errors import JournalError
from watchtower.journal.appender import sync_directory
from watchtower.journal.segments import TEMPORARY

_SUFFIX: Final = ".offsets.json"


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in a stream: everything before it has been read."""

    sequence: int = 0
    offset: int = 0


Offsets = dict[str, Position]  # by stream


class _File(msgspec.Struct, frozen=True):
    streams: Offsets
    version: int = 1


def load(directory: Path, reader: str) -> Offsets:
    path = directory / f"{reader}{_SUFFIX}"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).streams
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise JournalError(
            f"{path} is not a reader's offsets ({error}); remove it to read from the beginning"
        ) from error


def save(directory: Path, reader: str, offsets: Mapping[str, Position]) -> None:
    path = directory / f"{reader}{_SUFFIX}"
    temporary = directory / f".{path.name}{TEMPORARY}"
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(_File(dict(offsets))))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(directory)


def load_all(directory: Path) -> dict[str, Offsets]:
    """Of every reader that has ever committed; one whose file is damaged has read nothing."""
    found: dict[str, Offsets] = {}
    for path in sorted(directory.glob(f"[!.]*{_SUFFIX}")):
        name = path.name.removesuffix(_SUFFIX)
        found[name] = {}
        with suppress(JournalError):
            found[name] = load(directory, name)
    return found

"""What the commands read: the analyst's documents in the state database, which a sidecar may be writing meanwhile.

What is not there, or cannot be read, is wrong usage (2), and never the exit status 1 of an alarm or a verdict.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from watchtower.analyst.documents import SHADOW
from watchtower.config.load import load
from watchtower.config.model import Config
from watchtower.errors import ConfigError
from watchtower.store.database import NAME as STATE_FILE
from watchtower.store.database import Access
from watchtower.store.fault import StoreError, StoreFault
from watchtower.store.files import FOLDER
from watchtower.store.state import State

DATA_DIR: Final = ".watchtower"
HERE: Final = Path(DATA_DIR)
T = TypeVar("T", bound=msgspec.Struct)


def add_arguments(parser: argparse.ArgumentParser, *, endpoint: str | None = "only of this endpoint") -> None:
    parser.add_argument("--data-dir", metavar="DIR", type=Path, default=Path(DATA_DIR), help="(.watchtower)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    if endpoint is not None:
        parser.add_argument("--endpoint", metavar="NAME", help=endpoint)


def again(command: str, data_dir: Path) -> str:
    """A command to paste next: of the same state, and by the same installation where none is on the path."""
    program = "watchtower" if shutil.which("watchtower") else f"{shlex.quote(sys.executable)} -m watchtower"
    where = "" if data_dir == HERE else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"{program} {command}{where}"


def add_config(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """For a command that also takes `--data-dir`, which then goes over the file's."""
    text = "with the sidecar's settings, and its data_dir" if not required else "with the endpoints as they were"
    parser.add_argument("--config", metavar="FILE", type=Path, required=required, help=text)
    parser.set_defaults(data_dir=None)


def configured(args: argparse.Namespace) -> tuple[Config | None, Path]:
    """What `--config` says, if it was given, and where the state is."""
    config = load(args.config, os.environ) if args.config is not None else None
    return config, args.data_dir or Path(config.data_dir if config else DATA_DIR)


@contextmanager
def opened(data_dir: Path, access: Access = Access.READ) -> Iterator[State]:
    try:
        if not data_dir.is_dir():
            raise ConfigError([f"{data_dir}: no such folder; --data-dir says where the sidecar keeps its state"])
        with State(data_dir, access) as state:
            yield state
    except StoreError as error:
        is_absent = error.fault is StoreFault.FOLDER_GONE and not (data_dir / STATE_FILE).exists()
        is_lost = any((data_dir / FOLDER).rglob("*.parquet"))
        if access is Access.READ and is_absent and not is_lost:
            raise ConfigError([f"{data_dir}: no exchange has been analysed here yet"]) from error
        raise ConfigError([str(error)]) from error


def documents(data_dir: Path, subject: str, kind: type[T], endpoint: str | None) -> list[T]:
    """Of one endpoint, or of all of them; at least one."""
    prefix = f"{subject}/{endpoint}" if endpoint else f"{subject}/"
    with opened(data_dir) as state:
        found = state.documents(prefix)
    chosen = [text for key, text in found.items() if not endpoint or f"{key}/".startswith(f"{prefix}/")]
    if not chosen:
        about = f"about the endpoint {endpoint}" if endpoint else "yet"
        if subject == SHADOW and not endpoint:
            raise ConfigError([f"{data_dir}: no shadow has been compared; is one configured? --shadow NAME=URL"])
        raise ConfigError([f"{data_dir}: the analyst has told nothing {about} on {subject}"])
    try:
        return [msgspec.json.decode(text, type=kind) for text in chosen]
    except msgspec.MsgspecError as error:
        raise ConfigError([f"{data_dir}: written by another version of watchtower: {error}"]) from error


def print_json(value: object) -> None:
    _write(json.dumps(msgspec.to_builtins(value), indent=2) + "\n")


def print_lines(lines: Sequence[str]) -> None:
    _write("".join(f"{line}\n" for line in lines))


def _write(text: str) -> None:
    with suppress(BrokenPipeError):  # who has seen enough is still owed the exit status
        sys.stdout.write(text)

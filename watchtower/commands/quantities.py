"""What a command line says, as argparse wants it: what is wrong is refused with what would be right."""

import argparse
from datetime import datetime
from pathlib import Path

from watchtower.units import parse_duration


def duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {error}") from error


def instant(text: str) -> float:
    """In seconds since 1970."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a time with its zone, like 2026-11-20T06:00Z")
    return found.timestamp()


def count(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number")


def new_file(text: str) -> Path:
    path = Path(text)
    if not path.name or path.is_dir():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a file's name")
    return path

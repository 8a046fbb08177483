"""Quantities on the command line, as argparse wants them: a wrong one is refused with what would be right."""

import argparse

from watchtower.units import parse_duration


def duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {error}") from error


def count(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number")

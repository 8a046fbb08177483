"""A disk that fills up, and one that may not be written."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system in memory; where it may not be mounted, the test is left out."""
    path.mkdir()
    if os.geteuid() != 0 or subprocess.run(_mount(path, f"size={size}"), check=False, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs takes root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    subprocess.run(_mount(path, "remount,ro"), check=True)
    try:
        yield
    finally:
        subprocess.run(_mount(path, "remount,rw"), check=True)


def _mount(path: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
